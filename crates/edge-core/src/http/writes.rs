//! Which fetches a write has overtaken: what they bring is from before it, and is not kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The URLs that are being fetched, each with the number of writes to it meanwhile. Exact, and as
/// small as the number of fetches: a write to any other URL is nothing to them.
#[derive(Debug, Default)]
pub struct Writes(Arc<Mutex<Fetched>>);

type Fetched = HashMap<Box<str>, Watched>;

#[derive(Debug, Default)]
struct Watched {
    fetches: usize,
    writes: u64,
}

/// Of one fetch, from before it was sent. The URL is forgotten with the last of them.
#[derive(Debug)]
pub struct Epoch {
    fetched: Arc<Mutex<Fetched>>,
    url: Box<str>,
    writes: u64,
}

impl Writes {
    pub fn epoch(&self, url: &str) -> Epoch {
        let mut fetched = lock(&self.0);
        let watched = fetched.entry(url.into()).or_default();
        watched.fetches += 1;

        Epoch { fetched: Arc::clone(&self.0), url: url.into(), writes: watched.writes }
    }

    /// What is being fetched now is from before.
    pub fn count(&self, url: &str) {
        if let Some(watched) = lock(&self.0).get_mut(url) {
            watched.writes += 1;
        }
    }
}

impl Epoch {
    /// Whether nothing was written to the URL since.
    pub fn is_current(&self) -> bool {
        lock(&self.fetched).get(&self.url).is_some_and(|watched| watched.writes == self.writes)
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        let mut fetched = lock(&self.fetched);
        let Some(watched) = fetched.get_mut(&self.url) else { return };

        watched.fetches -= 1;
        if watched.fetches == 0 {
            fetched.remove(&self.url);
        }
    }
}

fn lock(fetched: &Mutex<Fetched>) -> MutexGuard<'_, Fetched> {
    // Each change is complete in itself.
    fetched.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_ends_the_epoch_of_its_url_and_of_no_other() {
        let writes = Writes::default();
        let before = writes.epoch("/a");

        for n in 0..10_000 {
            writes.count(&format!("/other/{n}"));
        }
        assert!(before.is_current());
        writes.count("/a");

        assert!(!before.is_current());
        let after = writes.epoch("/a");
        assert!(after.is_current() && !before.is_current());
        drop(before);
        assert!(after.is_current());
    }

    #[test]
    fn a_url_that_is_not_being_fetched_takes_no_memory() {
        let writes = Writes::default();
        let (first, second) = (writes.epoch("/a"), writes.epoch("/a"));
        writes.count("/b");

        drop(first);
        assert!(second.is_current());
        drop(second);

        assert!(lock(&writes.0).is_empty());
    }
}
