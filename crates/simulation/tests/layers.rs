//! What the layers before an engine do: faults, death, order, and items that show one by one.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use ports::{
    Attributes, Cancellation, Condition, Direction, Items, Key, PortErrorKind, Query, Row, Table,
    TransactError, Transaction,
};
use simulation::{
    Entropy, FaultRates, FaultyItems, GradualItems, MemoryItems, SimulatedClock, Trace, run,
};
use tokio::task::JoinSet;

const SLOWEST: Duration = Duration::from_millis(20);
const ALWAYS: u32 = 1_000;

fn memory() -> Arc<MemoryItems> {
    Arc::new(MemoryItems::new(ports::contract::TABLES))
}

fn connection(engine: Arc<dyn Items>, rates: FaultRates, seed: u64) -> FaultyItems {
    let trace = Arc::new(Trace::new(SimulatedClock::start()));
    let rates = FaultRates { slowest: SLOWEST, ..rates };

    FaultyItems::before(engine, "a process", rates, Entropy::of(seed), trace)
}

fn key(number: u64) -> Key {
    Key::new(Table::Catalog, "p", format!("{number:03}"))
}

fn put(numbers: impl IntoIterator<Item = u64>, n: u64) -> Transaction {
    numbers.into_iter().fold(Transaction::new(), |transaction, number| {
        transaction.put(key(number), Attributes::default().with("n", n))
    })
}

async fn is_there(items: &dyn Items, number: u64) -> bool {
    items.get(&key(number)).await.unwrap().is_some()
}

