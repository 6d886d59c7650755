//! Idempotency keys: claimed first, with a lease and an owner, and answered in the transaction of
//! the effect, on condition of the owner. So a request has its effect once: a process that lost the
//! key can't commit, and a retry after a crash finds either the answer or no effect.

mod claimed;
mod context;
mod record;

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use ports::{Action, Attributes, Condition, PAGE_MAX, Query, SortRange, Table, Update, Value};

use crate::write::{ConflictCause, Db, FailedCondition, WriteBatch, WriteConflict, signed};
use crate::{StoreError, schema};

pub use claimed::ClaimedKey;
pub use context::{Author, Render, WriteContext};
pub use record::{Recorded, StoredResponse};

pub(crate) use record::record_place;

use record::{PartRecord, Record};

/// Longer than any request that is well, except imports, and short enough to wait for after a crash.
pub const LEASE: Duration = Duration::from_secs(30);
/// No lease is longer.
pub const LEASE_MAX: Duration = Duration::from_secs(600);
/// A lease that ends later than this from now was not granted by this moment's clock: the longest
/// lease of any process, and as much again for clocks that differ. Where they differ by more, a
/// request that runs is overtaken, and its next write fails, as for any lost lease.
const AHEAD_MAX: Duration = Duration::from_secs(2 * LEASE_MAX.as_secs());
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
    /// An answer stood there already: that of a write whose outcome was unknown, or of the process
    /// that took the key over.
    Answered(Recorded),
    /// Another process has taken the key over and is running the request.
    TakenOver,
}

pub struct Idempotency {
    db: Db,
    lease: Duration,
}

impl Idempotency {
    pub const fn new(db: Db, lease: Duration) -> Self {
        Self { db, lease }
    }

    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// Claims `key` of `scope` (who asks, and which route) for a request whose content hashes to
    /// `request`.
    pub async fn claim(&self, scope: &str, key: &str, request: &str) -> Result<Claim, StoreError> {
        let now = self.db.now();
        let owner = format!("{:032x}", self.db.random());
        let claimed = ClaimedKey::new(scope, key, request, owner, now, now.plus(KEPT));
        let record = claimed.running_until(now.plus(self.lease));
        let too_far = now.plus(AHEAD_MAX);
        let takeable = Condition::Any(vec![
            Condition::NotExists,
            Condition::Below(schema::TTL.into(), signed(now.as_seconds())),
            // Died without an answer: only the same request may take over.
            Condition::All(vec![
                Condition::Any(vec![
                    Condition::Below("lease_until".into(), signed(now.as_millis())),
                    // Granted by a clock that was ahead and has been set back since.
                    Condition::AtLeast("lease_until".into(), signed(too_far.as_millis())),
                ]),
                Condition::Equals("response".into(), Value::Null),
                Condition::Equals("request".into(), request.into()),
            ]),
        ]);
        let claim = Action::Put {
            key: claimed.record_key(),
            attributes: Attributes::of(&record)?,
            condition: Some(takeable),
        };

        match self.commit([claim]).await {
            Ok(None) => Ok(Claim::Owned(claimed)),
            Ok(Some(failed)) => Ok(match self.standing(&claimed, failed.item).await? {
                Standing::Answered(recorded) => Claim::Done(recorded),
                Standing::Unanswered { by_another_request: true } => Claim::Reused,
                Standing::Unanswered { by_another_request: false } => Claim::InProgress,
            }),
            // Many are claiming it this very moment.
            Err(StoreError::Busy) => Ok(Claim::InProgress),
            Err(error) => Err(error),
        }
    }

    /// Runs `work` and renews the lease beside it, so that no other process takes a long request
    /// over while it runs. A lease that is lost all the same stops `work` at its next write.
    pub async fn hold<F: Future>(&self, claimed: &ClaimedKey, work: F) -> F::Output {
        tokio::select! {
            biased;
            output = work => output,
            never = self.keep_renewing(claimed) => match never {},
        }
    }

    /// Whether the key is still the claimant's.
    pub async fn renew(&self, claimed: &ClaimedKey) -> Result<bool, StoreError> {
        let until = self.db.now().plus(self.lease).as_millis();
        let mut renew = WriteBatch::new();
        renew.update(
            claimed.record_key(),
            vec![Update::Set("lease_until".into(), until.into())],
            claimed.is_held(),
        );

        self.db.commit_unless_stale(renew).await
    }

