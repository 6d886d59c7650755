//! Random histories of two processes that share a cache, against what was really committed: a read
//! that begins after its process has followed a row is never answered with older data.

#![allow(clippy::unwrap_used, reason = "it is test code")]

mod world;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache::{
    Answer, Filled, Follower, NoSink, ReadThrough, ReadThroughSettings, SharedCache, Weigh,
};
use domain::{Resource, Seq};
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;
use world::{MemoryLog, MemoryShared, tag};

const KEYS: usize = 3;
const LOGS: [&str; 4] = ["L0", "L1", "L2", "L3"];

#[derive(Clone, Debug)]
enum Step {
    /// Commits a new version of a key; its row may not be to be seen yet.
    Write {
        key: usize,
        hidden: bool,
    },
    /// Shows the oldest row that is hidden, or the newest.
    Show {
        oldest: bool,
    },
    Poll {
        process: usize,
    },
    /// Asks for one key, or for the list of all, and may bring the newest seq.
    Read {
        process: usize,
        what: usize,
        is_sure: bool,
    },
    /// Lets a fill that waits read, or return.
    Continue {
        nth: usize,
    },
    Wait {
        millis: u64,
    },
    /// The store is restored: another log, other data.
    Restore,
}

/// What was in the store: which restore it was, and the version of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct State {
    log: usize,
    versions: [u64; KEYS],
}

#[derive(Clone, Copy, Debug)]
struct Value {
    what: usize,
    state: State,
}

impl Weigh for Value {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The truth, and the fills that wait for it.
struct World {
    log: Arc<MemoryLog>,
    /// The states of the current log: the first one, then one for each row.
    states: Mutex<Vec<State>>,
    paused_fills: Mutex<VecDeque<oneshot::Sender<()>>>,
}

type Cache = ReadThrough<Value, &'static str>;
type Process = (Follower, Cache);

impl World {
    fn new() -> Arc<Self> {
        let log = MemoryLog::at(0);
        log.set(|answers| {
            answers.log = LOGS[0];
            answers.page = 3;
            answers.repeated = 2;
        });
        Arc::new(Self {
            log,
            states: Mutex::new(vec![State::default()]),
            paused_fills: Mutex::default(),
        })
    }

    fn now(&self) -> State {
        *self.states.lock().unwrap().last().unwrap()
    }

    fn write(&self, key: usize, hidden: bool) {
        let mut states = self.states.lock().unwrap();
        let mut state = *states.last().unwrap();
        state.versions[key] += 1;
        states.push(state);
        // `shown` is a tag that the key of the list does not tell.
        let seq = self.log.append(&[&format!("key:{key}"), "shown"]);
        if hidden {
            self.log.set(|answers| answers.hidden.push(seq));
        }
    }

    fn restore(&self) {
        let mut states = self.states.lock().unwrap();
        let next = states.last().unwrap().log + 1;
        if next == LOGS.len() {
            return;
        }
        *states = vec![State { log: next, versions: [0; KEYS] }];
        self.log.set(|answers| {
            answers.log = LOGS[next];
            answers.rows.clear();
            answers.hidden.clear();
            answers.head = 0;
        });
    }

    /// What a value that reflects the process's position must at least hold.
    fn known_to(&self, follower: &Follower) -> State {
        let states = self.states.lock().unwrap();
        let current = states.last().unwrap().log;

        match follower.stamp() {
            Some(stamp) if stamp.log.as_str() == LOGS[current] => states[stamp.seq.0 as usize],
            Some(stamp) => {
                let log = LOGS.iter().position(|log| *log == stamp.log.as_str()).unwrap();
                State { log, versions: [0; KEYS] }
            }
            None => State::default(),
        }
    }

    async fn wait(&self) {
        let (open, opened) = oneshot::channel();
        self.paused_fills.lock().unwrap().push_back(open);

        let _ = opened.await;
    }

    fn open(&self, nth: usize) {
        let mut paused_fills = self.paused_fills.lock().unwrap();
        let count = paused_fills.len();

        if count > 0 {
            let _ = paused_fills.remove(nth % count).unwrap().send(());
        }
    }

    /// Waits, reads, waits again and returns, so that anything can happen in between.
    async fn fill(self: Arc<Self>, what: usize) -> Result<Filled<Value>, &'static str> {
        self.wait().await;
        let state = self.now();
        self.wait().await;
        let tags = if what == KEYS { tag("shown") } else { tag(&format!("key:{what}")) };

        Ok(Filled::new(Value { what, state }, Resource::Products, &[tags]))
    }
}

