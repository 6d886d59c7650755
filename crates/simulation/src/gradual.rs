//! Items that show a transaction item by item, as DynamoDB does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ports::{
    Action, Attributes, Cancellation, Direction, Items, Key, Page, PageToken, PortError, Query,
    Row, Scan, Table, TransactError, Transaction,
};
use tokio::time::Instant;

use crate::Entropy;
use crate::page::{Order, Place};

/// Shows the items of a transaction one by one, in an order of chance, and answers when all of them
/// show. Until then a transaction that names one of them is in conflict, also the same one again
/// after its answer was lost.
///
/// All writers have to write through the same one. Indexes are as the engine has them.
pub struct GradualItems {
    engine: Arc<dyn Items>,
    entropy: Entropy,
    slowest: Duration,
    /// What stood there before is read and replaced without a write in between.
    commit: tokio::sync::Mutex<()>,
    hidden: Mutex<BTreeMap<Key, Hidden>>,
}

/// An item that doesn't show yet.
struct Hidden {
    /// What shows in its place.
    before: Option<Attributes>,
    until: Instant,
}

/// The part of an order that a page covers, by its keys: all are of one table, so they stand in the
/// order of the page.
struct Covered<'a> {
    table: Table,
    direction: Direction,
    after: Option<&'a PageToken>,
    end: Option<PageToken>,
}

impl GradualItems {
    /// The last item of a transaction shows at most `slowest` after the first.
    pub fn before(engine: Arc<dyn Items>, slowest: Duration, entropy: Entropy) -> Self {
        let commit = tokio::sync::Mutex::default();

        Self { engine, entropy, slowest, commit, hidden: Mutex::default() }
    }

    /// The items that don't show yet.
    fn hidden(&self) -> MutexGuard<'_, BTreeMap<Key, Hidden>> {
        let now = Instant::now();
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);

        hidden.retain(|_, hidden| hidden.until > now);
        hidden
    }

    fn conflicts(&self, transaction: &Transaction) -> Option<TransactError> {
        let hidden = self.hidden();
        let reasons: Vec<_> = transaction
            .actions
            .iter()
            .map(|action| hidden.contains_key(action.key()).then_some(Cancellation::Conflict))
            .collect();

        reasons.iter().any(Option::is_some).then_some(TransactError::Cancelled(reasons))
    }

    /// Commits, and answers when all of it shows.
    async fn commit(&self, transaction: &Transaction) -> Result<Instant, TransactError> {
        let _commit = self.commit.lock().await;
        if let Some(conflicts) = self.conflicts(transaction) {
            return Err(conflicts);
        }
        let written: Vec<Key> = transaction.actions.iter().filter_map(written).cloned().collect();
        let before = self.engine.batch_get(&written).await?;
        self.engine.transact(transaction).await?;

        let now = Instant::now();
        let mut whole_from = now;
        let mut hidden = self.hidden();
        for (key, before) in written.into_iter().zip(before) {
            let until = now + self.entropy.duration(self.slowest);
            whole_from = whole_from.max(until);
            hidden.insert(key, Hidden { before, until });
        }
        Ok(whole_from)
    }

    fn as_shown(&self, key: &Key, stored: Option<Attributes>) -> Option<Attributes> {
        match self.hidden().get(key) {
            Some(hidden) => hidden.before.clone(),
            None => stored,
        }
    }

    /// A page with what shows in place of what is stored. It has at most as many rows as were asked
    /// for, so the rest may be left to the next page.
    fn page_as_shown(
        &self,
        page: Page,
        covered: &Covered<'_>,
        limit: u32,
        belongs: impl Fn(&Key) -> bool,
    ) -> Page {
        let mut shown: BTreeMap<Key, Attributes> =
            page.rows.into_iter().map(|row| (row.key, row.attributes)).collect();
        for (key, hidden) in &*self.hidden() {
            if !belongs(key) || !covered.contains(key) {
                continue;
            }
            match &hidden.before {
                Some(before) => shown.insert(key.clone(), before.clone()),
                None => shown.remove(key),
            };
        }

        let rows = shown.into_iter().map(|(key, attributes)| Row { key, attributes });
        let mut rows: Vec<Row> = match covered.direction {
            Direction::Ascending => rows.collect(),
            Direction::Descending => rows.rev().collect(),
        };
        let mut next = page.next;
        if rows.len() > limit as usize {
            rows.truncate(limit as usize);
            next = rows.last().map(|last| Order::Table.token(last));
        }
        Page { rows, next }
    }
}

impl Covered<'_> {
    fn contains(&self, key: &Key) -> bool {
        let attributes = Attributes::default();
        let place = Order::Table.place(key, &attributes);
        let is_beyond = |token: &PageToken| {
            let token = Order::Table.place_of_token(token, "");
            let beyond =
                |(place, token): (Place<'_>, Place<'_>)| place.is_beyond(&token, self.direction);
            place.zip(token).is_some_and(beyond)
        };

        key.table == self.table
            && self.after.is_none_or(is_beyond)
            && !self.end.as_ref().is_some_and(is_beyond)
    }
}

fn written(action: &Action) -> Option<&Key> {
    match action {
        Action::Put { key, .. } | Action::Update { key, .. } | Action::Delete { key, .. } => {
            Some(key)
        }
        Action::Check { .. } => None,
    }
}

#[async_trait]
impl Items for GradualItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        let stored = self.engine.get(key).await?;

        Ok(self.as_shown(key, stored))
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        let stored = self.engine.batch_get(keys).await?;

        Ok(keys.iter().zip(stored).map(|(key, stored)| self.as_shown(key, stored)).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        let page = self.engine.query(query).await?;
        if query.index.is_some() {
            return Ok(page);
        }
        let covered = Covered {
            table: query.table,
            direction: query.direction,
            after: query.after.as_ref(),
            end: page.next.clone(),
        };
        let no_attributes = Attributes::default();

        Ok(self.page_as_shown(page, &covered, query.limit, |key| {
            let place = Order::Partition.place(key, &no_attributes);
            key.pk == query.partition && place.is_some_and(|place| place.is_within(&query.sort))
        }))
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        let page = self.engine.scan(scan).await?;
        let covered = Covered {
            table: scan.table,
            direction: Direction::Ascending,
            after: scan.after.as_ref(),
            end: page.next.clone(),
        };

        Ok(self.page_as_shown(page, &covered, scan.limit, |key| {
            key.pk.starts_with(&scan.partition_prefix)
        }))
    }

    /// Those that wait for their items to show are overtaken.
    fn runs_in_order(&self) -> bool {
        false
    }

    fn shows_transactions_whole(&self) -> bool {
        false
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        transaction.validate()?;
        let whole_from = self.commit(transaction).await?;

        tokio::time::sleep_until(whole_from).await;
        Ok(())
    }
}
