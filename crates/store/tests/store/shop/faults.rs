//! Faults between a repository and its engine, on request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
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
    /// For once, nothing.
    None,
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
    /// What readers see in place of an item, and for how many more reads.
    masks: Mutex<HashMap<Key, Mask>>,
    page_max: AtomicU32,
    largest: AtomicUsize,
    items_read: AtomicUsize,
    sent: AtomicUsize,
}

#[derive(Clone)]
struct Mask {
    shown: Option<Attributes>,
    reads_left: u32,
}

impl Faults {
    pub fn before(engine: Arc<dyn Items>) -> Self {
        Self {
            engine,
            script: Mutex::default(),
            masks: Mutex::default(),
            page_max: AtomicU32::new(ports::PAGE_MAX),
            largest: AtomicUsize::default(),
            items_read: AtomicUsize::default(),
            sent: AtomicUsize::default(),
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
        self.hide_for_reads(key, u32::MAX);
    }

    pub fn hide_for_reads(&self, key: Key, reads_left: u32) {
        self.masks.lock().unwrap().insert(key, Mask { shown: None, reads_left });
    }

    /// The item is visible as it was before.
    pub fn age(&self, key: Key, was: &impl serde::Serialize) {
        self.age_for_reads(key, was, u32::MAX);
    }

    pub fn age_for_reads(&self, key: Key, was: &impl serde::Serialize, reads_left: u32) {
        let shown = Some(Attributes::of(was).unwrap());
        self.masks.lock().unwrap().insert(key, Mask { shown, reads_left });
    }

    pub fn show_all(&self) {
        self.masks.lock().unwrap().clear();
    }

    /// Pages of queries and scans have at most so many rows.
    pub fn cut_pages_to(&self, rows: u32) {
        self.page_max.store(rows, Ordering::SeqCst);
    }

    /// The most actions that any transaction had.
    pub fn largest(&self) -> usize {
        self.largest.load(Ordering::SeqCst)
    }

    /// Items that gets and queries have read so far.
    pub fn items_read(&self) -> usize {
        self.items_read.load(Ordering::SeqCst)
    }

    fn read(&self, items: usize) {
        self.items_read.fetch_add(items, Ordering::SeqCst);
    }

    /// How many transactions were sent.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    fn seen(&self, key: &Key, item: Option<Attributes>) -> Option<Attributes> {
        let mut masks = self.masks.lock().unwrap();
        let Some(mask) = masks.get_mut(key).filter(|mask| mask.reads_left > 0) else { return item };
        mask.reads_left -= 1;

        mask.shown.clone()
    }

    fn seen_page(&self, page: Page) -> Page {
        let rows = page.rows.into_iter().filter_map(|Row { key, attributes }| {
            let attributes = self.seen(&key, Some(attributes))?;
            Some(Row { key, attributes })
        });

        Page { rows: rows.collect(), next: page.next }
    }

    fn limit(&self, limit: u32) -> u32 {
        limit.min(self.page_max.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Items for Faults {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        self.read(1);
        Ok(self.seen(key, self.engine.get(key).await?))
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        let found = self.engine.batch_get(keys).await?;
        self.read(keys.len());

        Ok(keys.iter().zip(found).map(|(key, item)| self.seen(key, item)).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        let query = Query { limit: self.limit(query.limit), ..query.clone() };

        let page = self.engine.query(&query).await?;
        self.read(page.rows.len());
        Ok(self.seen_page(page))
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        let scan = Scan { limit: self.limit(scan.limit), ..scan.clone() };

        Ok(self.seen_page(self.engine.scan(&scan).await?))
    }

    fn runs_in_order(&self) -> bool {
        self.engine.runs_in_order()
    }

    fn shows_transactions_whole(&self) -> bool {
        self.engine.shows_transactions_whole() && self.masks.lock().unwrap().is_empty()
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        self.largest.fetch_max(transaction.actions.len(), Ordering::SeqCst);
        self.sent.fetch_add(1, Ordering::SeqCst);
        let fault = self.script.lock().unwrap().pop_front();

        match fault {
            None | Some(Fault::None) => self.engine.transact(transaction).await,
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
