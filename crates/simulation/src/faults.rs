//! A process's way to its Items, on which things go wrong.

use std::fmt::Debug;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ports::{
    Attributes, Cancellation, Items, Key, Page, PortError, PortErrorKind, Query, Scan,
    TransactError, Transaction,
};
use tokio::time::timeout;

use crate::life::Life;
use crate::{Entropy, Trace};

/// How often what goes wrong, in so many of a thousand calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Another transaction has been writing one of the items.
    pub conflict: u32,
    /// A transaction never arrives.
    pub lost_request: u32,
    /// A transaction happens, and its answer is lost.
    pub lost_answer: u32,
    pub lost_read: u32,
    /// Any call is refused as one too many.
    pub throttled: u32,
    /// A page ends early.
    pub short_page: u32,
    /// One way of a call takes as long as `stall`.
    pub stalled: u32,
    pub stall: Duration,
    /// Any other way takes less than this.
    pub slowest: Duration,
}

/// What has happened to the calls of a process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    pub reads: u64,
    pub transactions: u64,
    pub conflicts: u64,
    pub lost_requests: u64,
    pub lost_answers: u64,
    pub lost_reads: u64,
    pub throttled: u64,
    pub short_pages: u64,
    pub stalls: u64,
    pub deaths: u64,
}

/// One process's connection to Items that others may share: slow both ways, with faults in between,
/// until the process dies. From then on every call fails.
///
/// Where the engine runs transactions in order, this one keeps their order.
pub struct FaultyItems {
    name: String,
    engine: Arc<dyn Items>,
    rates: FaultRates,
    entropy: Entropy,
    trace: Arc<Trace>,
    life: Life,
    /// Transactions wait here for each other where they have to arrive in order.
    line: tokio::sync::Mutex<()>,
    counts: Mutex<FaultCounts>,
}

/// How a transaction is delivered.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Answered,
    Conflict,
    LostRequest,
    LostAnswer,
    Throttled,
    /// The process dies before the request leaves it, or before the answer reaches it.
    Death,
}

