//! DynamoLimiter against the contract of its port, on an emulator.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws::DynamoItems;
use aws::testing::LocalDynamo;
use domain::Timestamp;
use ports::contract::limiter::Counters;
use ports::{Limiter, Table, TableDefinition, World};

const TABLES: &[TableDefinition] =
    &[TableDefinition { table: Table::RateLimits, indexes: &[], ttl: Some("expires_at") }];
/// Far more than any call takes on a machine that is busy with other tests.
const GENEROUS: Duration = Duration::from_secs(30);

/// Shows the time that the test sets, in milliseconds.
struct ManualClock(AtomicU64);

impl World for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        0
    }
}

struct Dynamo {
    server: LocalDynamo,
    world: Arc<ManualClock>,
}

#[async_trait]
impl Counters for Dynamo {
    async fn connect(&self) -> Arc<dyn Limiter> {
        let items = DynamoItems::connect(self.server.settings("limits-"), TABLES).await.unwrap();
        let world: Arc<ManualClock> = Arc::clone(&self.world);

        Arc::new(items.limiter(world).with_deadline(GENEROUS))
    }

    async fn pass(&self, time: Duration) {
        self.world.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

async fn dynamo() -> Dynamo {
    let server = LocalDynamo::start().unwrap();
    server.items("limits-", TABLES).await.unwrap();

    Dynamo { server, world: Arc::new(ManualClock(AtomicU64::new(1_795_442_552_123))) }
}

ports::limiter_contract!(dynamo);
