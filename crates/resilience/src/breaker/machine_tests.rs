//! The state machine of a breaker, by table and by random histories.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A breaker with a clock that the test moves.
struct Fixture {
    machine: Machine,
    now: Instant,
}

impl Fixture {
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
            assert!(self.call(Verdict::Failed), "the call was refused");
        }
        self
    }

    /// In a state that was reached by calls.
    fn in_state(state: State) -> Self {
        let mut fixture = Self::new();
        if state != State::Closed {
            fixture.fail(5);
        }
        if state == State::HalfOpen {
            fixture.wait(OPEN_FOR);
            assert!(fixture.call(Verdict::Neutral), "a probe");
        }
        assert_eq!(fixture.machine.state(), state);
        fixture
    }
}

/// An input of the state machine.
#[derive(Clone, Copy, Debug)]
enum Event {
    Succeeds,
    Fails,
    IsCancelled,
    Waits59,
    Waits60,
}

#[test]
fn every_transition_is_as_in_the_table() {
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
        let mut fixture = Fixture::in_state(before);
        let went = match event {
            Succeeds => fixture.call(Verdict::Succeeded),
            Fails => fixture.call(Verdict::Failed),
            IsCancelled => fixture.call(Verdict::Neutral),
            Waits59 => fixture.wait(59 * SECOND).call(Verdict::Neutral),
            Waits60 => fixture.wait(60 * SECOND).call(Verdict::Neutral),
        };

        assert_eq!((fixture.machine.state(), went), (after, through), "{before:?}, {event:?}");
    }
}

#[test]
fn five_failures_within_a_minute_open_it_and_a_second_more_does_not() {
    let mut fixture = Fixture::new();
    fixture.fail(1).wait(60 * SECOND).fail(3);
    assert_eq!(fixture.machine.state(), State::Closed);
    fixture.fail(1);
    assert_eq!(fixture.machine.state(), State::Open, "the first is exactly a minute old");

    let mut fixture = Fixture::new();
    fixture.fail(1).wait(60 * SECOND + Duration::from_millis(1)).fail(4);
    assert_eq!(fixture.machine.state(), State::Closed, "the first is older");
}

#[test]
fn successes_between_failures_do_not_hide_them() {
    let mut fixture = Fixture::new();

    for _ in 0..4 {
        fixture.fail(1);
        for _ in 0..100 {
            fixture.call(Verdict::Succeeded);
        }
    }
    fixture.fail(1);

    assert_eq!(fixture.machine.state(), State::Open);
}

#[test]
fn a_success_that_took_thirty_seconds_is_a_failure() {
    let mut fixture = Fixture::new();

    for _ in 0..5 {
        let ticket = fixture.machine.admit(fixture.now).unwrap();
        let later = fixture.now + CALL_TIMEOUT;
        fixture.machine.settle(ticket, Verdict::Succeeded, later);
    }

    assert_eq!(fixture.machine.state(), State::Open);
}

#[test]
fn there_is_one_probe_at_a_time_and_a_cancelled_one_allows_another() {
    let mut fixture = Fixture::in_state(State::HalfOpen);

    let probe = fixture.machine.admit(fixture.now).unwrap();
    let refused = fixture.machine.admit(fixture.now).unwrap_err();
    fixture.machine.settle(probe, Verdict::Neutral, fixture.now);

    assert_eq!(refused.retry_after, CALL_TIMEOUT);
    assert!(fixture.machine.admit(fixture.now).is_ok());
}

#[test]
fn a_probe_without_a_verdict_fails_after_thirty_seconds() {
    let mut fixture = Fixture::in_state(State::HalfOpen);
    let leaked = fixture.machine.admit(fixture.now).unwrap();

    fixture.wait(CALL_TIMEOUT);
    assert!(fixture.machine.admit(fixture.now).is_err());
    assert_eq!(fixture.machine.state(), State::Open);

    fixture.machine.settle(leaked, Verdict::Succeeded, fixture.now);
    assert_eq!(fixture.machine.state(), State::Open, "too late to count");
}

#[test]
fn late_results_of_an_older_generation_change_nothing() {
    let mut fixture = Fixture::new();
    let slow: Vec<_> = (0..10).map(|_| fixture.machine.admit(fixture.now).unwrap()).collect();
    fixture.fail(5).wait(OPEN_FOR);
    assert!(fixture.call(Verdict::Succeeded), "the probe");
    assert_eq!(fixture.machine.state(), State::Closed);

    for ticket in slow {
        fixture.machine.settle(ticket, Verdict::Failed, fixture.now);
    }

    assert_eq!(fixture.machine.state(), State::Closed);
}

#[test]
fn an_operators_decision_overrides_what_was_observed() {
    let mut fixture = Fixture::in_state(State::Closed);

    fixture.machine.force(Some(Forced::Open));
    assert!(!fixture.call(Verdict::Succeeded));
    fixture.wait(10 * OPEN_FOR);
    assert!(!fixture.call(Verdict::Succeeded), "no probe");

    fixture.machine.force(Some(Forced::Closed));
    fixture.fail(20);
    assert_eq!(fixture.machine.state(), State::Closed);

    fixture.machine.force(None);
    fixture.fail(4);
    assert_eq!(fixture.machine.state(), State::Closed, "past failures are forgotten");
    fixture.fail(1);
    assert_eq!(fixture.machine.state(), State::Open);
}

proptest! {
    /// Random histories against a plain model: the breaker opens exactly when five failures of this
    /// generation are within a minute; while it is open nothing passes before its minute is over,
    /// and then one call at a time.
    #[test]
    fn every_history_matches_a_plain_model(
        history in prop::collection::vec((0_u64..30_000, 0_u8..3), 1..120),
    ) {
        let mut fixture = Fixture::new();
        let (mut failures, mut opened, mut at): (Vec<u64>, Option<u64>, u64) = (vec![], None, 0);

        for (step, kind) in history {
            at += step;
            fixture.wait(Duration::from_millis(step));
            let verdict = [Verdict::Succeeded, Verdict::Failed, Verdict::Neutral][usize::from(kind)];

            let went = fixture.call(verdict);

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
            prop_assert_eq!(fixture.machine.state() == State::Closed, opened.is_none());
        }
    }
}
