//! What happened in a simulation, as one number: two runs of a seed are the same run if they have
//! the same.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::Xxh3;

use crate::SimulatedClock;

/// Takes down every event with its time.
pub struct Trace {
    clock: SimulatedClock,
    prints: bool,
    state: Mutex<State>,
}

/// All events up to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceDigest {
    pub events: u64,
    pub hash: u64,
}

struct State {
    hash: Xxh3,
    events: u64,
    /// The last event; kept for its memory.
    line: String,
}

impl Trace {
    pub fn new(clock: SimulatedClock) -> Self {
        let state = State { hash: Xxh3::new(), events: 0, line: String::new() };

        Self { clock, prints: false, state: Mutex::new(state) }
    }

    /// One that prints each event as well, to look for a cause in.
    #[must_use]
    pub const fn printing(mut self, prints: bool) -> Self {
        self.prints = prints;
        self
    }

    pub fn event(&self, what: fmt::Arguments<'_>) {
        let at = self.clock.elapsed().as_micros();
        let mut state = self.lock();
        let State { hash, events, line } = &mut *state;

        line.clear();
        writeln!(line, "{at:>12} {what}").expect("a String takes every text");
        hash.update(line.as_bytes());
        *events += 1;
        if self.prints {
            print!("{line}");
        }
    }

    pub fn digest(&self) -> TraceDigest {
        let state = self.lock();

        TraceDigest { events: state.events, hash: state.hash.digest() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_that_differs_or_comes_at_another_time_makes_another_digest() {
        let clock = SimulatedClock::start();
        let [one, same, other, late] = [(); 4].map(|()| Trace::new(clock));

        one.event(format_args!("put {}", 1));
        same.event(format_args!("put 1"));
        other.event(format_args!("put 2"));
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        late.event(format_args!("put 1"));

        assert_eq!(one.digest(), same.digest());
        assert_ne!(one.digest(), other.digest());
        assert_ne!(one.digest(), late.digest());
    }
}
