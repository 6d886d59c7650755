//! Idempotency keys: claimed first, with a lease and an owner, and answered in the transaction of
//! the effect, on condition of the owner. So a request has its effect once: whoever lost the key
//! can't commit, and whoever retries after a crash finds either the answer or no effect.

mod claimed;
mod context;
mod record;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ports::{
    Attributes, Condition, Items, PAGE_MAX, Query, SortRange, Table, Transaction, Update, Value,
    World,
};

use crate::delivery::{self, LostAction, Settled};
use crate::{StoreError, schema};

pub use claimed::ClaimedKey;
pub use context::{Author, Render, WriteContext};
pub use record::{Recorded, StoredResponse};

pub(crate) use record::record_place;

use record::{PartRecord, Record};

/// Longer than any request that is well, except imports, and short enough to wait for after a crash.
pub const LEASE: Duration = Duration::from_secs(30);
/// Two days outlive any client's retries.
const KEPT: Duration = Duration::from_secs(48 * 3_600);

/// What a claim found.
#[derive(Debug)]
pub enum Claim {
    /// The caller runs the request, and must end the claim by a write that records its answer, by
    /// [`Idempotency::finish`] or by [`Idempotency::abandon`].
    Owned(ClaimedKey),
    /// It is running elsewhere.
    InProgress,
    /// The key belongs to another request.
    Reused,
    /// It ran; this is what it answered.
    Done(Recorded),
}

/// What became of a claim that its owner meant to end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// As the owner wanted.
    AsAsked,
    /// An answer stood there already: that of a write whose outcome was unknown, or of whoever took
    /// the key over.
    Answered(Recorded),
    /// Another process has taken the key over and is running the request.
    TakenOver,
}

pub struct Idempotency {
    items: Arc<dyn Items>,
    world: Arc<dyn World>,
    lease: Duration,
}

