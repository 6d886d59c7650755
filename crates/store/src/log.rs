//! The change log: every catalogue write appends one row in its own transaction, under a dense
//! number that the head hands out.

use std::sync::Arc;
use std::time::Duration;

use domain::{Change, ChangeRow, LogId, Seq, Tag, Timestamp};
use ports::{
    Action, Attributes, Cancellation, Condition, Items, PortError, PortErrorKind, Query,
    SortRange, Table, TransactError, Transaction, Update, World,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{StoreError, keys, schema};

/// A follower that was away for a week starts anew anyway.
const ROWS_LIVE: Duration = Duration::from_secs(7 * 86_400);
/// Answers live for a day past their time at most (stale-if-error); twice that is the floor's age.
const FLOOR_AGE: Duration = Duration::from_secs(48 * 3_600);
/// Eight tries with jitter pass any burst of admins; more would only hide a stuck head.
const TRIES: u32 = 8;
/// A job that has been quiet for so long has died.
const QUIET_AT_MOST: Duration = Duration::from_secs(3);

/// The log's head item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub log: LogId,
    /// The last row; 0 before the first one.
    pub head: Seq,
    /// Rows at or below are not needed by anybody's cache any more.
    #[serde(default)]
    pub floor: Seq,
    /// Since when a job has been writing rows without tags, see [`Row::quiet`].
    #[serde(default)]
    pub quiet_since: Option<Timestamp>,
}

/// What a write says of itself.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub tags: Vec<Tag>,
    pub changes: Vec<Change>,
    pub hard: bool,
    /// A job too large to name its tags one by one leaves them out and promises a row with
    /// [`Tag::CATALOG`]. The promise stands in the head item, so it outlives the job.
    pub quiet: bool,
    /// Only as the next row after this one, else `Busy`.
    pub only_after: Option<Seq>,
}

/// Why a commit did not happen.
#[derive(Debug)]
pub enum CommitError {
    /// The first of the caller's own actions whose condition did not hold, with the item as it is.
    Lost { action: usize, old: Option<Attributes> },
    Busy,
    Port(PortError),
}

/// Reads and appends. Appends of one process wait in line here instead of racing for the head.
pub struct Log {
    items: Arc<dyn Items>,
    world: Arc<dyn World>,
    /// The head as this process saw it last; a stale one costs a try.
    head: Mutex<Option<Head>>,
}

