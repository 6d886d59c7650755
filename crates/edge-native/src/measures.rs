//! The edge's counters, made once: a hit must not look one up.

use edge_core::cache_status::LABELS;
use edge_core::{CacheStatus, Encoding, Failure};
use metrics::{Counter, counter, describe_counter};

use crate::push::Pushed;

const CACHE: &str = "edge_cache_total";
const FAILURES: &str = "edge_origin_failures_total";
const PUSHES: &str = "edge_pushes_total";
const UNPACKED: &str = "edge_unpacked_total";

pub(crate) struct Measures {
    by_label: [(&'static str, Counter); LABELS.len()],
}

impl Measures {
    /// Whoever wants the numbers installs a recorder first.
    pub fn new() -> Self {
        describe_counter!(CACHE, "Requests to the edge, by what its cache did with them");
        describe_counter!(FAILURES, "Requests to the origin that had no answer, by kind");
        describe_counter!(PUSHES, "Pushes of the change log, by what came of them");
        describe_counter!(UNPACKED, "Answers of the origin that a proxy had encoded by itself");

        Self { by_label: LABELS.map(|label| (label, counter!(CACHE, "status" => label))) }
    }

    pub fn answered(&self, status: &CacheStatus) {
        let label = status.label();

        if let Some((_, counter)) = self.by_label.iter().find(|(known, _)| *known == label) {
            counter.increment(1);
        }
    }

    pub fn pushed(&self, pushed: Pushed) {
        counter!(PUSHES, "result" => pushed.name()).increment(1);
    }

    pub fn failed(&self, failure: Failure) {
        counter!(FAILURES, "kind" => failure.name()).increment(1);
    }
}

/// Of an answer that came in an encoding that was not asked for.
pub(crate) fn unpacked(from: Encoding) {
    counter!(UNPACKED, "encoding" => from.as_str()).increment(1);
}
