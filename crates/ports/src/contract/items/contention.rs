//! Many writers of the same items: exact, and never stuck.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::{PATIENCE, attributes, catalog, get, inventory, number, put, reasons, settle, walk};
use crate::{
    Action, Attributes, Condition, Items, Query, Table, TransactError, Transaction, Update,
};

const WRITERS: i64 = 64;

/// Longer than any of these takes: they must end, whichever writer loses.
const DEADLOCKED: Duration = Duration::from_secs(120);

pub async fn exactly_the_stock_is_sold_to_64_buyers(items: Arc<dyn Items>) {
    let stock = inventory("sku#1", "level");
    put(&*items, &stock, json!({"available": 40, "sold": 0})).await;

    let answers = together(&items, |items, buyer| async move {
        let taken = vec![Update::Add("available".into(), -1), Update::Add("sold".into(), 1)];
        let enough = Condition::AtLeast("available".into(), 1);
        let order = Attributes::default().with("buyer", buyer);
        let purchase = Transaction::new()
            .update_if(inventory("sku#1", "level"), taken, enough)
            .put_if(catalog("orders", &format!("{buyer:03}")), order, Condition::NotExists);
        settle(&*items, &purchase).await
    })
    .await;

    let sold = answers.iter().filter(|answer| answer.is_ok()).count();
    let orders = walk(&*items, &Query::partition(Table::Catalog, "orders")).await;
    assert_eq!(sold, 40);
    assert_eq!(orders.len(), 40);
    assert_eq!(get(&*items, &stock).await, Some(json!({"available": 0, "sold": 40})));
    for refused in answers.into_iter().filter(Result::is_err) {
        assert!(matches!(reasons(refused)[..], [Some(_), None]), "the stock is why");
    }
}

pub async fn no_increment_of_64_is_lost_to_compare_and_set(items: Arc<dyn Items>) {
    let counter = catalog("counter", "1");
    put(&*items, &counter, json!({"version": 0})).await;

    let tries =
        together(&items, |items, _| async move { increment_by_version(&*items).await }).await;

    assert_eq!(number(&*items, &counter, "version").await, WRITERS);
    // A round is only lost to a writer that wins it: 64 + 63 + … + 1 tries at most, plus those
    // that conflicts cost.
    assert!(tries.iter().sum::<i64>() >= WRITERS);
}

/// Reads, and writes if no other writer has written meanwhile; the number of tries it took.
async fn increment_by_version(items: &dyn Items) -> i64 {
    let counter = catalog("counter", "1");

    for tries in 1..=1_000 {
        let version = number(items, &counter, "version").await;
        let next = attributes(json!({"version": version + 1}));
        let unchanged = Condition::Equals("version".into(), json!(version));
        let set = Transaction::new().put_if(counter.clone(), next, unchanged);
        match settle(items, &set).await {
            Ok(()) => return tries,
            Err(TransactError::Cancelled(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a thousand rounds lost");
}

pub async fn additions_of_64_writers_add_up(items: Arc<dyn Items>) {
    let answers = together(&items, |items, writer| async move {
        let add = Action::Update {
            key: catalog("counter", "1"),
            updates: vec![Update::Add("sum".into(), writer), Update::Add("count".into(), 1)],
            condition: None,
        };
        settle(&*items, &Transaction { actions: vec![add], token: None }).await
    })
    .await;

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(
        get(&*items, &catalog("counter", "1")).await,
        Some(json!({"sum": WRITERS * (WRITERS - 1) / 2, "count": WRITERS}))
    );
}

pub async fn transfers_in_opposite_order_neither_deadlock_nor_lose(items: Arc<dyn Items>) {
    put(&*items, &catalog("account", "a"), json!({"balance": 1_000})).await;
    put(&*items, &catalog("account", "b"), json!({"balance": 1_000})).await;

    let answers = together(&items, |items, writer| async move {
        let (from, to) = if writer % 2 == 0 { ("a", "b") } else { ("b", "a") };
        let enough = Condition::AtLeast("balance".into(), writer);
        let transfer = Transaction::new()
            .update_if(catalog("account", from), add(-writer), enough)
            .update_if(catalog("account", to), add(writer), Condition::Exists);
        settle(&*items, &transfer).await
    })
    .await;

    // The odd ones move 32 more than the even ones: 1 + 3 + … + 63 against 0 + 2 + … + 62.
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(number(&*items, &catalog("account", "a"), "balance").await, 1_032);
    assert_eq!(number(&*items, &catalog("account", "b"), "balance").await, 968);
}

pub async fn one_of_64_claims_wins(items: Arc<dyn Items>) {
    let answers = together(&items, |items, writer| async move {
        let claim = Attributes::default().with("owner", writer);
        let key = catalog("claim", "1");
        settle(&*items, &Transaction::new().put_if(key, claim, Condition::NotExists)).await
    })
    .await;

    let winners: Vec<i64> =
        (0..).zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(n, _)| n).collect();
    assert_eq!(winners, [number(&*items, &catalog("claim", "1"), "owner").await]);
}

pub async fn a_token_used_by_many_at_once_takes_effect_once(items: Arc<dyn Items>) {
    put(&*items, &catalog("counter", "1"), json!({"balance": 0})).await;

    let answers = together(&items, |items, _| async move {
        let addition = Transaction::new()
            .update_if(catalog("counter", "1"), add(1), Condition::Exists)
            .token("the same for all");
        settle(&*items, &addition).await
    })
    .await;

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(number(&*items, &catalog("counter", "1"), "balance").await, 1);
}

/// Runs 64 of them at the same time; the answers in their order.
async fn together<A, F>(items: &Arc<dyn Items>, write: impl Fn(Arc<dyn Items>, i64) -> F) -> Vec<A>
where
    A: Send + 'static,
    F: Future<Output = A> + Send + 'static,
{
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let write = write(items.clone(), writer);
        writers.spawn(async move { (writer, write.await) });
    }

    let joined = tokio::time::timeout(DEADLOCKED.max(PATIENCE), writers.join_all()).await;
    let mut answers = joined.expect("64 writers end in two minutes");
    answers.sort_by_key(|(writer, _)| *writer);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn add(n: i64) -> Vec<Update> {
    vec![Update::Add("balance".into(), n)]
}