impl Idempotency {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>, lease: Duration) -> Self {
        Self { items, world, lease }
    }

    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// Claims `key` of `scope` (who asks, and which route) for a request whose content hashes to
    /// `request`.
    pub async fn claim(&self, scope: &str, key: &str, request: &str) -> Result<Claim, StoreError> {
        let now = self.world.now();
        let owner = format!("{:032x}", self.world.random());
        let claimed = ClaimedKey::new(scope, key, request, owner, now, now.plus(KEPT));
        let record = Record::running(&claimed, now.plus(self.lease));
        let takeable = Condition::Any(vec![
            Condition::NotExists,
            Condition::Below(schema::TTL.into(), signed(now.as_seconds())),
            // Died without an answer: only the same request may take over.
            Condition::All(vec![
                Condition::Below("lease_until".into(), signed(now.as_millis())),
                Condition::Equals("response".into(), Value::Null),
                Condition::Equals("request".into(), request.into()),
            ]),
        ]);
        let claim =
            Transaction::new().put_if(claimed.record_key(), Attributes::of(&record)?, takeable);

        match self.settle(claim).await {
            Ok(Settled::Done) => Ok(Claim::Owned(claimed)),
            Ok(Settled::Lost(lost)) => self.judge(&claimed, lost).await,
            // Many are claiming it this very moment.
            Err(StoreError::Busy) => Ok(Claim::InProgress),
            Err(error) => Err(error),
        }
    }

    /// Runs `work` and renews the lease beside it, so that nobody takes a long request over while
    /// it runs. A lease that is lost all the same stops `work` at its next write.
    pub async fn hold<F: Future>(&self, claimed: &ClaimedKey, work: F) -> F::Output {
        tokio::select! {
            biased;
            output = work => output,
            never = self.keep_renewing(claimed) => match never {},
        }
    }

    /// Whether the key is still the claimant's.
    pub async fn renew(&self, claimed: &ClaimedKey) -> Result<bool, StoreError> {
        let until = self.world.now().plus(self.lease).as_millis();
        let renew = Transaction::new().update_if(
            claimed.record_key(),
            vec![Update::Set("lease_until".into(), until.into())],
            claimed.is_held(),
        );

        Ok(matches!(self.settle(renew).await?, Settled::Done))
    }

    /// Keeps the answer of a request that had no effect of its own, or whose effects have been
    /// committed step by step.
    pub async fn finish(
        &self,
        claimed: &ClaimedKey,
        response: &StoredResponse,
    ) -> Result<Ended, StoreError> {
        let transaction = Transaction { actions: claimed.record(response)?, token: None };

        match self.settle(transaction).await? {
            Settled::Done => Ok(Ended::AsAsked),
            Settled::Lost(lost) => self.look(claimed, lost).await,
        }
    }

    /// Gives the key back: nothing happened, so any request may run under it. Where steps of the
    /// request were committed, only the same request may go on, at once.
    pub async fn abandon(&self, claimed: &ClaimedKey) -> Result<Ended, StoreError> {
        let transaction = if claimed.has_steps() {
            let nobody = vec![
                Update::Set("owner".into(), "".into()),
                Update::Set("lease_until".into(), 0.into()),
            ];
            Transaction::new().update_if(claimed.record_key(), nobody, claimed.is_held())
        } else {
            Transaction::new().delete_if(claimed.record_key(), claimed.is_held())
        };

        match self.settle(transaction).await? {
            Settled::Done | Settled::Lost(LostAction { old: None, .. }) => Ok(Ended::AsAsked),
            Settled::Lost(lost) => self.look(claimed, lost).await,
        }
    }

    /// The answers of those parts of a request that were committed, by this claim or by one before
    /// it that died.
    pub async fn parts(
        &self,
        claimed: &ClaimedKey,
    ) -> Result<HashMap<usize, Recorded>, StoreError> {
        let mut found = HashMap::new();
        let prefix = claimed.parts_prefix();
        let mut query = Query::partition(Table::Ephemeral, claimed.partition())
            .sorted(SortRange::Prefix(prefix.clone()))
            .limit(PAGE_MAX);

        loop {
            let page = self.items.query(&query).await?;
            for row in page.rows {
                let at = row.key.sk[prefix.len()..].parse();
                let part: PartRecord = row.attributes.parse("a part of an idempotency record")?;
                if let (Ok(at), true) = (at, part.expires_at >= claimed.claimed_at()) {
                    found.insert(at, part.recorded);
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        if !found.is_empty() {
            claimed.mark_step();
        }
        Ok(found)
    }

    /// Decides a part whose outcome is unknown: either its write was committed, which answers it,
    /// or `response` does and the write can't be committed any more.
    pub async fn decide_part(
        &self,
        claimed: &ClaimedKey,
        at: usize,
        response: &StoredResponse,
    ) -> Result<Ended, StoreError> {
        let transaction = Transaction { actions: claimed.record_part(at, response)?, token: None };

        match self.settle(transaction).await? {
            Settled::Done => {
                claimed.mark_step();
                Ok(Ended::AsAsked)
            }
            Settled::Lost(LostAction { action: 0, old: Some(old) }) => {
                let part: PartRecord = old.parse("a part of an idempotency record")?;
                Ok(Ended::Answered(part.recorded))
            }
            Settled::Lost(_) => Ok(Ended::TakenOver),
        }
    }

    async fn keep_renewing(&self, claimed: &ClaimedKey) -> Infallible {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            match self.renew(claimed).await {
                Ok(true) => {}
                // Answered, or taken over: the next write will find out which.
                Ok(false) => return std::future::pending().await,
                Err(error) => tracing::warn!(%error, "idempotency lease not renewed"),
            }
        }
    }

    async fn judge(&self, claimed: &ClaimedKey, lost: LostAction) -> Result<Claim, StoreError> {
        // It was given back in between.
        let Some(old) = lost.old else { return Ok(Claim::InProgress) };
        let record: Record = old.parse("an idempotency record")?;
        if record.request != claimed.request() {
            return Ok(Claim::Reused);
        }

        Ok(match self.answer(claimed, record).await? {
            Some(recorded) => Claim::Done(recorded),
            None => Claim::InProgress,
        })
    }

    /// What stands there in place of what the owner expected.
    async fn look(&self, claimed: &ClaimedKey, lost: LostAction) -> Result<Ended, StoreError> {
        let Some(old) = lost.old else { return Ok(Ended::TakenOver) };
        let record: Record = old.parse("an idempotency record")?;
        if record.request != claimed.request() {
            return Ok(Ended::TakenOver);
        }

        Ok(match self.answer(claimed, record).await? {
            Some(recorded) => Ended::Answered(recorded),
            None => Ended::TakenOver,
        })
    }

    /// The answer of a record, its body put together.
    async fn answer(
        &self,
        claimed: &ClaimedKey,
        record: Record,
    ) -> Result<Option<Recorded>, StoreError> {
        let Some(mut response) = record.response else { return Ok(None) };
        let rest: Vec<_> = (1..=record.body_items).map(|at| claimed.body_key(at)).collect();

        for item in self.items.batch_get(&rest).await? {
            let item = item.ok_or(StoreError::NotFound("rest of a stored answer"))?;
            response.body.push_str(item.text(record::BODY).unwrap_or_default());
        }
        Ok(Some(Recorded { response, place: record.place }))
    }

    async fn settle(&self, transaction: Transaction) -> Result<Settled, StoreError> {
        delivery::settle(&*self.items, &*self.world, transaction).await
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
