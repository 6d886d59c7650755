//! The open connections of a server: which are beyond a bound, and which is closed for a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::limits::Subject;

use crate::activity::{Connection, Reason};
use crate::eviction::{Candidate, victims};

/// One look at all connections finds a 64th of them, so that a flood of new connections at a full
/// server costs each a few microseconds.
const VICTIMS_AT_ONCE: usize = 64;

/// `T` ends a connection's task.
pub(crate) struct Registry<T> {
    open: BTreeMap<u64, (Arc<Connection>, T)>,
    next: u64,
    share: usize,
    /// Those who go next, the first one last.
    found: Vec<Candidate<u64, Subject>>,
}

impl<T> Registry<T> {
    pub const fn new(share: usize) -> Self {
        Self { open: BTreeMap::new(), next: 0, share, found: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Keeps `task` until [`Self::remove`] or until the connection has to go.
    pub fn insert(&mut self, connection: Arc<Connection>, task: impl FnOnce(u64) -> T) {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, (connection, task(id)));
    }

    pub fn remove(&mut self, id: u64) {
        self.open.remove(&id);
    }

    /// Those that are beyond a bound.
    pub fn expired(&mut self) -> Vec<(Reason, T)> {
        let expired = |(id, (connection, _)): (&u64, &(Arc<Connection>, T))| {
            connection.expired().map(|reason| (*id, reason))
        };
        let found: Vec<_> = self.open.iter().filter_map(expired).collect();

        found
            .into_iter()
            .filter_map(|(id, reason)| Some((reason, self.open.remove(&id)?.1)))
            .collect()
    }

    /// The connection that is closed for a new one; `None` when none is open.
    pub fn victim(&mut self) -> Option<T> {
        let id = self.still_idle().or_else(|| {
            self.look();
            self.found.pop().map(|first| first.id)
        })?;

        self.open.remove(&id).map(|(_, task)| task)
    }

    /// The next of those found that has done nothing since.
    fn still_idle(&mut self) -> Option<u64> {
        while let Some(found) = self.found.pop() {
            let is_as_found = self.open.get(&found.id).is_some_and(|(connection, _)| {
                connection.last_useful() == found.last_useful
                    && connection.is_protected() == found.is_protected
            });
            if is_as_found {
                return Some(found.id);
            }
        }
        None
    }

    fn look(&mut self) {
        let all = self.open.iter().map(|(id, (connection, _))| Candidate {
            id: *id,
            client: connection.client(),
            is_trusted: connection.is_trusted(),
            is_protected: connection.is_protected(),
            last_useful: connection.last_useful(),
        });
        let count = self.open.len() / VICTIMS_AT_ONCE + 1;

        self.found = victims(all.collect(), self.share, count);
        self.found.reverse();
    }
}

#[cfg(test)]
mod tests;
