use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A breaker with its own time.
struct Bench {
    machine: Machine,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { machine: Machine::new(), now: Instant::now() }
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn call(&mut self, verdict: Verdict) -> bool {
        let Ok(ticket) = self.machine.admit(self.now) else { return false };
        self.machine.settle(ticket, verdict, self.now);
        true
    }

    fn fail(&mut self, times: usize) -> &mut Self {
        for _ in 0..times {
            assert!(self.call(Verdict::Failed), "let through");
        }
        self
    }

    /// Brought to a state, as calls bring it there.
    fn in_state(state: State) -> Self {
        let mut bench = Self::new();
        if state != State::Closed {
            bench.fail(5);
        }
        if state == State::HalfOpen {
            bench.wait(OPEN_FOR);
            assert!(bench.call(Verdict::Neutral), "a probe");
        }
        assert_eq!(bench.machine.state(), state);
        bench
    }
}

/// What happens to a breaker.
#[derive(Clone, Copy, Debug)]
enum Event {
    Succeeds,
    Fails,
    IsCancelled,
    Waits59,
    Waits60,
}

#[test]
fn the_table_of_states_holds() {
    use Event::{Fails, IsCancelled, Succeeds, Waits59, Waits60};
    use State::{Closed, HalfOpen, Open};

    #[rustfmt::skip]
    let table = [
        // before    event         after     whether the call went through
        (Closed,   Succeeds,     Closed,   true),
        (Closed,   Fails,        Closed,   true),
        (Closed,   IsCancelled,  Closed,   true),
        (Open,     Succeeds,     Open,     false),
        (Open,     Fails,        Open,     false),
        (Open,     IsCancelled,  Open,     false),
        (Open,     Waits59,      Open,     false),
        (Open,     Waits60,      HalfOpen, true),
        (HalfOpen, Succeeds,     Closed,   true),
        (HalfOpen, Fails,        Open,     true),
        (HalfOpen, IsCancelled,  HalfOpen, true),
        (HalfOpen, Waits60,      HalfOpen, true),
    ];

    for (before, event, after, through) in table {
        let mut bench = Bench::in_state(before);
        let went = match event {
            Succeeds => bench.call(Verdict::Succeeded),
            Fails => bench.call(Verdict::Failed),
            IsCancelled => bench.call(Verdict::Neutral),
            Waits59 => bench.wait(59 * SECOND).call(Verdict::Neutral),
            Waits60 => bench.wait(60 * SECOND).call(Verdict::Neutral),
        };

        assert_eq!((bench.machine.state(), went), (after, through), "{before:?}, {event:?}");
    }
}

#[test]
fn five_failures_within_a_minute_open_it_and_a_second_more_does_not() {
    let mut bench = Bench::new();
    bench.fail(1).wait(60 * SECOND).fail(3);
    assert_eq!(bench.machine.state(), State::Closed);
    bench.fail(1);
    assert_eq!(bench.machine.state(), State::Open, "the first is exactly a minute old");

    let mut bench = Bench::new();
    bench.fail(1).wait(60 * SECOND + Duration::from_millis(1)).fail(4);
    assert_eq!(bench.machine.state(), State::Closed, "the first is older");
}

#[test]
fn successes_between_failures_do_not_hide_them() {
    let mut bench = Bench::new();

    for _ in 0..4 {
        bench.fail(1);
        for _ in 0..100 {
            bench.call(Verdict::Succeeded);
        }
    }
    bench.fail(1);

    assert_eq!(bench.machine.state(), State::Open);
}

#[test]
fn a_success_that_took_thirty_seconds_is_a_failure() {
    let mut bench = Bench::new();

    for _ in 0..5 {
        let ticket = bench.machine.admit(bench.now).unwrap();
        let later = bench.now + SLOW;
        bench.machine.settle(ticket, Verdict::Succeeded, later);
    }

    assert_eq!(bench.machine.state(), State::Open);
}

#[test]
fn one_probe_at_a_time_and_a_cancelled_one_makes_room() {
    let mut bench = Bench::in_state(State::HalfOpen);

    let probe = bench.machine.admit(bench.now).unwrap();
    let refused = bench.machine.admit(bench.now).unwrap_err();
    bench.machine.settle(probe, Verdict::Neutral, bench.now);

    assert_eq!(refused.retry_after, SLOW);
    assert!(bench.machine.admit(bench.now).is_ok());
}

#[test]
fn a_probe_that_is_never_heard_of_again_has_failed_after_thirty_seconds() {
    let mut bench = Bench::in_state(State::HalfOpen);
    let lost = bench.machine.admit(bench.now).unwrap();

    bench.wait(SLOW);
    assert!(bench.machine.admit(bench.now).is_err());
    assert_eq!(bench.machine.state(), State::Open);

    bench.machine.settle(lost, Verdict::Succeeded, bench.now);
    assert_eq!(bench.machine.state(), State::Open, "too late to count");
}

#[test]
fn late_results_of_an_older_generation_change_nothing() {
    let mut bench = Bench::new();
    let slow: Vec<_> = (0..10).map(|_| bench.machine.admit(bench.now).unwrap()).collect();
    bench.fail(5).wait(OPEN_FOR);
    assert!(bench.call(Verdict::Succeeded), "the probe");
    assert_eq!(bench.machine.state(), State::Closed);

    for ticket in slow {
        bench.machine.settle(ticket, Verdict::Failed, bench.now);
    }

    assert_eq!(bench.machine.state(), State::Closed);
}

#[test]
fn an_operators_word_goes_before_what_was_seen() {
    let mut bench = Bench::in_state(State::Closed);

    bench.machine.force(Some(Forced::Open));
    assert!(!bench.call(Verdict::Succeeded));
    bench.wait(10 * OPEN_FOR);
    assert!(!bench.call(Verdict::Succeeded), "no probe");

    bench.machine.force(Some(Forced::Closed));
    bench.fail(20);
    assert_eq!(bench.machine.state(), State::Closed);

    bench.machine.force(None);
    bench.fail(4);
    assert_eq!(bench.machine.state(), State::Closed, "it begins anew");
    bench.fail(1);
    assert_eq!(bench.machine.state(), State::Open);
}

proptest! {
    /// The rule in other words, on random histories: after a refusal-free stretch the state is
    /// open exactly when five failures of this generation lie within a minute, and while it is
    /// open nothing passes before its minute is over, and then one call at a time.
    #[test]
    fn a_naive_model_agrees(
        history in prop::collection::vec((0_u64..30_000, 0_u8..3), 1..120),
    ) {
        let mut bench = Bench::new();
        let (mut failures, mut opened, mut at): (Vec<u64>, Option<u64>, u64) = (vec![], None, 0);

        for (step, kind) in history {
            at += step;
            bench.wait(Duration::from_millis(step));
            let verdict = [Verdict::Succeeded, Verdict::Failed, Verdict::Neutral][usize::from(kind)];

            let went = bench.call(verdict);

            let may_pass = opened.is_none_or(|since| at - since >= 60_000);
            prop_assert_eq!(went, may_pass);
            match (opened, verdict) {
                _ if !may_pass => {}
                (Some(_), Verdict::Succeeded) => (opened, failures) = (None, vec![]),
                (Some(_), Verdict::Failed) => opened = Some(at),
                (None, Verdict::Failed) => {
                    failures.push(at);
                    if failures.iter().filter(|failed| at - **failed <= 60_000).count() >= 5 {
                        opened = Some(at);
                    }
                }
                (_, Verdict::Neutral) | (None, Verdict::Succeeded) => {}
            }
            prop_assert_eq!(bench.machine.state() == State::Closed, opened.is_none());
        }
    }
}
