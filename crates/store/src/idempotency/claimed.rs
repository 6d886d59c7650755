//! A claimed key: the right to run a request and to record its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Timestamp;
use ports::{Action, Attributes, Condition, Key, PortError, Update, Value};

use super::record::{self, PartRecord, Record, Recorded, StoredResponse};
use crate::write::signed;
use crate::{keys, schema};

/// The right to run a claimed request. Clones are the same claim.
#[derive(Clone, Debug)]
pub struct ClaimedKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    partition: String,
    request: String,
    owner: String,
    claimed_at: u64,
    expires_at: u64,
    /// A write has recorded the answer.
    is_recorded: AtomicBool,
    /// Something was committed that is not the whole request.
    has_steps: AtomicBool,
}

impl ClaimedKey {
    pub(super) fn new(
        scope: &str,
        key: &str,
        request: &str,
        owner: String,
        now: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self(Arc::new(Inner {
            partition: keys::idempotency_partition(scope, key),
            request: request.to_owned(),
            owner,
            claimed_at: now.as_seconds(),
            expires_at: expires.as_seconds(),
            is_recorded: AtomicBool::new(false),
            has_steps: AtomicBool::new(false),
        }))
    }

    /// Whether a write under this claim has recorded the answer.
    pub fn is_recorded(&self) -> bool {
        self.0.is_recorded.load(Ordering::Acquire)
    }

    /// The record of the request while it runs.
    pub(super) fn running_until(&self, lease_until: Timestamp) -> Record {
        Record {
            request: self.0.request.clone(),
            owner: self.0.owner.clone(),
            lease_until: lease_until.as_millis(),
            expires_at: self.0.expires_at,
            response: None,
            place: None,
            body_items: 0,
        }
    }

    /// The action without which no write under this key is committed, for batches of the caller's
    /// own.
    pub(crate) fn check(&self) -> Action {
        Action::Check { key: self.record_key(), condition: self.is_held() }
    }

    /// The actions that record the answer of the whole request.
    pub(crate) fn record(&self, response: &StoredResponse) -> Result<Vec<Action>, PortError> {
        let (first, rest) = response.split();
        let record = Action::Update {
            key: self.record_key(),
            updates: vec![
                Update::Set("response".into(), Value::Object(Attributes::of(&first)?.0)),
                Update::Set("body_items".into(), rest.len().into()),
            ],
            condition: Some(self.is_held()),
        };
        let rest = (1..).zip(rest).map(|(at, text)| Action::Put {
            key: self.body_key(at),
            attributes: Attributes::default()
                .with(record::BODY, text)
                .with(schema::TTL, self.0.expires_at),
            condition: None,
        });

        Ok(std::iter::once(record).chain(rest).collect())
    }

    /// The actions that record the answer of one part of the request.
    pub(crate) fn record_part(
        &self,
        at: usize,
        response: &StoredResponse,
    ) -> Result<Vec<Action>, PortError> {
        let part = PartRecord {
            recorded: Recorded { response: response.clone(), place: None },
            expires_at: self.0.expires_at,
        };
        let put = Action::Put {
            key: keys::idempotency_part(self.partition(), self.request(), at),
            attributes: Attributes::of(&part)?,
            // One of a record that has expired and is not swept yet stands for nothing.
            condition: Some(Condition::Any(vec![
                Condition::NotExists,
                Condition::Below(schema::TTL.into(), signed(self.0.claimed_at)),
            ])),
        };

        Ok(vec![put, self.check()])
    }

    pub(super) fn is_held(&self) -> Condition {
        Condition::All(vec![
            Condition::Equals("owner".into(), self.0.owner.as_str().into()),
            Condition::Equals("response".into(), Value::Null),
        ])
    }

    pub(crate) fn mark_recorded(&self) {
        self.0.is_recorded.store(true, Ordering::Release);
    }

    pub(crate) fn mark_step(&self) {
        self.0.has_steps.store(true, Ordering::Release);
    }

    pub(super) fn has_steps(&self) -> bool {
        self.0.has_steps.load(Ordering::Acquire)
    }

    pub(super) fn partition(&self) -> &str {
        &self.0.partition
    }

    pub(super) fn record_key(&self) -> Key {
        keys::idempotency_record(self.partition())
    }

    pub(super) fn body_key(&self, at: u32) -> Key {
        keys::idempotency_body(self.partition(), at)
    }

    pub(super) fn parts_prefix(&self) -> String {
        keys::idempotency_parts_prefix(self.request())
    }

    pub(super) fn request(&self) -> &str {
        &self.0.request
    }

    pub(super) fn claimed_at(&self) -> u64 {
        self.0.claimed_at
    }
}