    /// Keeps the answer of a request that had no effect of its own, or whose effects have been
    /// committed step by step.
    pub async fn finish(
        &self,
        claimed: &ClaimedKey,
        response: &StoredResponse,
    ) -> Result<Ended, StoreError> {
        match self.commit(claimed.record(response)?).await? {
            None => Ok(Ended::AsAsked),
            Some(failed) => self.ended_by_another(claimed, failed).await,
        }
    }

    /// Gives the key back: nothing happened, so any request may run under it. Where steps of the
    /// request were committed, only the same request may go on, at once.
    pub async fn abandon(&self, claimed: &ClaimedKey) -> Result<Ended, StoreError> {
        let (key, condition) = (claimed.record_key(), Some(claimed.is_held()));
        let give_back = if claimed.has_steps() {
            let updates = vec![
                Update::Set("owner".into(), "".into()),
                Update::Set("lease_until".into(), 0.into()),
            ];
            Action::Update { key, updates, condition }
        } else {
            Action::Delete { key, condition }
        };

        match self.commit([give_back]).await? {
            None | Some(FailedCondition { item: None, .. }) => Ok(Ended::AsAsked),
            Some(failed) => self.ended_by_another(claimed, failed).await,
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
        let query = Query::partition(Table::Ephemeral, claimed.partition())
            .sorted(SortRange::Prefix(prefix.clone()))
            .limit(PAGE_MAX);

        for row in self.db.query_all(query).await? {
            let at = row.key.sk[prefix.len()..].parse();
            let part: PartRecord = row.attributes.parse("a part of an idempotency record")?;
            if let (Ok(at), true) = (at, part.expires_at >= claimed.claimed_at()) {
                found.insert(at, part.recorded);
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
        match self.commit(claimed.record_part(at, response)?).await? {
            None => {
                claimed.mark_step();
                Ok(Ended::AsAsked)
            }
            Some(FailedCondition { cause: ConflictCause::Unexpected, item: Some(item) }) => {
                let part: PartRecord = item.parse("a part of an idempotency record")?;
                Ok(Ended::Answered(part.recorded))
            }
            Some(_) => Ok(Ended::TakenOver),
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

    /// What a claim that could not be ended as its owner wanted has ended with.
    async fn ended_by_another(
        &self,
        claimed: &ClaimedKey,
        failed: FailedCondition,
    ) -> Result<Ended, StoreError> {
        Ok(match self.standing(claimed, failed.item).await? {
            Standing::Answered(recorded) => Ended::Answered(recorded),
            Standing::Unanswered { .. } => Ended::TakenOver,
        })
    }

    /// Judges the record that stands in place of what the claimant expected.
    async fn standing(
        &self,
        claimed: &ClaimedKey,
        item: Option<Attributes>,
    ) -> Result<Standing, StoreError> {
        // It was given back in between.
        let Some(item) = item else {
            return Ok(Standing::Unanswered { by_another_request: false });
        };
        let record: Record = item.parse("an idempotency record")?;
        if record.request != claimed.request() {
            return Ok(Standing::Unanswered { by_another_request: true });
        }

        Ok(match self.answer(claimed, record).await? {
            Some(recorded) => Standing::Answered(recorded),
            None => Standing::Unanswered { by_another_request: false },
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

        for item in self.db.items.batch_get(&rest).await? {
            let item = item.ok_or(StoreError::NotFound("rest of a stored answer"))?;
            response.body.push_str(item.text(record::BODY).unwrap_or_default());
        }
        Ok(Some(Recorded { response, place: record.place }))
    }

    /// Commits actions of which the first one may find an unexpected record, and the others a lost
    /// claim; answers with the condition that failed first.
    async fn commit(
        &self,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<Option<FailedCondition>, StoreError> {
        let mut batch = WriteBatch::new();
        let later = std::iter::repeat(ConflictCause::ClaimLost);
        let causes = std::iter::once(ConflictCause::Unexpected).chain(later);
        for (action, cause) in actions.into_iter().zip(causes) {
            batch.push_or(action, cause);
        }

        match self.db.commit(batch).await {
            Ok(()) => Ok(None),
            Err(WriteConflict::Failed(failed)) => Ok(failed.into_iter().next()),
            Err(conflict) => Err(conflict.into()),
        }
    }
}

/// What a record says that stands in the way of a claimant.
enum Standing {
    /// The same request was answered.
    Answered(Recorded),
    Unanswered {
        by_another_request: bool,
    },
}
