//! MemoryItems, alone and behind every layer, against the contract of the Items port.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use ports::contract::Fixture;
use ports::{Action, Items, Key, Table, TableDefinition, Transaction, Update};
use simulation::{
    Entropy, FaultRates, FaultyItems, GradualItems, MemoryItems, SimulatedClock, Trace,
};

mod alone {
    use super::*;

    async fn in_memory(tables: &'static [TableDefinition]) -> Fixture {
        Fixture::new(Arc::new(MemoryItems::new(tables)), ())
    }

    ports::items_contract!(in_memory);
}

/// Showing its items one by one, and over a connection on which nothing goes wrong.
mod layered {
    use super::*;

    async fn in_memory(tables: &'static [TableDefinition]) -> Fixture {
        let entropy = Entropy::of(7);
        let memory = Arc::new(MemoryItems::new(tables));
        let gradual = GradualItems::before(memory, Duration::from_millis(1), entropy.fork());
        let trace = Arc::new(Trace::new(SimulatedClock::start()));
        let rates = FaultRates { short_page: 200, ..FaultRates::default() };
        let items =
            FaultyItems::before(Arc::new(gradual), "a process", rates, entropy.fork(), trace);

        Fixture::new(Arc::new(items), ())
    }

    ports::items_contract!(in_memory);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_remembered_for_ten_minutes() {
    let items = MemoryItems::new(ports::contract::TABLES);
    let key = Key::new(Table::Catalog, "counter", "1");
    let add = Action::Update {
        key: key.clone(),
        updates: vec![Update::Add("n".into(), 1)],
        condition: None,
    };
    let count = Transaction { actions: vec![add], token: Some("t".into()) };
    items.transact(&count).await.unwrap();

    tokio::time::sleep(Duration::from_secs(590)).await;
    items.transact(&count).await.unwrap();
    let within = items.get(&key).await.unwrap().unwrap().number("n");
    tokio::time::sleep(Duration::from_secs(11)).await;
    items.transact(&count).await.unwrap();

    assert_eq!(within, Some(1));
    assert_eq!(items.get(&key).await.unwrap().unwrap().number("n"), Some(2));
}