fn kind(answer: Result<(), TransactError>) -> PortErrorKind {
    match answer {
        Err(TransactError::Port(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lost_answer_is_of_a_transaction_that_happened_and_a_lost_request_of_none() {
    run(async {
        let engine = memory();
        let lost_answer = FaultRates { lost_answer: ALWAYS, ..FaultRates::default() };
        let lost_request = FaultRates { lost_request: ALWAYS, ..FaultRates::default() };
        let throttled = FaultRates { throttled: ALWAYS, ..FaultRates::default() };

        let answer = connection(engine.clone(), lost_answer, 1).transact(&put([1], 1)).await;
        let request = connection(engine.clone(), lost_request, 1).transact(&put([2], 1)).await;
        let refused = connection(engine.clone(), throttled, 1).transact(&put([3], 1)).await;

        assert_eq!(kind(answer), PortErrorKind::Unavailable);
        assert_eq!(kind(request), PortErrorKind::Unavailable);
        assert_eq!(kind(refused), PortErrorKind::Throttled);
        let there = [1, 2, 3].map(|number| is_there(&*engine, number));
        let [first, second, third] = there;
        assert_eq!((first.await, second.await, third.await), (true, false, false));
    });
}

#[test]
fn a_conflict_is_that_of_one_action_and_nothing_happens() {
    run(async {
        let engine = memory();
        let rates = FaultRates { conflict: ALWAYS, ..FaultRates::default() };

        let answer = connection(engine.clone(), rates, 1).transact(&put(0..5, 1)).await;

        let Err(TransactError::Cancelled(reasons)) = answer else { panic!("{answer:?}") };
        let conflicts = reasons.iter().flatten().collect::<Vec<_>>();
        assert_eq!((reasons.len(), conflicts), (5, vec![&Cancellation::Conflict]));
        assert!(!is_there(&*engine, 0).await);
    });
}

#[test]
fn a_process_dies_at_its_call_with_or_without_its_write_and_others_live_on() {
    let mut happened = 0;
    for seed in 0..20 {
        happened += run(async {
            let engine = memory();
            let dying = connection(engine.clone(), FaultRates::default(), seed).dying_at(3);
            let other = connection(engine.clone(), FaultRates::default(), seed);
            dying.transact(&put([1], 1)).await.unwrap();
            assert!(is_there(&dying, 1).await);

            let last = dying.transact(&put([2], 1)).await;
            let after = dying.get(&key(1)).await;

            dying.died().await;
            assert_eq!(kind(last), PortErrorKind::Unavailable);
            assert!(after.is_err());
            other.transact(&put([3], 1)).await.unwrap();
            u32::from(is_there(&*engine, 2).await)
        });
    }

    assert!((1..20).contains(&happened), "the last write happened {happened} times of 20");
}

#[test]
fn transactions_that_are_awaited_together_arrive_in_their_order() {
    for seed in 0..10 {
        run(async {
            let items = Arc::new(connection(memory(), FaultRates::default(), seed));
            items.transact(&put([0], 0)).await.unwrap();
            let mut chain = JoinSet::new();
            for n in 0..10_u64 {
                let items = items.clone();
                let follows = Condition::Equals("n".into(), n.into());
                let next = Attributes::default().with("n", n + 1);
                let link = Transaction::new().put_if(key(0), next, follows);
                chain.spawn(async move { items.transact(&link).await.unwrap() });
            }
            chain.join_all().await;

            assert_eq!(items.get(&key(0)).await.unwrap().unwrap().number("n"), Some(10));
        });
    }
}

#[test]
fn items_show_one_by_one_and_all_of_them_with_the_answer() {
    run(async {
        let items = Arc::new(GradualItems::before(memory(), SLOWEST, Entropy::of(1)));
        let writing = tokio::spawn({
            let items = items.clone();
            async move { items.transact(&put(0..10, 1)).await.unwrap() }
        });

        let mut shown = vec![0];
        while !writing.is_finished() {
            let page = items.query(&Query::partition(Table::Catalog, "p")).await.unwrap();
            shown.push(page.rows.len());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let page = items.query(&Query::partition(Table::Catalog, "p")).await.unwrap();

        assert!(shown.is_sorted() && shown.iter().any(|rows| (1..10).contains(rows)), "{shown:?}");
        assert_eq!(page.rows.len(), 10);
    });
}

#[test]
fn a_transaction_that_does_not_show_yet_is_in_conflict_with_others_and_with_itself() {
    run(async {
        let items = GradualItems::before(memory(), SLOWEST, Entropy::of(1));
        let first = put(0..3, 1).token("first");
        let gone = tokio::time::timeout(Duration::ZERO, items.transact(&first)).await;

        let again = items.transact(&first).await;
        let other = items.transact(&put(2..4, 2)).await;
        tokio::time::sleep(SLOWEST).await;
        let late = items.transact(&first).await;

        assert!(gone.is_err(), "its answer takes its time");
        for answer in [again, other] {
            let Err(TransactError::Cancelled(reasons)) = answer else { panic!("{answer:?}") };
            assert!(reasons.contains(&Some(Cancellation::Conflict)), "{reasons:?}");
        }
        late.unwrap();
    });
}

/// Every row of a partition, page by page.
async fn walk(items: &dyn Items, direction: Direction, limit: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut query = Query { direction, ..Query::partition(Table::Catalog, "p").limit(limit) };

    loop {
        let page = items.query(&query).await.unwrap();
        assert!(page.rows.len() <= limit as usize, "a page is longer than its limit");
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return rows,
        }
    }
}

#[test]
fn pages_show_the_same_as_single_reads_whatever_does_not_show_yet() {
    for seed in 0..40 {
        run(async {
            let entropy = Entropy::of(seed);
            let items = GradualItems::before(memory(), SLOWEST, entropy.fork());
            for round in 0..12 {
                let written = (0..12).filter(|_| entropy.happens(400)).collect::<Vec<_>>();
                let write = written.iter().fold(put([99], round), |transaction, number| {
                    if entropy.happens(400) {
                        let any = Condition::Any(vec![Condition::Exists, Condition::NotExists]);
                        transaction.delete_if(key(*number), any)
                    } else {
                        let item = Attributes::default().with("n", round);
                        transaction.put(key(*number), item)
                    }
                });
                let patience = entropy.duration(SLOWEST);
                let _ = tokio::time::timeout(patience, items.transact(&write)).await;

                let keys: Vec<_> = (0..12).chain([99]).map(key).collect();
                let found = items.batch_get(&keys).await.unwrap();
                let rows = keys.into_iter().zip(found);
                let mut rows: Vec<Row> =
                    rows.filter_map(|(key, it)| Some(Row { key, attributes: it? })).collect();
                let limit = 1 + entropy.below(4) as u32;
                assert_eq!(walk(&items, Direction::Ascending, limit).await, rows, "seed {seed}");
                rows.reverse();
                assert_eq!(walk(&items, Direction::Descending, limit).await, rows, "seed {seed}");
            }
        });
    }
}
