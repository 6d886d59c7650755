//! The simulated shop: two processes that die and start again, before one engine.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ports::Items;
use simulation::{
    Entropy, FaultCounts, FaultRates, FaultyItems, GradualItems, MemoryItems, SimulatedClock,
    SimulatedWorld, Trace,
};
use store::schema::TABLES;
use store::{Actor, Catalog, Db};

use crate::bugs::{Bug, Buggy};
use crate::drafts;
use crate::process::Process;

/// From then on all items of a transaction show, where they show one by one.
pub const SHOWN_AFTER: Duration = Duration::from_millis(8);
const PROCESSES: usize = 2;
/// So many times a process dies; then it lives.
const DEATHS: u32 = 3;

pub struct Shop {
    /// The engine itself, in which nothing is hidden.
    pub memory: Arc<MemoryItems>,
    pub clock: SimulatedClock,
    pub trace: Arc<Trace>,
    engine: Arc<dyn Items>,
    rates: FaultRates,
    bug: Option<Bug>,
    entropy: Entropy,
    processes: Mutex<Vec<Slot>>,
    /// Of processes that have died.
    counts_of_dead: Mutex<FaultCounts>,
}

/// Where a process runs, and after it the next one.
struct Slot {
    process: Arc<Process>,
    starts: u32,
    /// Its clock is ahead of the other's.
    ahead: Duration,
}

impl Shop {
    /// A shop of a few products, whose faults begin now.
    pub async fn open(entropy: &Entropy, bug: Option<Bug>, prints: bool) -> Self {
        let clock = SimulatedClock::start();
        let memory = Arc::new(MemoryItems::new(TABLES));
        fill(&memory, clock, entropy).await;
        let engine: Arc<dyn Items> = if entropy.happens(500) {
            memory.clone()
        } else {
            Arc::new(GradualItems::before(memory.clone(), SHOWN_AFTER, entropy.fork()))
        };
        let shop = Self {
            memory,
            clock,
            trace: Arc::new(Trace::new(clock).printing(prints)),
            engine,
            rates: any_rates(entropy),
            bug,
            entropy: entropy.fork(),
            processes: Mutex::default(),
            counts_of_dead: Mutex::default(),
        };

        for _ in 0..PROCESSES {
            let ahead = shop.entropy.duration(Duration::from_millis(300));
            let process = shop.start(0, ahead);
            shop.slots().push(Slot { process, starts: 1, ahead });
        }
        shop
    }

    pub fn any_process(&self, entropy: &Entropy) -> Arc<Process> {
        let slots = self.slots();

        slots[entropy.below(slots.len() as u64) as usize].process.clone()
    }

    /// For a look at the end.
    pub fn process_without_faults(&self) -> Process {
        let items = FaultyItems::before(
            self.memory.clone(),
            "the last process",
            FaultRates::default(),
            Entropy::of(1),
            self.trace.clone(),
        );
        let world = SimulatedWorld::new(self.clock, Entropy::of(2));

        Process::start(Arc::new(items), None, world)
    }

    /// Starts another process where a dead one ran.
    pub async fn restart(&self, dead: &Arc<Process>) {
        if let Some(undo) = dead.bug.as_ref().and_then(|bug| bug.undo()) {
            self.memory.transact(&undo).await.unwrap();
        }
        let mut slots = self.slots();
        let Some(slot) = slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.process, dead)) else {
            return;
        };

        *self.counts_of_dead.lock().unwrap() += dead.items.counts();
        slot.process = self.start(slot.starts, slot.ahead);
        slot.starts += 1;
    }

    pub fn faults(&self) -> FaultCounts {
        let mut counts = *self.counts_of_dead.lock().unwrap();
        for slot in &*self.slots() {
            counts += slot.process.items.counts();
        }
        counts
    }

    fn start(&self, starts: u32, ahead: Duration) -> Arc<Process> {
        let number = self.entropy.below(1_000_000);
        let entropy = self.entropy.fork();
        let bug = self.bug.map(|bug| Arc::new(Buggy::before(self.engine.clone(), bug, entropy)));
        let engine = match &bug {
            Some(buggy) => buggy.clone(),
            None => self.engine.clone(),
        };
        let items = FaultyItems::before(
            engine,
            format!("process {number:06}"),
            self.rates,
            self.entropy.fork(),
            self.trace.clone(),
        );
        let items = if starts < DEATHS && self.entropy.happens(700) {
            items.dying_at(1 + self.entropy.below(400))
        } else {
            items
        };
        let world = SimulatedWorld::new(self.clock.ahead_by(ahead), self.entropy.fork());

        Arc::new(Process::start(Arc::new(items), bug, world))
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.processes.lock().unwrap()
    }
}

/// Half of the seeds have many faults, the others few.
fn any_rates(entropy: &Entropy) -> FaultRates {
    let most = if entropy.happens(500) { 80 } else { 15 };
    let rate = |share: u64| entropy.below(most / share) as u32;

    FaultRates {
        conflict: rate(1),
        lost_request: rate(1),
        lost_answer: rate(1),
        lost_read: rate(4),
        throttled: rate(4),
        short_page: rate(1),
        stalled: rate(10),
        stall: Duration::from_secs(3),
        slowest: Duration::from_millis(5),
    }
}

async fn fill(memory: &Arc<MemoryItems>, clock: SimulatedClock, entropy: &Entropy) {
    let world = Arc::new(SimulatedWorld::new(clock, entropy.fork()));
    let catalog = Catalog::over(Db::new(memory.clone(), world));
    let by = Actor::command("setup");
    let mut categories = Vec::new();
    for number in 0..3 {
        let draft = drafts::category(format!("Category {number}"), None);
        categories.push(catalog.create_category(&draft, &by).await.unwrap().value.id);
    }

    for number in 0..4 {
        let slug = drafts::product_slug(number);
        let category = *entropy.pick(&categories).unwrap();
        let mut draft = drafts::product(entropy, &slug, category);
        draft.variants.truncate(1);
        draft.variants[0] = drafts::variant(entropy, &drafts::sku(number));
        catalog.create_product(&draft, &by).await.unwrap();
    }
}
