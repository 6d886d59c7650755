//! The Items port in memory.

mod apply;
mod schema;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ports::{
    Attributes, Direction, Items, Key, Page, PortError, PortErrorKind, Query, Scan, Table,
    TableDefinition, TransactError, Transaction,
};

use self::schema::Schema;
use self::tokens::Tokens;
use crate::page::{self, Order, Place, StoredItem};

/// DynamoDB's model in one ordered map. Every call is done when it is first polled, so nothing but
/// its callers decides an order; it passes the contract of the port as the real engines do.
pub struct MemoryItems {
    schema: Schema,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: BTreeMap<Key, StoredItem>,
    tokens: Tokens,
}

impl MemoryItems {
    pub fn new(tables: &'static [TableDefinition]) -> Self {
        Self { schema: Schema::of(tables), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A transaction is written by steps that can't panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, key: &Key) -> Option<Attributes> {
        self.items.get(key).map(|item| item.attributes.clone())
    }

    /// The items of the partitions that begin so, by their keys.
    fn partitions<'a>(
        &'a self,
        table: Table,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a StoredItem)> {
        self.items
            .range(Key::new(table, prefix, "")..)
            .take_while(move |(key, _)| key.table == table && key.pk.starts_with(prefix))
    }

    /// What a query asks for, in its order, before it is cut into pages.
    fn select<'a>(
        &'a self,
        query: &'a Query,
        order: Order,
    ) -> Vec<(Place<'a>, &'a Key, &'a StoredItem)> {
        let prefix = if matches!(order, Order::Partition) { query.partition.as_str() } else { "" };
        let belongs = |key: &Key, item: &StoredItem| match order {
            Order::Index(index) => item.attributes.text(index.partition) == Some(&query.partition),
            Order::Table | Order::Partition => key.pk == query.partition,
        };
        let mut rows: Vec<_> = self
            .partitions(query.table, prefix)
            .filter(|(key, item)| belongs(key, item))
            .filter_map(|(key, item)| Some((order.place(key, &item.attributes)?, key, item)))
            .filter(|(place, ..)| place.is_within(&query.sort))
            .collect();

        rows.sort_by_key(|(place, ..)| *place);
        if query.direction == Direction::Descending {
            rows.reverse();
        }
        rows
    }
}

#[async_trait]
impl Items for MemoryItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        key.validate()?;
        self.schema.table(key.table)?;

        Ok(self.lock().find(key))
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        Key::validate_batch(keys)?;
        keys.iter().try_for_each(|key| self.schema.table(key.table).map(|_| ()))?;
        let state = self.lock();

        Ok(keys.iter().map(|key| state.find(key)).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        query.validate()?;
        let order = self.schema.order(query.table, query.index)?;
        let place = |token| order.place_of_token(token, &query.partition);
        let after = match &query.after {
            None => None,
            Some(token) => Some(
                place(token)
                    .filter(|place| place.is_within(&query.sort))
                    .ok_or_else(|| invalid("the page token belongs to another query"))?,
            ),
        };
        let state = self.lock();
        let left = state.select(query, order).into_iter().filter(|(place, ..)| {
            after.is_none_or(|after| place.is_beyond(&after, query.direction))
        });

        Ok(page::cut(left.map(|(_, key, item)| (key, item)), order, query.limit))
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        scan.validate()?;
        self.schema.table(scan.table)?;
        let prefix = &scan.partition_prefix;
        if scan.after.as_ref().is_some_and(|it| it.index.is_some() || !it.pk.starts_with(prefix)) {
            return Err(invalid("the page token belongs to another scan"));
        }
        let after = scan.after.as_ref().map(|token| (&token.pk, &token.sk));
        let state = self.lock();
        let left = state
            .partitions(scan.table, prefix)
            .filter(|(key, _)| after.is_none_or(|after| (&key.pk, &key.sk) > after));

        Ok(page::cut(left, Order::Table, scan.limit))
    }

    /// A transaction is done when it is first polled.
    fn runs_in_order(&self) -> bool {
        true
    }

    fn shows_transactions_whole(&self) -> bool {
        true
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        transaction.validate()?;
        self.schema.check(transaction)?;

        self.lock().transact(&self.schema, transaction)
    }
}

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> PortError {
    PortError::new(PortErrorKind::Invalid, why)
}
