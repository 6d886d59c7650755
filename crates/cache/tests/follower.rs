//! What a follower promises, one fact a test.

#![allow(clippy::unwrap_used, reason = "it is test code")]

mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cache::{Flags, Follower, NoSink, RoundEnd, USABLE_FOR};
use domain::coherence::Verdict;
use domain::{Change, LogId, RowId, Seq, Stamp, TagHash};
use tokio::sync::oneshot;
use tokio::time::{Instant, advance, sleep, timeout};
use world::{MemoryLog, Recorder, following, run};

fn stamp(seq: u64) -> Stamp {
    Stamp { log: LogId::new("L").unwrap(), seq: Seq(seq) }
}

fn judge(follower: &Follower, seq: u64, tag: &str) -> Verdict {
    follower.judge(&stamp(seq), &[TagHash::of(tag)])
}

/// Waits for what must come true, for ten seconds of the test's clock.
async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.expect("it never came true");
}

#[tokio::test(start_paused = true)]
async fn before_the_log_was_read_nothing_is_valid() {
    let follower = Follower::new(MemoryLog::at(5), Arc::new(NoSink));

    assert_eq!(follower.stamp(), None);
    assert_eq!(follower.age(), Duration::MAX);
    assert_eq!(judge(&follower, 5, "a"), Verdict::HardInvalidated);
    assert!(!follower.reach(Seq(0), Duration::from_millis(5)).await);
}

#[tokio::test(start_paused = true)]
async fn it_starts_at_the_head_and_knows_nothing_before() {
    let log = MemoryLog::at(5);

    let follower = following(&log).await;

    assert_eq!(follower.stamp(), Some(stamp(5)));
    assert_eq!(judge(&follower, 5, "a"), Verdict::Valid);
    assert_eq!(judge(&follower, 4, "a"), Verdict::HardInvalidated);
}

#[tokio::test(start_paused = true)]
async fn a_compacted_map_lets_a_cold_follower_judge_what_others_cached() {
    let log = MemoryLog::at(9);
    log.set(|answers| {
        answers.floor = 3;
        answers.tags = Some(vec![("a", 7)]);
    });

    let follower = following(&log).await;

    assert_eq!(judge(&follower, 4, "b"), Verdict::Valid);
    assert_eq!(judge(&follower, 7, "a"), Verdict::Valid);
    assert_eq!(judge(&follower, 6, "a"), Verdict::HardInvalidated);
    assert_eq!(judge(&follower, 2, "b"), Verdict::HardInvalidated);
}