impl Log {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>) -> Self {
        Self { items, world, head: Mutex::new(None) }
    }

    /// The head, strongly consistent; made if this store never had one.
    pub async fn head(&self) -> Result<Head, StoreError> {
        loop {
            if let Some(item) = self.items.get(&keys::log_head()).await? {
                return Ok(item.parse("the log's head")?);
            }
            let log = format!("{:026X}", self.world.random() >> 32);
            let head = Head {
                log: LogId::new(log).expect("hexadecimal digits are letters and digits"),
                head: Seq::ZERO,
                floor: Seq::ZERO,
                quiet_since: None,
            };
            let first = Transaction::new().put_if(
                keys::log_head(),
                Attributes::of(&head)?,
                Condition::NotExists,
            );
            match self.items.transact(&first).await {
                Ok(()) | Err(TransactError::Cancelled(_)) => {}
                Err(TransactError::Port(error)) => return Err(error.into()),
                Err(TransactError::TokenReused) => return Err(StoreError::Busy),
            }
        }
    }

    /// Up to `limit` rows after `after`, in order. A gap can show on an engine that makes the items
    /// of a transaction visible one by one; it is the reader's to stop there.
    pub async fn rows(&self, after: Seq, limit: u32) -> Result<Vec<ChangeRow>, StoreError> {
        let from = keys::log_row(after.next()).sk;
        let to = keys::log_row(Seq(u64::MAX)).sk;
        let query = Query::partition(Table::Catalog, keys::LOG)
            .sorted(SortRange::Between(from, to))
            .limit(limit);
        let page = self.items.query(&query).await?;

        let rows = page.rows.into_iter().map(|row| row.attributes.parse("a row of the change log"));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Commits `actions` together with their row, or nothing. `actions` are at most 98.
    pub async fn commit(&self, actions: Vec<Action>, row: Row) -> Result<(LogId, Seq), CommitError> {
        let mut cached = self.head.lock().await;
        let token = format!("{:032x}", self.world.random());

        for attempt in 0..TRIES {
            let head = match cached.take() {
                Some(head) => head,
                None => self.head().await.map_err(CommitError::of_store)?,
            };
            if row.only_after.is_some_and(|seq| seq != head.head) {
                return Err(CommitError::Busy);
            }
            let now = self.world.now();
            let next = head.after(&row, now);
            let own = actions.len();
            // Each try is another transaction, so each has a token of its own.
            let mut transaction =
                Transaction { actions: actions.clone(), token: Some(format!("{token}-{attempt}")) };
            transaction.actions.extend(append(&head, &next, &row, now)?);

            match self.transact(&transaction).await {
                Ok(()) => {
                    let place = (next.log.clone(), next.head);
                    *cached = Some(next);
                    return Ok(place);
                }
                Err(TransactError::Cancelled(reasons)) => {
                    if let Some(lost) = first_lost(&reasons[..own.min(reasons.len())]) {
                        *cached = None;
                        return Err(lost);
                    }
                    *cached = newer_head(&reasons, own);
                }
                Err(TransactError::TokenReused) => return Err(CommitError::Busy),
                Err(TransactError::Port(error)) => return Err(CommitError::Port(error)),
            }
            self.pause(attempt).await;
        }
        Err(CommitError::Busy)
    }

    /// Commits links one after the other, each with its row. An engine that runs transactions in
    /// order gets them all at once, and one wait for its disk does for many. Ends at the first
    /// error that leaves the others without a chance; later links may have no answer then.
    pub async fn commit_chain(
        &self,
        links: Vec<(Vec<Action>, Row)>,
    ) -> Vec<Result<(LogId, Seq), CommitError>> {
        let chained = links.len() > 1 && links.iter().all(|(_, row)| row.only_after.is_none());

        if chained && self.items.runs_in_order() {
            return match self.send_chain(links).await {
                Ok(answers) => answers,
                Err(error) => vec![Err(error)],
            };
        }
        let mut answers = Vec::with_capacity(links.len());
        for (actions, row) in links {
            answers.push(self.commit(actions, row).await);
            if answers.last().is_some_and(Result::is_err) {
                break;
            }
        }
        answers
    }

    /// Each link expects the head that the one before it leaves, so none can overtake another.
    async fn send_chain(
        &self,
        links: Vec<(Vec<Action>, Row)>,
    ) -> Result<Vec<Result<(LogId, Seq), CommitError>>, CommitError> {
        let mut cached = self.head.lock().await;
        let mut head = match cached.take() {
            Some(head) => head,
            None => self.head().await.map_err(CommitError::of_store)?,
        };
        let now = self.world.now();
        let token = format!("{:032x}", self.world.random());
        let mut chain = Vec::with_capacity(links.len());

        for (at, (mut actions, row)) in links.into_iter().enumerate() {
            let next = head.after(&row, now);
            let own = actions.len();
            actions.extend(append(&head, &next, &row, now)?);
            let token = Some(format!("{token}-{at}"));
            chain.push((Transaction { actions, token }, own, (next.log.clone(), next.head)));
            head = next;
        }
        let sent = chain.iter().map(|(transaction, _, _)| self.transact(transaction));
        let answers = futures::future::join_all(sent).await;

        let answers: Vec<_> = answers
            .into_iter()
            .zip(chain)
            .map(|(answer, (_, own, place))| match answer {
                Ok(()) => Ok(place),
                Err(TransactError::Cancelled(reasons)) => {
                    Err(first_lost(&reasons[..own.min(reasons.len())]).unwrap_or(CommitError::Busy))
                }
                Err(TransactError::TokenReused) => Err(CommitError::Busy),
                Err(TransactError::Port(error)) => Err(CommitError::Port(error)),
            })
            .collect();
        if answers.iter().all(Result::is_ok) {
            *cached = Some(head);
        }
        Ok(answers)
    }

    /// Commits what no answer shows, and says where the log stood.
    pub async fn without_row(&self, actions: Vec<Action>) -> Result<(LogId, Seq), CommitError> {
        let token = Some(format!("{:032x}", self.world.random()));
        let transaction = Transaction { actions, token };

        for attempt in 0..TRIES {
            match self.transact(&transaction).await {
                Ok(()) => {
                    let head = self.head().await.map_err(CommitError::of_store)?;
                    return Ok((head.log, head.head));
                }
                Err(TransactError::Cancelled(reasons)) => {
                    if let Some(lost) = first_lost(&reasons) {
                        return Err(lost);
                    }
                }
                Err(TransactError::TokenReused) => return Err(CommitError::Busy),
                Err(TransactError::Port(error)) => return Err(CommitError::Port(error)),
            }
            self.pause(attempt).await;
        }
        Err(CommitError::Busy)
    }

    /// Raises the floor over rows that are older than any cached answer, and keeps the promise of
    /// a job that died quietly. To be called every few seconds by somebody.
    pub async fn keep_house(&self) -> Result<(), StoreError> {
        let head = self.head().await?;
        let now = self.world.now();

        if head.quiet_since.is_some_and(|since| now.since(since) > QUIET_AT_MOST) {
            self.announce_everything().await?;
        }
        let cut = now.minus(FLOOR_AGE);
        let mut floor = head.floor;
        for row in self.rows(head.floor, 1_000).await? {
            if row.at >= cut {
                break;
            }
            floor = row.seq;
        }
        if floor > head.floor {
            let raise = Transaction::new().update_if(
                keys::log_head(),
                vec![Update::Set("floor".into(), floor.0.into())],
                Condition::All(vec![
                    Condition::Equals("log".into(), head.log.as_str().into()),
                    Condition::Equals("floor".into(), head.floor.0.into()),
                ]),
            );
            match self.items.transact(&raise).await {
                // Somebody else keeps house as well.
                Ok(()) | Err(TransactError::Cancelled(_) | TransactError::TokenReused) => {}
                Err(TransactError::Port(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Appends a row that makes every cached answer of before invalid.
    pub async fn announce_everything(&self) -> Result<Seq, StoreError> {
        let row = Row { tags: vec![Tag::CATALOG], ..Row::default() };

        match self.commit(Vec::new(), row).await {
            Ok((_, seq)) => Ok(seq),
            Err(CommitError::Port(error)) => Err(error.into()),
            Err(CommitError::Busy | CommitError::Lost { .. }) => Err(StoreError::Busy),
        }
    }

    /// Sends a transaction again, with its token, while it is not known whether it happened.
    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let mut attempt = 0;

        loop {
            match self.items.transact(transaction).await {
                Err(TransactError::Port(error)) if error.is_retryable() && attempt < 2 => {
                    self.pause(attempt).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Full jitter below 2, 4, 8 … ms, at most 128.
    async fn pause(&self, attempt: u32) {
        let most = 2_000_u64 << attempt.min(6);
        let micros = self.world.random() as u64 % most;

        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

impl Head {
    fn after(&self, row: &Row, now: Timestamp) -> Self {
        let loud = row.tags.contains(&Tag::CATALOG);
        let quiet_since = match self.quiet_since {
            _ if loud => None,
            None if row.quiet => Some(now),
            since => since,
        };

        Self { head: self.head.next(), quiet_since, ..self.clone() }
    }
}

impl CommitError {
    fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::Port(error) => Self::Port(error),
            _ => Self::Busy,
        }
    }
}

impl From<PortError> for CommitError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// The two actions that append `row` as `next.head`.
fn append(head: &Head, next: &Head, row: &Row, now: Timestamp) -> Result<[Action; 2], PortError> {
    let stored = ChangeRow {
        seq: next.head,
        at: now,
        tags: row.tags.clone(),
        changes: row.changes.clone(),
        hard: row.hard,
    };
    let expires_at = i64::try_from(now.plus(ROWS_LIVE).as_seconds())
        .map_err(|error| PortError::new(PortErrorKind::Invalid, "the clock").because(error))?;
    let moved = match next.quiet_since {
        Some(since) => Update::Set("quiet_since".into(), since.to_string().into()),
        None => Update::Remove("quiet_since".into()),
    };

    Ok([
        Action::Update {
            key: keys::log_head(),
            updates: vec![Update::Set("head".into(), next.head.0.into()), moved],
            condition: Some(Condition::All(vec![
                Condition::Equals("log".into(), head.log.as_str().into()),
                Condition::Equals("head".into(), head.head.0.into()),
            ])),
        },
        Action::Put {
            key: keys::log_row(next.head),
            attributes: Attributes::of(&stored)?.with(schema::TTL, expires_at),
            condition: None,
        },
    ])
}

fn first_lost(reasons: &[Option<Cancellation>]) -> Option<CommitError> {
    reasons.iter().enumerate().find_map(|(action, reason)| match reason {
        Some(Cancellation::ConditionFailed { old }) => {
            Some(CommitError::Lost { action, old: old.clone() })
        }
        Some(Cancellation::Conflict) | None => None,
    })
}

/// The head as the refused transaction found it, which saves reading it.
fn newer_head(reasons: &[Option<Cancellation>], at: usize) -> Option<Head> {
    match reasons.get(at) {
        Some(Some(Cancellation::ConditionFailed { old: Some(item) })) => {
            item.clone().parse("the log's head").ok()
        }
        _ => None,
    }
}

