//! Faults between a repository and its engine, on request.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::future::BoxFuture;
use ports::{
    Attributes, Cancellation, Items, Key, Page, PortError, PortErrorKind, Query, Row, Scan,
    TransactError, Transaction,
};

type Meanwhile = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// What happens to a transaction.
pub enum Fault {
    /// It happens, and the answer is lost.
    LostAnswer,
    /// It never arrives.
    LostRequest,
    /// DynamoDB's TransactionConflict, on the last action.
    Conflict,
    /// This happens first.
    Meanwhile(Meanwhile),
}

pub struct Faults {
    engine: Arc<dyn Items>,
    script: Mutex<VecDeque<Fault>>,
    hidden: Mutex<HashSet<Key>>,
    largest: AtomicUsize,
}

impl Faults {
    pub fn before(engine: Arc<dyn Items>) -> Self {
        Self {
            engine,
            script: Mutex::default(),
            hidden: Mutex::default(),
            largest: AtomicUsize::default(),
        }
    }

    /// For the next transactions, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script.lock().unwrap().extend(faults);
    }

    /// While the next transaction is on its way.
    pub fn meanwhile<F: Future<Output = ()> + Send + 'static>(
        &self,
        happens: impl FnOnce() -> F + Send + 'static,
    ) {
        self.script([Fault::Meanwhile(Box::new(|| Box::pin(happens())))]);
    }

    pub fn are_over(&self) -> bool {
        self.script.lock().unwrap().is_empty()
    }

    /// The item is not visible yet, though others of its transaction are.
    pub fn hide(&self, key: Key) {
        self.hidden.lock().unwrap().insert(key);
    }

    pub fn show_all(&self) {
        self.hidden.lock().unwrap().clear();
    }

    /// The most actions that any transaction had.
    pub fn largest(&self) -> usize {
        self.largest.load(Ordering::SeqCst)
    }

    fn is_hidden(&self, key: &Key) -> bool {
        self.hidden.lock().unwrap().contains(key)
    }

    fn visible(&self, mut page: Page) -> Page {
        page.rows.retain(|Row { key, .. }| !self.is_hidden(key));
        page
    }
}

#[async_trait]
impl Items for Faults {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        if self.is_hidden(key) {
            return Ok(None);
        }
        self.engine.get(key).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        let found = self.engine.batch_get(keys).await?;
        let seen = keys.iter().zip(found).map(|(key, item)| item.filter(|_| !self.is_hidden(key)));

        Ok(seen.collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        Ok(self.visible(self.engine.query(query).await?))
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        Ok(self.visible(self.engine.scan(scan).await?))
    }

    fn runs_in_order(&self) -> bool {
        self.engine.runs_in_order()
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        self.largest.fetch_max(transaction.actions.len(), Ordering::SeqCst);
        let fault = self.script.lock().unwrap().pop_front();

        match fault {
            None => self.engine.transact(transaction).await,
            Some(Fault::Meanwhile(happens)) => {
                happens().await;
                self.engine.transact(transaction).await
            }
            Some(Fault::LostAnswer) => {
                self.engine.transact(transaction).await?;
                Err(unavailable())
            }
            Some(Fault::LostRequest) => Err(unavailable()),
            Some(Fault::Conflict) => {
                let mut reasons = vec![None; transaction.actions.len()];
                *reasons.last_mut().unwrap() = Some(Cancellation::Conflict);
                Err(TransactError::Cancelled(reasons))
            }
        }
    }
}

fn unavailable() -> TransactError {
    PortError::new(PortErrorKind::Unavailable, "a fault of the test").into()
}
