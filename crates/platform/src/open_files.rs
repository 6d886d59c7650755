//! How many files, sockets included, the process may hold open, and how many each server gets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Reserved whatever the limit is: standard streams, listeners, the database with its readers, Redis,
/// the operators' page, connections that are being closed.
const ALWAYS: usize = 128;
/// Reserved as a part of the limit: temporary files of imports, and slack.
const SLACK: usize = 16;
const SLACK_MAX: usize = 1_024;
/// Parts are sixteenths.
const WHOLE: usize = 16;
/// Stands for no limit, so that there is a number.
const UNLIMITED: u64 = 1 << 20;
/// The most concurrent requests to the origin for cached reads, however high the limit.
const FETCHES_MAX: usize = 512;

/// The process's limit of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles(usize);

/// The most connections that each server of the process may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionBudget {
    pub edge: usize,
    pub origin: usize,
    /// From the edge to the origin for cached reads, including those whose client has gone.
    pub fetches: usize,
}

impl OpenFiles {
    /// Raises the soft limit to the hard one. The soft one is 1,024 on most systems, for programs
    /// that use `select`; a server is meant to raise it.
    pub fn raise() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let hard = limit.maximum.unwrap_or(UNLIMITED);
        let wanted = Rlimit { current: Some(hard), maximum: limit.maximum };

        if limit.current.is_some_and(|soft| soft < hard)
            && let Err(error) = setrlimit(Resource::Nofile, wanted)
        {
            tracing::warn!(%error, hard, "the limit of open files could not be raised");
        }
        let now = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED).min(UNLIMITED);
        Self(usize::try_from(now).unwrap_or(usize::MAX))
    }

    pub const fn number(self) -> usize {
        self.0
    }

    /// Each connection of a shopper may need one to the origin, which the origin holds in the same
    /// process, and that one another to the store: 3 + 3 + 2 for fetches, 5 at the origin, 3 to the
    /// store.
    pub fn whole_shop(self) -> ConnectionBudget {
        self.budget(3, 5)
    }

    /// No origin and no store: 7 + 7 + 2 for fetches.
    pub fn edge_alone(self) -> ConnectionBudget {
        self.budget(7, 0)
    }

    fn budget(self, edge: usize, origin: usize) -> ConnectionBudget {
        let reserved = ALWAYS + (self.0 / SLACK).min(SLACK_MAX);
        let rest = self.0.saturating_sub(reserved);
        let part = |sixteenths: usize| (rest * sixteenths / WHOLE).max(1);

        ConnectionBudget {
            edge: part(edge),
            origin: part(origin),
            fetches: part(2).min(FETCHES_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all connections together may take, each with those that it needs behind it.
    fn most(budget: ConnectionBudget, is_whole: bool) -> usize {
        let upstream = budget.edge + budget.fetches;
        let behind = if is_whole { budget.origin + rest_of_the_store(budget) } else { 0 };

        budget.edge + upstream + behind
    }

    fn rest_of_the_store(budget: ConnectionBudget) -> usize {
        budget.edge
    }

    #[test]
    fn all_connections_together_leave_the_reserve() {
        for limit in [256, 1_024, 4_096, 20_000, 65_536, 524_288, 1_048_576] {
            let files = OpenFiles(limit);

            for (budget, is_whole) in [(files.whole_shop(), true), (files.edge_alone(), false)] {
                let left = limit - most(budget, is_whole);
                assert!(left >= ALWAYS, "{limit}: {budget:?} leaves {left}");
                assert!(budget.edge >= 20, "{limit}: {budget:?}");
            }
        }
    }

    #[test]
    fn a_limit_that_is_too_low_leaves_one_of_each() {
        let one = ConnectionBudget { edge: 1, origin: 1, fetches: 1 };

        assert_eq!(OpenFiles(10).whole_shop(), one);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let raised = OpenFiles::raise();

        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert!(raised.number() > 0);
    }
}
