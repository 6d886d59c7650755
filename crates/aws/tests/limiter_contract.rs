//! DynamoLimiter against the contract of its port, on an emulator.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::DynamoItems;
use aws::testing::LocalDynamo;
use ports::contract::limiter::Counters;
use ports::{Limiter, Table, TableDefinition};
use simulation::HandSetWorld;

const TABLES: &[TableDefinition] =
    &[TableDefinition { table: Table::RateLimits, indexes: &[], ttl: Some("expires_at") }];
/// Far more than any call takes on a machine that is busy with other tests.
const GENEROUS: Duration = Duration::from_secs(30);

struct Dynamo {
    server: LocalDynamo,
    world: Arc<HandSetWorld>,
}

#[async_trait]
impl Counters for Dynamo {
    async fn connect(&self) -> Arc<dyn Limiter> {
        let items = DynamoItems::connect(self.server.settings("limits-"), TABLES).await.unwrap();
        let world: Arc<HandSetWorld> = Arc::clone(&self.world);

        Arc::new(items.limiter(world).with_deadline(GENEROUS))
    }

    async fn pass(&self, time: Duration) {
        self.world.pass(time);
    }
}

async fn dynamo() -> Dynamo {
    let server = LocalDynamo::start().unwrap();
    server.items("limits-", TABLES).await.unwrap();

    Dynamo { server, world: Arc::new(HandSetWorld::of(1)) }
}

ports::limiter_contract!(dynamo);
