//! The edge's counters, made once: a hit must not look one up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::metrics::{Counter, counter, describe_counter};
use edge_core::cache_status::LABELS;
use edge_core::{CacheStatus, Encoding, Failure};

const CACHE: &str = "edge_cache_total";
const FAILURES: &str = "edge_origin_failures_total";
const PUSHES: &str = "edge_pushes_total";
const UNPACKED: &str = "edge_unpacked_total";
const BEHIND: &str = "edge_behind_total";

pub(crate) struct Metrics {
    by_label: [(&'static str, Counter); LABELS.len()],
    behind: Arc<AtomicU64>,
}

/// What was done about a response that is older than what this edge knows of its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    AskedAgain,
    /// The second one was as old, so it was shown and not stored.
    Shown,
}

/// What came of a push, and the word for it in `edge_pushes_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The log is being polled.
    Polled,
    /// This edge has read that far already.
    Known,
    /// The signature is not the shop's.
    Refused,
}

impl Pushed {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polled => "polled",
            Self::Known => "known",
            Self::Refused => "refused",
        }
    }
}

impl Behind {
    const fn name(self) -> &'static str {
        match self {
            Self::AskedAgain => "asked-again",
            Self::Shown => "shown",
        }
    }
}

impl Metrics {
    /// Counts go to the recorder that is installed now.
    pub fn new() -> Self {
        describe_counter!(CACHE, "Requests to the edge, by what its cache did with them");
        describe_counter!(FAILURES, "Requests to the origin that had no answer, by kind");
        describe_counter!(PUSHES, "Pushes of the change log, by what came of them");
        describe_counter!(BEHIND, "Answers older than the change log, by what was done about them");
        describe_counter!(UNPACKED, "Answers of the origin that a proxy had encoded by itself");

        Self {
            by_label: LABELS.map(|label| (label, counter!(CACHE, "status" => label))),
            behind: Arc::default(),
        }
    }

    pub fn count_response(&self, status: &CacheStatus) {
        let label = status.label();

        if let Some((_, counter)) = self.by_label.iter().find(|(known, _)| *known == label) {
            counter.increment(1);
        }
    }

    pub fn count_behind(&self, behind: Behind) {
        counter!(BEHIND, "result" => behind.name()).increment(1);
        if behind == Behind::AskedAgain {
            self.behind.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many responses were behind the change log since the start; goes on counting.
    pub fn behind(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.behind)
    }

    pub fn count_push(&self, pushed: Pushed) {
        counter!(PUSHES, "result" => pushed.name()).increment(1);
    }

    pub fn count_failure(&self, failure: Failure) {
        counter!(FAILURES, "kind" => failure.name()).increment(1);
    }
}

/// Counts a response that came in an encoding that was not asked for.
pub(crate) fn count_unpacked(from: Encoding) {
    counter!(UNPACKED, "encoding" => from.as_str()).increment(1);
}
