//! DynamoItems against the contract of the Items port, on an emulator.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use aws::testing::LocalDynamo;
use ports::TableDefinition;
use ports::contract::Fixture;

async fn fresh(definitions: &'static [TableDefinition]) -> Fixture {
    let server = LocalDynamo::start().unwrap();
    let items = server.items("contract-", definitions).await.unwrap();

    Fixture::new(Arc::new(items), server)
}

ports::items_contract!(fresh);