/// Fails unless `value` holds at least `least`, as far as it shows it.
fn check(value: &Value, least: &State, why: &str) {
    let (value_log, least_log) = (value.state.log, least.log);
    assert!(value_log >= least_log, "{why}: {value:?} is of an older log than {least:?}");

    if value_log == least_log {
        let shows = |key: usize| value.what == KEYS || value.what == key;
        for key in (0..KEYS).filter(|key| shows(*key)) {
            let (has, needs) = (value.state.versions[key], least.versions[key]);
            assert!(has >= needs, "{why}: key {key} is {has} and must be {needs}: {value:?}");
        }
    }
}

fn read(world: &Arc<World>, process: &Process, what: usize, is_sure: bool) -> JoinHandle<()> {
    let (follower, cache) = process.clone();
    let world = Arc::clone(world);
    let mut least = world.known_to(&follower);
    let min_seq = is_sure.then(|| {
        let now = world.now();
        // A reader that brings a seq has it from a write of this very log.
        if least.log == now.log && follower.stamp().is_some() {
            least = now;
        }
        Seq(world.states.lock().unwrap().len() as u64 - 1)
    });

    tokio::spawn(async move {
        let fill = {
            let world = Arc::clone(&world);
            move |_| Arc::clone(&world).fill(what)
        };
        let Ok(answer) = cache.get(&format!("/{what}"), min_seq, fill).await else { return };

        check(answer.value(), &least, "older than the position at the read's beginning");
        check_stamp(&world, &answer);
    })
}

/// Everything up to its stamp is in the value.
fn check_stamp(world: &World, answer: &Answer<Value>) {
    let Some(stamp) = answer.stamp() else { return };
    let states = world.states.lock().unwrap();

    if stamp.log.as_str() == LOGS[states[0].log] {
        check(answer.value(), &states[stamp.seq.0 as usize], "older than its stamp");
    }
}

async fn settle() {
    for _ in 0..40 {
        yield_now().await;
    }
}

async fn play(steps: Vec<Step>) {
    let world = World::new();
    let shared: Arc<dyn SharedCache<Value>> = Arc::new(MemoryShared::default());
    let processes: Vec<Process> = (0..2)
        .map(|_| {
            let follower = Follower::new(Arc::<MemoryLog>::clone(&world.log), Arc::new(NoSink));
            let settings = ReadThroughSettings::default();
            let cache = Cache::behind(follower.clone(), settings, Some(Arc::clone(&shared)));
            (follower, cache)
        })
        .collect();
    let mut reads = Vec::new();

    for step in steps {
        match step {
            Step::Write { key, hidden } => world.write(key, hidden),
            Step::Show { oldest } => world.log.set(|answers| {
                if oldest && !answers.hidden.is_empty() {
                    answers.hidden.remove(0);
                } else {
                    answers.hidden.pop();
                }
            }),
            Step::Poll { process } => drop(processes[process].0.poll().await),
            Step::Read { process, what, is_sure } => {
                reads.push(read(&world, &processes[process], what, is_sure));
            }
            Step::Continue { nth } => world.open(nth),
            Step::Wait { millis } => advance(Duration::from_millis(millis)).await,
            Step::Restore => world.restore(),
        }
        settle().await;
    }

    // What is under way ends within the callers' patience.
    for _ in 0..200 {
        if reads.iter().all(JoinHandle::is_finished) {
            break;
        }
        world.open(0);
        advance(Duration::from_millis(50)).await;
        settle().await;
    }
    for read in reads {
        assert!(read.is_finished(), "a read waits for ever");
        if let Err(failed) = read.await {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let process = 0..2_usize;
    let step = prop_oneof![
        4 => (0..KEYS, prop::bool::weighted(0.3))
            .prop_map(|(key, hidden)| Step::Write { key, hidden }),
        2 => any::<bool>().prop_map(|oldest| Step::Show { oldest }),
        4 => process.clone().prop_map(|process| Step::Poll { process }),
        6 => (process, 0..=KEYS, prop::bool::weighted(0.2))
            .prop_map(|(process, what, is_sure)| Step::Read { process, what, is_sure }),
        8 => (0..4_usize).prop_map(|nth| Step::Continue { nth }),
        1 => (0..2_500_u64).prop_map(|millis| Step::Wait { millis }),
        1 => Just(Step::Restore),
    ];

    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_read_never_goes_behind_what_its_process_has_followed(steps in steps()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();

        runtime.enable_time().start_paused(true).build().unwrap().block_on(play(steps));
    }
}