#[tokio::test(start_paused = true)]
async fn no_row_of_thousands_goes_unnoticed() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    for seq in 1..=3_000 {
        log.append(&[&format!("of {seq}")]);
    }

    assert!(matches!(follower.poll().await, RoundEnd::CaughtUp));

    for seq in 1..=3_000 {
        let tag = format!("of {seq}");
        assert_eq!(judge(&follower, seq, &tag), Verdict::Valid, "{tag}");
        assert_ne!(judge(&follower, seq - 1, &tag), Verdict::Valid, "{tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_pages_until_it_is_at_the_head() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    log.set(|answers| answers.page = 2);
    for _ in 0..7 {
        log.append(&["a"]);
    }

    let ended = follower.poll().await;

    assert!(matches!(ended, RoundEnd::CaughtUp), "{ended:?}");
    assert_eq!(follower.stamp(), Some(stamp(7)));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_comes_again_changes_nothing() {
    let log = MemoryLog::at(0);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    follower.poll().await;
    log.append(&["a"]);
    follower.poll().await;
    log.set(|answers| answers.repeated = 5);
    log.append(&["b"]);

    follower.poll().await;

    assert_eq!(*sink.applied.lock().unwrap(), [1, 2]);
    assert_eq!(judge(&follower, 1, "a"), Verdict::Valid);
}

#[tokio::test(start_paused = true)]
async fn its_position_never_passes_a_gap() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    for tag in ["a", "b", "c"] {
        log.append(&[tag]);
    }
    log.set(|answers| answers.hidden = vec![2]);

    let ended = follower.poll().await;

    assert!(matches!(ended, RoundEnd::Gap { position: Seq(1), head: Seq(3) }), "{ended:?}");
    assert_eq!(follower.stamp(), Some(stamp(1)));
}

#[tokio::test(start_paused = true)]
async fn a_hidden_row_at_the_head_is_a_gap_too() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    log.append(&["a"]);
    log.set(|answers| answers.hidden = vec![1]);
    advance(Duration::from_secs(2)).await;

    let ended = follower.poll().await;

    assert!(matches!(ended, RoundEnd::Gap { .. }), "{ended:?}");
    assert_eq!(follower.age(), Duration::from_secs(2), "a table with a gap is not complete");
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_it_asks_again_soon() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    log.append(&["a"]);
    log.set(|answers| answers.hidden = vec![1]);
    let _running = run(&follower);
    sleep(Duration::from_millis(15)).await;

    log.set(|answers| answers.hidden.clear());
    let began = Instant::now();
    until(|| follower.stamp() == Some(stamp(1))).await;

    assert!(began.elapsed() <= Duration::from_millis(40), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn another_log_drops_everything() {
    let log = MemoryLog::at(50);
    let follower = following(&log).await;

    log.set(|answers| {
        answers.log = "M";
        answers.head = 60;
    });
    follower.poll().await;

    assert_eq!(judge(&follower, 50, "a"), Verdict::HardInvalidated);
    assert_eq!(follower.stamp().unwrap().to_string(), "M.60");
}

#[tokio::test(start_paused = true)]
async fn a_position_below_the_floor_starts_again() {
    let log = MemoryLog::at(5);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    follower.poll().await;

    log.set(|answers| {
        answers.floor = 6;
        answers.head = 9;
    });
    follower.poll().await;

    assert_eq!(*sink.resets.lock().unwrap(), [5, 9]);
    assert_eq!(follower.stamp(), Some(stamp(9)));
    assert_eq!(judge(&follower, 5, "a"), Verdict::HardInvalidated);
}

#[tokio::test(start_paused = true)]
async fn a_rising_floor_withdraws_what_is_stamped_below_it() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    log.append(&["b"]);
    follower.poll().await;
    assert_eq!(judge(&follower, 5, "a"), Verdict::Valid);

    log.set(|answers| answers.floor = 6);
    follower.poll().await;

    assert_eq!(judge(&follower, 5, "a"), Verdict::HardInvalidated);
    assert_eq!(judge(&follower, 6, "a"), Verdict::Valid);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_the_position_moves_nothing_and_counts_as_no_poll() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    advance(Duration::from_secs(2)).await;

    log.set(|answers| answers.head = 4);
    let ended = follower.poll().await;

    assert!(matches!(ended, RoundEnd::WentBack { .. }), "{ended:?}");
    assert_eq!(follower.stamp(), Some(stamp(5)));
    assert_eq!(follower.age(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_sink_hears_of_rows_before_the_table_moves() {
    let log = MemoryLog::at(0);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    follower.poll().await;
    log.append(&["a"]);
    *sink.refuses.lock().unwrap() = true;

    let ended = follower.poll().await;
    assert!(matches!(ended, RoundEnd::SinkFailed(_)), "{ended:?}");
    assert_eq!(follower.stamp(), Some(stamp(0)), "the sink does not have the row yet");

    *sink.refuses.lock().unwrap() = false;
    follower.poll().await;
    assert_eq!(*sink.applied.lock().unwrap(), [1]);
    assert_eq!(follower.stamp(), Some(stamp(1)));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_is_told_again() {
    let log = MemoryLog::at(0);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    let _running = run(&follower);
    until(|| follower.stamp() == Some(stamp(0))).await;
    sink.panics.store(true, Ordering::Relaxed);
    log.append(&["a"]);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(follower.stamp(), Some(stamp(0)));

    sink.panics.store(false, Ordering::Relaxed);

    until(|| follower.stamp() == Some(stamp(1))).await;
    assert_eq!(*sink.applied.lock().unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_holds_an_earlier_position_is_brought_to_the_head() {
    let log = MemoryLog::at(0);
    for _ in 0..3 {
        log.append(&["a"]);
    }
    let sink = Arc::new(Recorder { holds: Some(1).into(), ..Recorder::default() });
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));

    follower.poll().await;

    assert_eq!(*sink.applied.lock().unwrap(), [2, 3]);
    assert_eq!(follower.stamp(), Some(stamp(3)));
}

#[tokio::test(start_paused = true)]
async fn while_a_sink_rebuilds_nothing_is_valid() {
    let log = MemoryLog::at(5);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    follower.poll().await;
    *sink.refuses.lock().unwrap() = true;
    log.set(|answers| answers.log = "M");

    follower.poll().await;

    assert_eq!(follower.stamp(), None);
    assert_eq!(judge(&follower, 5, "a"), Verdict::HardInvalidated);
    assert_eq!(follower.age(), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn it_polls_each_second() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    sleep(Duration::from_millis(1)).await;
    let before = log.calls();

    sleep(Duration::from_secs(10)).await;

    assert_eq!(log.calls() - before, 10);
    assert!(follower.age() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn many_kicks_make_one_poll_within_twenty_milliseconds() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    sleep(Duration::from_millis(1)).await;
    let before = log.calls();
    log.append(&["a"]);
    let began = Instant::now();

    for _ in 0..1_000 {
        follower.kick();
    }
    until(|| follower.stamp() == Some(stamp(1))).await;

    assert!(began.elapsed() <= Duration::from_millis(21), "{:?}", began.elapsed());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(log.calls() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_kick_long_after_the_last_poll_is_heard_at_once() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    sleep(Duration::from_millis(500)).await;
    log.append(&["a"]);
    let began = Instant::now();

    follower.kick();
    until(|| follower.stamp() == Some(stamp(1))).await;

    assert!(began.elapsed() <= Duration::from_millis(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failing_log_is_asked_again_within_a_second_and_its_age_tells() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    log.set(|answers| answers.fails = true);
    sleep(Duration::from_secs(60)).await;
    assert!(follower.age() >= Duration::from_secs(58));

    log.set(|answers| answers.fails = false);
    log.append(&["a"]);
    let began = Instant::now();
    until(|| follower.stamp() == Some(stamp(1))).await;

    assert!(began.elapsed() <= Duration::from_millis(1_001), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_never_answers_is_given_up_after_two_seconds() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    log.set(|answers| answers.hangs = true);
    let began = Instant::now();

    let ended = follower.poll().await;

    assert!(matches!(ended, RoundEnd::SourceFailed(_)), "{ended:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_another_one_at_each_call_ends_the_round() {
    let log = MemoryLog::at(5);
    log.set(|answers| answers.floor = 5);
    let sink = Arc::new(Recorder { holds: Some(1).into(), ..Recorder::default() });
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), sink);

    let ended = follower.poll().await;

    assert!(matches!(ended, RoundEnd::SourceFailed(_)), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_can_bring_the_position_to_a_row() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    let seq = log.append(&["a"]);

    assert!(follower.reach(Seq(seq), Duration::from_millis(500)).await);
    assert_eq!(follower.stamp(), Some(stamp(1)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_does_not_wait_for_a_row_that_was_never_written() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    let began = Instant::now();

    assert!(!follower.reach(Seq(1_000), Duration::from_secs(60)).await);
    assert!(began.elapsed() <= Duration::from_millis(40), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_a_hidden_row_no_longer_than_it_said() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    let _running = run(&follower);
    let seq = log.append(&["a"]);
    log.set(|answers| answers.hidden = vec![seq]);
    let began = Instant::now();

    assert!(!follower.reach(Seq(seq), Duration::from_millis(500)).await);
    assert_eq!(began.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn it_remembers_which_version_the_log_named() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    log.append_changing(&["a"], vec![Change::to("prod_1", 7), Change::gone("prod_2", 3)]);

    follower.poll().await;

    assert_eq!(follower.named_version("prod_1"), Some(7));
    assert!(follower.are_current([("prod_1", Some(7)), ("prod_2", None), ("prod_3", Some(1))]));
    assert!(!follower.are_current([("prod_1", Some(6))]));
    assert!(!follower.are_current([("prod_2", Some(3))]));
}

#[tokio::test(start_paused = true)]
async fn flags_travel_with_the_log_and_never_go_back() {
    let flags = |version: u64| Some(Flags { version, ..Flags::default() });
    let log = MemoryLog::at(0);
    log.set(|answers| answers.flags = flags(2));
    let follower = following(&log).await;
    assert_eq!(follower.flags().unwrap().version, 2);

    log.set(|answers| answers.flags = flags(1));
    follower.poll().await;
    assert_eq!(follower.flags().unwrap().version, 2);

    log.set(|answers| answers.flags = flags(3));
    follower.poll().await;
    assert_eq!(follower.flags().unwrap().version, 3);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_told_to_even_in_the_middle_of_a_call() {
    let log = MemoryLog::at(0);
    let follower = following(&log).await;
    log.set(|answers| answers.hangs = true);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn({
        let follower = follower.clone();
        async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            follower.run(shutdown).await;
        }
    });
    tokio::task::yield_now().await;
    let began = Instant::now();

    drop(stop);
    running.await.unwrap();

    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(follower.age() < USABLE_FOR);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_by_a_move_and_by_nothing_else() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let _running = run(&follower);
    let known = follower.stamp();

    let nothing = timeout(Duration::from_secs(5), follower.moved(known.as_ref())).await;
    log.append(&["a"]);
    let moved = timeout(Duration::from_secs(5), follower.moved(known.as_ref())).await;

    assert!(nothing.is_err());
    assert_eq!(moved.unwrap(), Some(stamp(6)));
    assert_eq!(follower.moved(known.as_ref()).await, Some(stamp(6)), "at once");
}

#[tokio::test(start_paused = true)]
async fn a_follower_has_the_pace_that_it_was_given() {
    let log = MemoryLog::at(5);
    let follower = Follower::paced(log.clone(), Arc::new(NoSink), Duration::from_secs(3_600));
    let _running = run(&follower);
    until(|| follower.stamp().is_some()).await;

    log.append(&["a"]);
    sleep(Duration::from_secs(1_800)).await;
    assert_eq!(follower.stamp(), Some(stamp(5)));
    follower.kick();
    until(|| follower.stamp() == Some(stamp(6))).await;
}

#[tokio::test(start_paused = true)]
async fn another_row_at_the_position_drops_everything_under_the_same_name() {
    let log = MemoryLog::at(5);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    follower.poll().await;
    log.append(&["a"]);
    follower.poll().await;
    assert_eq!(judge(&follower, 6, "a"), Verdict::Valid);

    // Put back to 5, and written to again: it got as far as before, by other rows, and further.
    log.set(|answers| {
        answers.rows.clear();
        answers.head = 5;
    });
    log.append(&["b"]);
    log.append(&["b"]);
    follower.poll().await;

    assert_eq!(*sink.resets.lock().unwrap(), [5, 7]);
    assert_eq!(follower.stamp(), Some(stamp(7)));
    assert_eq!(judge(&follower, 6, "a"), Verdict::HardInvalidated);
}

#[tokio::test(start_paused = true)]
async fn a_head_below_the_position_on_two_polls_drops_everything_under_the_same_name() {
    let log = MemoryLog::at(5);
    let sink = Arc::new(Recorder::default());
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::<Recorder>::clone(&sink));
    follower.poll().await;

    log.set(|answers| answers.head = 4);
    follower.poll().await;
    assert_eq!(follower.stamp(), Some(stamp(5)), "it may be an old answer");
    follower.poll().await;

    assert_eq!(*sink.resets.lock().unwrap(), [5, 4]);
    assert_eq!(follower.stamp(), Some(stamp(4)));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_an_answer_names_goes_along_with_one_poll_unless_it_was_taken() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    log.append(&["a"]);
    follower.poll().await;
    let known = follower.row().unwrap();
    let ahead = RowId { seq: Seq(9), ..known.clone() };
    log.polls.lock().unwrap().clear();

    follower.hear_of(&known);
    follower.poll().await;
    follower.hear_of(&ahead);
    follower.poll().await;
    follower.poll().await;

    let polls = log.polls.lock().unwrap();
    let seen: Vec<_> = polls.iter().map(|poll| poll.seen.clone()).collect();
    assert_eq!(seen, [None, Some(ahead), None]);
    assert!(polls.iter().all(|poll| poll.row == Some(known.digest)), "{polls:?}");
}
