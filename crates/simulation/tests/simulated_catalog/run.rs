//! One seed from its beginning to its end.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use simulation::{Entropy, FaultCounts, TraceDigest};
use tokio::task::JoinSet;

use crate::bugs::Bug;
use crate::process::Ending;
use crate::shop::Shop;
use crate::{admin, invariants};

const ADMINS: usize = 5;
const WRITES_OF_EACH: usize = 8;
const READS: usize = 8;
/// By then every request has ended that its client has given up.
const QUIET_AFTER: Duration = Duration::from_secs(300);

/// What came of a seed, or of many.
#[derive(Clone, Debug)]
pub struct Report {
    pub violations: Vec<String>,
    pub digest: TraceDigest,
    pub faults: FaultCounts,
    pub seeds: u64,
    pub writes: u64,
    pub answered: u64,
    pub refused: u64,
    pub unknown: u64,
}

pub fn simulate(seed: u64, bug: Option<Bug>) -> Report {
    simulation::run(live(seed, bug, false))
}

pub fn simulate_printing(seed: u64) -> Report {
    simulation::run(live(seed, None, true))
}

async fn live(seed: u64, bug: Option<Bug>, prints: bool) -> Report {
    let entropy = Entropy::of(seed);
    let shop = Arc::new(Shop::open(&entropy, bug, prints).await);
    let history = admin::History::default();
    let mut admins = JoinSet::new();
    for number in 0..ADMINS {
        let writing =
            admin::write(shop.clone(), history.clone(), number, WRITES_OF_EACH, entropy.fork());
        admins.spawn(writing);
    }
    let reader = tokio::spawn(admin::read(shop.clone(), READS, entropy.fork()));

    admins.join_all().await;
    let mut violations = reader.await.expect("the reader does not panic");
    tokio::time::sleep(QUIET_AFTER).await;
    let digest = shop.trace.digest();
    let history = std::mem::take(&mut *history.lock().unwrap());
    violations.extend(invariants::violations(&shop, &history).await);

    let count = |is: fn(&Ending) -> bool| history.iter().filter(|it| is(&it.ending)).count() as u64;
    Report {
        violations,
        digest,
        faults: shop.faults(),
        seeds: 1,
        writes: history.len() as u64,
        answered: count(|ending| matches!(ending, Ending::Answered(_))),
        refused: count(|ending| matches!(ending, Ending::Refused(_))),
        unknown: count(|ending| matches!(ending, Ending::Unknown)),
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.digest.events += other.digest.events;
        self.digest.hash ^= other.digest.hash;
        self.faults += other.faults;
        self.seeds += other.seeds;
        self.writes += other.writes;
        self.answered += other.answered;
        self.refused += other.refused;
        self.unknown += other.unknown;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} seeds: {} writes, of which {} answered, {} refused, {} unknown; {} events, {:016x}; \
             {:?}",
            self.seeds,
            self.writes,
            self.answered,
            self.refused,
            self.unknown,
            self.digest.events,
            self.digest.hash,
            self.faults
        )
    }
}
