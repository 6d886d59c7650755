//! Many seeds, on all processors: each runs on one thread, whatever the others do.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::bugs::Bug;
use crate::run::{Report, simulate};

/// Runs all of them; panics with the first that does.
pub fn for_each_seed(seeds: Range<u64>, run: impl Fn(u64) -> Report + Sync) -> Report {
    let next = AtomicU64::new(seeds.start);
    let total: Mutex<Option<Report>> = Mutex::default();
    let threads = thread::available_parallelism().map_or(1, usize::from);

    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = run(seed);
                    match &mut *total.lock().unwrap() {
                        Some(total) => *total += report,
                        total => *total = Some(report),
                    }
                }
            });
        }
    });
    total.into_inner().unwrap().expect("there is a seed")
}

/// The first seed that finds a bug, and what it says.
pub fn first_that_finds(bug: Bug, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let violation = simulate(seed, Some(bug)).violations.into_iter().next()?;
        Some((seed, violation))
    })
}

pub fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
