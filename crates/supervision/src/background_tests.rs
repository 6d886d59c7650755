use std::sync::Mutex;

use tokio::task::JoinHandle;

use super::*;

const PERIOD: Duration = Duration::from_secs(10);

/// When each run began, counted from the start.
#[derive(Clone)]
struct Runs {
    began: Instant,
    at: Arc<Mutex<Vec<u64>>>,
}

impl Runs {
    fn new() -> Self {
        Self { began: Instant::now(), at: Arc::default() }
    }

    /// Notes a run, and gives its number, from 1.
    fn note(&self) -> usize {
        let mut at = self.at.lock().unwrap();
        at.push(self.began.elapsed().as_secs());
        at.len()
    }

    fn seconds(&self) -> Vec<u64> {
        self.at.lock().unwrap().clone()
    }
}

fn start(task: BackgroundTask) -> JoinHandle<()> {
    tokio::spawn(Supervisor::default().background(task))
}

fn task<F>(run: impl Fn() -> F + Send + Sync + 'static) -> BackgroundTask
where
    F: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    BackgroundTask::new("planted", PERIOD, run)
}

#[tokio::test(start_paused = true)]
async fn a_task_runs_one_period_after_the_end_of_its_last_run() {
    let runs = Runs::new();
    let noted = runs.clone();
    let driver = start(task(move || {
        noted.note();
        sleep(Duration::from_secs(5)).map(Ok)
    }));

    sleep(Duration::from_secs(41)).await;

    assert_eq!(runs.seconds(), [10, 25, 40]);
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_or_takes_too_long_does_not_end_its_task() {
    let runs = Runs::new();
    let noted = runs.clone();
    let failing = task(move || {
        let number = noted.note();
        async move {
            match number {
                1 => Err("planted".into()),
                2 => std::future::pending().await,
                _ => Ok(()),
            }
        }
    });
    let driver = start(failing.timeout(Duration::from_secs(3)));

    sleep(Duration::from_secs(34)).await;

    assert_eq!(runs.seconds(), [10, 20, 33]);
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_starts_a_run_early_and_several_during_a_run_make_one() {
    let (runs, wake_up) = (Runs::new(), Arc::new(Notify::new()));
    let noted = runs.clone();
    let woken = task(move || {
        noted.note();
        sleep(Duration::from_secs(1)).map(Ok)
    });
    let driver = start(woken.woken_by(Arc::clone(&wake_up)));

    sleep(Duration::from_secs(2)).await;
    wake_up.notify_one();
    sleep(Duration::from_millis(500)).await;
    (0..3).for_each(|_| wake_up.notify_one());
    sleep(Duration::from_secs(15)).await;

    assert_eq!(runs.seconds(), [2, 3, 14]);
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_is_down_for_a_moment_and_runs_again() {
    let (runs, supervisor) = (Runs::new(), Supervisor::default());
    let noted = runs.clone();
    let panicking = task(move || {
        assert!(noted.note() > 1, "planted");
        std::future::ready(Ok(()))
    });
    let driver = tokio::spawn(supervisor.background(panicking));

    sleep(Duration::from_millis(10_050)).await;
    let after_the_panic = supervisor.down();
    // The driver starts again 100 ms after the panic.
    sleep(PERIOD + Duration::from_millis(100)).await;

    assert_eq!(after_the_panic, ["planted"]);
    assert_eq!(supervisor.down(), [""; 0]);
    assert_eq!(runs.seconds(), [10, 20]);
    driver.abort();
}

#[test]
fn a_task_that_goes_on_failing_is_logged_at_each_doubling() {
    let logged: Vec<_> = (0..100).filter(|failures| is_worth_a_line(*failures)).collect();

    assert_eq!(logged, [0, 1, 2, 4, 8, 16, 32, 64]);
}