impl FaultyItems {
    /// A connection that lives as long as it is used.
    pub fn before(
        engine: Arc<dyn Items>,
        name: impl Into<String>,
        rates: FaultRates,
        entropy: Entropy,
        trace: Arc<Trace>,
    ) -> Self {
        Self {
            name: name.into(),
            engine,
            rates,
            entropy,
            trace,
            life: Life::of(None),
            line: tokio::sync::Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// Its process dies with this call, the first one being 1.
    #[must_use]
    pub fn dying_at(mut self, call: u64) -> Self {
        self.life = Life::of(Some(call));
        self
    }

    pub fn is_dead(&self) -> bool {
        self.life.is_over()
    }

    /// Returns once the process is dead.
    pub async fn died(&self) {
        self.life.ended().await;
    }

    pub fn counts(&self) -> FaultCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, what: impl FnOnce(&mut FaultCounts)) {
        what(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The time that a request or its answer takes.
    async fn delay(&self) -> Result<(), PortError> {
        self.alive()?;
        let takes = if self.entropy.happens(self.rates.stalled) {
            self.count(|counts| counts.stalls += 1);
            self.rates.stall
        } else {
            self.entropy.duration(self.rates.slowest)
        };
        tokio::time::sleep(takes).await;
        self.alive()
    }

    fn alive(&self) -> Result<(), PortError> {
        if self.life.is_over() { Err(unavailable("the process is dead")) } else { Ok(()) }
    }

    fn die(&self) -> PortError {
        self.count(|counts| counts.deaths += 1);
        self.trace.event(format_args!("{} dies", self.name));
        self.life.end();

        unavailable("the process dies")
    }

    async fn read<T: Debug>(
        &self,
        name: &str,
        asked: &(dyn Debug + Sync),
        read: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        self.count(|counts| counts.reads += 1);
        self.delay().await?;
        if self.life.spend() {
            return Err(self.die());
        }
        let drawn = self.entropy.below(1_000) as u32;
        let found = if drawn < self.rates.lost_read {
            self.count(|counts| counts.lost_reads += 1);
            Err(unavailable("a read that was lost"))
        } else if drawn < self.rates.lost_read + self.rates.throttled {
            self.count(|counts| counts.throttled += 1);
            Err(throttled())
        } else {
            read.await
        };
        self.trace.event(format_args!("{} {name} {asked:?}: {found:?}", self.name));
        self.delay().await?;

        found
    }

    /// The rows that a page is asked for.
    fn limit(&self, limit: u32) -> u32 {
        if limit > 1 && self.entropy.happens(self.rates.short_page) {
            self.count(|counts| counts.short_pages += 1);
            return 1 + self.entropy.below(u64::from(limit.min(5))) as u32;
        }
        limit
    }

    fn next_delivery(&self) -> Delivery {
        if self.life.spend() {
            return Delivery::Death;
        }
        let rates = &self.rates;
        let faults = [
            (rates.conflict, Delivery::Conflict),
            (rates.lost_request, Delivery::LostRequest),
            (rates.lost_answer, Delivery::LostAnswer),
            (rates.throttled, Delivery::Throttled),
        ];
        let mut drawn = self.entropy.below(1_000) as u32;
        for (rate, delivery) in faults {
            match drawn.checked_sub(rate) {
                Some(rest) => drawn = rest,
                None => return delivery,
            }
        }
        Delivery::Answered
    }

    async fn send(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let _turn = if self.engine.runs_in_order() { Some(self.line.lock().await) } else { None };
        self.delay().await?;
        let delivery = self.next_delivery();

        let answer = match delivery {
            Delivery::Answered => self.engine.transact(transaction).await,
            Delivery::Conflict => Err(self.conflict(transaction)),
            Delivery::LostRequest => Err(unavailable("a request that was lost").into()),
            Delivery::LostAnswer => {
                self.give_up_on(transaction).await;
                Err(unavailable("an answer that was lost").into())
            }
            Delivery::Throttled => Err(throttled().into()),
            Delivery::Death => {
                if self.entropy.happens(500) {
                    // It reaches the engine; its answer is not waited for.
                    let _ = timeout(Duration::ZERO, self.engine.transact(transaction)).await;
                }
                Err(self.die().into())
            }
        };
        self.count(|counts| counts.add(delivery));
        self.trace.event(format_args!("{} {delivery:?} {transaction:?}: {answer:?}", self.name));
        answer
    }

    /// It happens, but its answer is waited for only so long, or for nothing.
    async fn give_up_on(&self, transaction: &Transaction) {
        let patience = if self.entropy.happens(500) {
            self.entropy.duration(self.rates.slowest)
        } else {
            Duration::from_secs(60)
        };

        let _ = timeout(patience, self.engine.transact(transaction)).await;
    }

    fn conflict(&self, transaction: &Transaction) -> TransactError {
        let mut reasons = vec![None; transaction.actions.len()];
        let at = self.entropy.below(reasons.len() as u64) as usize;
        if let Some(reason) = reasons.get_mut(at) {
            *reason = Some(Cancellation::Conflict);
        }

        TransactError::Cancelled(reasons)
    }
}

impl FaultCounts {
    fn add(&mut self, delivery: Delivery) {
        self.transactions += 1;
        match delivery {
            Delivery::Answered | Delivery::Death => {}
            Delivery::Conflict => self.conflicts += 1,
            Delivery::LostRequest => self.lost_requests += 1,
            Delivery::LostAnswer => self.lost_answers += 1,
            Delivery::Throttled => self.throttled += 1,
        }
    }
}

impl AddAssign for FaultCounts {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.transactions += other.transactions;
        self.conflicts += other.conflicts;
        self.lost_requests += other.lost_requests;
        self.lost_answers += other.lost_answers;
        self.lost_reads += other.lost_reads;
        self.throttled += other.throttled;
        self.short_pages += other.short_pages;
        self.stalls += other.stalls;
        self.deaths += other.deaths;
    }
}

fn unavailable(what: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, what)
}

fn throttled() -> PortError {
    PortError::new(PortErrorKind::Throttled, "a call too many")
}

#[async_trait]
impl Items for FaultyItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        self.read("get", key, self.engine.get(key)).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        self.read("batch_get", &keys, self.engine.batch_get(keys)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        let query = Query { limit: self.limit(query.limit), ..query.clone() };

        self.read("query", &query, self.engine.query(&query)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        let scan = Scan { limit: self.limit(scan.limit), ..scan.clone() };

        self.read("scan", &scan, self.engine.scan(&scan)).await
    }

    fn runs_in_order(&self) -> bool {
        self.engine.runs_in_order()
    }

    fn shows_transactions_whole(&self) -> bool {
        self.engine.shows_transactions_whole()
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let answer = self.send(transaction).await;
        self.delay().await?;

        answer
    }
}
