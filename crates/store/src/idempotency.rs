//! Idempotency keys: claimed first by a conditional put, with a lease and an owner, so that of two
//! equal requests at once only one runs.

use std::sync::Arc;
use std::time::Duration;

use ports::{Attributes, Condition, Items, Key, Table, Transaction, Update, World};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::delivery::{self, LostAction, Settled};
use crate::{StoreError, schema};

/// A request that is not done by then has died; somebody else may take over.
const LEASE: Duration = Duration::from_secs(30);
/// Two days outlive any client's retries.
const KEPT: Duration = Duration::from_secs(48 * 3_600);

/// What a claim found.
#[derive(Debug)]
pub enum Claim {
    /// The caller runs the request, and must [`Idempotency::finish`] or [`Idempotency::abandon`].
    Owned(Ticket),
    /// It is running elsewhere.
    InProgress,
    /// The key belongs to another request.
    Reused,
    /// It ran; this is what it answered.
    Done(StoredResponse),
}

/// The right to finish a claimed request.
#[derive(Debug)]
pub struct Ticket {
    key: Key,
    owner: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    request: String,
    owner: String,
    /// Milliseconds since 1970.
    lease_until: u64,
    expires_at: u64,
    #[serde(default)]
    response: Option<StoredResponse>,
}

pub struct Idempotency {
    items: Arc<dyn Items>,
    world: Arc<dyn World>,
}

impl Idempotency {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>) -> Self {
        Self { items, world }
    }

    /// Claims `key` of `scope` (who asks, and which route) for a request whose content hashes to
    /// `request`.
    pub async fn claim(&self, scope: &str, key: &str, request: &str) -> Result<Claim, StoreError> {
        let now = self.world.now();
        let stored = storage_key(scope, key);
        let owner = format!("{:032x}", self.world.random());
        let record = Record {
            request: request.to_owned(),
            owner: owner.clone(),
            lease_until: now.plus(LEASE).as_millis(),
            expires_at: now.plus(KEPT).as_seconds(),
            response: None,
        };
        let takeable = Condition::Any(vec![
            Condition::NotExists,
            Condition::Below(schema::TTL.into(), signed(now.as_seconds())),
            // Died without an answer: only the same request may take over.
            Condition::All(vec![
                Condition::Below("lease_until".into(), signed(now.as_millis())),
                Condition::Equals("response".into(), ports::Value::Null),
                Condition::Equals("request".into(), request.into()),
            ]),
        ]);
        let claim = Transaction::new().put_if(stored.clone(), Attributes::of(&record)?, takeable);

        match self.settle(claim).await {
            Ok(Settled::Done) => Ok(Claim::Owned(Ticket { key: stored, owner })),
            Ok(Settled::Lost(lost)) => judge(lost, request),
            // Many are claiming it this very moment.
            Err(StoreError::Busy) => Ok(Claim::InProgress),
            Err(error) => Err(error),
        }
    }

    /// Keeps the answer for whoever asks again. A claim that was taken over meanwhile stays with
    /// its new owner.
    pub async fn finish(
        &self,
        ticket: Ticket,
        response: &StoredResponse,
    ) -> Result<(), StoreError> {
        let response = ports::Value::Object(Attributes::of(response)?.0);
        let finish = Transaction::new().update_if(
            ticket.key,
            vec![Update::Set("response".into(), response)],
            Condition::Equals("owner".into(), ticket.owner.into()),
        );

        self.settle(finish).await?;
        Ok(())
    }

    /// Gives the key back: nothing happened, so the same request may run anew.
    pub async fn abandon(&self, ticket: Ticket) -> Result<(), StoreError> {
        let owned = Condition::Equals("owner".into(), ticket.owner.into());

        self.settle(Transaction::new().delete_if(ticket.key, owned)).await?;
        Ok(())
    }

    async fn settle(&self, transaction: Transaction) -> Result<Settled, StoreError> {
        delivery::settle(&*self.items, &*self.world, transaction).await
    }
}

fn judge(lost: LostAction, request: &str) -> Result<Claim, StoreError> {
    // It was given back in between.
    let Some(old) = lost.old else { return Ok(Claim::InProgress) };
    let record: Record = old.parse("an idempotency record")?;

    Ok(match record.response {
        _ if record.request != request => Claim::Reused,
        Some(response) => Claim::Done(response),
        None => Claim::InProgress,
    })
}

fn storage_key(scope: &str, key: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update(scope.as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());

    Key::new(Table::Ephemeral, format!("idempotency#{:x}", Hex(&hash.finalize())), "record")
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::LowerHex for Hex<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}
