//! A circuit breaker around calls, on tokio's paused clock.

use std::cell::Cell;
use std::future::pending;
use std::time::Duration;

use resilience::{Breaker, CallError, Forced, State, Verdict};
use tokio::time::{Instant, advance, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn verdict(ended: &Result<(), &str>) -> Verdict {
    match ended {
        Ok(()) | Err("declined") => Verdict::Succeeded,
        Err(_) => Verdict::Failed,
    }
}

async fn fail(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        let ended = breaker.call(async { Err("down") }, verdict).await;
        assert!(matches!(ended, Err(CallError::Failed("down"))), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_no_call_is_made_for_a_minute() {
    let breaker = Breaker::new("test", "call");
    let calls = Cell::new(0);
    let call = || async {
        calls.set(calls.get() + 1);
        Ok(())
    };
    fail(&breaker, 5).await;

    let refused = breaker.call(call(), verdict).await;
    assert!(matches!(refused, Err(CallError::Open(open)) if open.retry_after == 60 * SECOND));
    advance(59 * SECOND).await;
    let refused = breaker.call(call(), verdict).await;
    assert!(matches!(refused, Err(CallError::Open(open)) if open.retry_after == SECOND));
    assert_eq!(calls.get(), 0);
    advance(SECOND).await;
    assert!(breaker.call(call(), verdict).await.is_ok());

    assert_eq!((calls.get(), breaker.state()), (1, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_cancelled_after_thirty_seconds_and_counts_as_a_failure() {
    let breaker = Breaker::new("test", "call");
    let began = Instant::now();

    for _ in 0..5 {
        let ended = breaker.call(pending::<Result<(), &str>>(), verdict).await;
        assert!(matches!(ended, Err(CallError::TimedOut)));
    }

    assert_eq!(breaker.state(), State::Closed, "30 s apart, five are never within a minute");
    assert_eq!(began.elapsed(), 150 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn five_concurrent_calls_that_time_out_open_it() {
    let breaker = Breaker::new("test", "call");
    let slow = || breaker.call(pending::<Result<(), &str>>(), verdict);

    let _ = tokio::join!(slow(), slow(), slow(), slow(), slow());

    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_declined_card_counts_as_a_success() {
    let breaker = Breaker::new("test", "call");

    for _ in 0..20 {
        let ended = breaker.call(async { Err("declined") }, verdict).await;
        assert!(matches!(ended, Err(CallError::Failed("declined"))));
    }

    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_counts_neither_as_failure_nor_as_success() {
    let breaker = Breaker::new("test", "call");

    for _ in 0..20 {
        let call = breaker.call(pending::<Result<(), &str>>(), verdict);
        assert!(timeout(SECOND, call).await.is_err());
    }
    assert_eq!(breaker.state(), State::Closed);

    fail(&breaker, 5).await;
    advance(60 * SECOND).await;
    let probe = breaker.call(pending::<Result<(), &str>>(), verdict);
    assert!(timeout(SECOND, probe).await.is_err());
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(breaker.call(async { Ok(()) }, verdict).await.is_ok(), "another probe is allowed");
}

#[tokio::test(start_paused = true)]
async fn after_the_minute_one_of_many_callers_probes() {
    let breaker = Breaker::new("test", "call");
    fail(&breaker, 5).await;
    advance(60 * SECOND).await;

    let permits: Vec<_> = (0..64).filter_map(|_| breaker.admit().ok()).collect();

    assert_eq!(permits.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_force_it_open_and_closed() {
    let breaker = Breaker::new("test", "call");

    breaker.force(Some(Forced::Open));
    assert!(breaker.admit().is_err());
    breaker.force(Some(Forced::Closed));
    fail(&breaker, 50).await;
    assert!(breaker.admit().is_ok());
    breaker.force(None);

    assert_eq!(breaker.state(), State::Closed);
}
