//! One process of the shop: what it knows is lost with it.

use std::sync::Arc;
use std::time::Duration;

use simulation::{FaultyItems, SimulatedWorld};
use store::{Actor, Catalog, Claim, ClaimedKey, Db, Ended, Idempotency, StoreError};

use crate::bugs::Buggy;
use crate::effect::Answer;
use crate::operation::Operation;

/// Short, so that requests outlive it.
const LEASE: Duration = Duration::from_secs(2);

pub struct Process {
    pub items: Arc<FaultyItems>,
    pub world: Arc<SimulatedWorld>,
    pub catalog: Catalog,
    /// Between the faults and the engine, where one is planted.
    pub bug: Option<Arc<Buggy>>,
    idempotency: Idempotency,
}

/// Who asks for what, under which key.
#[derive(Debug)]
pub struct Request {
    pub operation: Operation,
    pub actor: Actor,
    pub key: Option<String>,
}

/// How a request ended, as its client hears.
#[derive(Debug)]
pub enum Ending {
    Answered(Answer),
    /// Nothing of it has happened, or will.
    Refused(StoreError),
    /// It may have happened, or happen yet.
    Unknown,
    /// The key belongs to another request, which no other brings.
    Reused,
}

impl Process {
    pub fn start(items: Arc<FaultyItems>, bug: Option<Arc<Buggy>>, world: SimulatedWorld) -> Self {
        let world = Arc::new(world);
        let db = Db::new(items.clone(), world.clone());
        let catalog = Catalog::over(db.clone());
        let idempotency = Idempotency::new(db, LEASE);

        Self { items, world, catalog, bug, idempotency }
    }

    /// Runs a request as the origin does, until it ends or the process dies.
    pub async fn handle(&self, request: &Request) -> Ending {
        let handled = async {
            match &request.key {
                None => self.once(request).await,
                Some(key) => self.under_key(request, key).await,
            }
        };

        tokio::select! {
            biased;
            () = self.items.died() => Ending::Unknown,
            ending = handled => ending,
        }
    }

    async fn once(&self, request: &Request) -> Ending {
        match request.operation.perform(self, &request.actor, None).await {
            Ok(answer) => Ending::Answered(answer),
            Err(StoreError::Port(_)) => Ending::Unknown,
            Err(refusal) => Ending::Refused(refusal),
        }
    }

    async fn under_key(&self, request: &Request, key: &str) -> Ending {
        match self.claim(request, key).await {
            Ok(Claim::Owned(claimed)) => self.run(request, &claimed).await,
            Ok(Claim::Done(recorded)) => Ending::Answered(recorded.into()),
            Ok(Claim::Reused) => Ending::Reused,
            Ok(Claim::InProgress) | Err(_) => Ending::Unknown,
        }
    }

    pub async fn claim(&self, request: &Request, key: &str) -> Result<Claim, StoreError> {
        let content = format!("{:?}", request.operation);

        self.idempotency.claim("simulated", key, &content).await
    }

    async fn run(&self, request: &Request, claimed: &ClaimedKey) -> Ending {
        let work = request.operation.perform(self, &request.actor, Some(claimed));

        match self.idempotency.hold(claimed, work).await {
            Ok(answer) if claimed.is_recorded() => Ending::Answered(answer),
            Ok(answer) => match self.idempotency.finish(claimed, &answer.response).await {
                Ok(Ended::AsAsked) => Ending::Answered(answer),
                ended => ending_of(ended),
            },
            Err(refusal) => match self.idempotency.abandon(claimed).await {
                Ok(Ended::AsAsked) => Ending::Refused(refusal),
                ended => ending_of(ended),
            },
        }
    }
}

/// Of a claim that did not end as its owner wanted.
fn ending_of(ended: Result<Ended, StoreError>) -> Ending {
    match ended {
        Ok(Ended::Answered(recorded)) => Ending::Answered(recorded.into()),
        Ok(Ended::AsAsked | Ended::TakenOver) | Err(_) => Ending::Unknown,
    }
}
