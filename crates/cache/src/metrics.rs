//! The metrics of a cache, registered once, so that a hit looks none up.

use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};

/// Why memory had no usable entry, and the labels of `cache_requests_total{layer="memory"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    Absent,
    Expired,
    Invalid,
    /// The log is unavailable, and the entry is too old to be used without it.
    Clamped,
    /// Valid, but not known to be as new as was asked for.
    Behind,
    Off,
}

/// The result of a lookup in the shared cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedResult {
    Hit,
    Miss,
    Invalid,
    Failed,
}

pub(crate) struct Metrics {
    pub(crate) hits: Counter,
    pub(crate) joined: Counter,
    pub(crate) loads: Counter,
    pub(crate) failed_loads: Counter,
    pub(crate) load_time: Histogram,
    misses: [(Miss, Counter); 6],
    shared: [(SharedResult, Counter); 4],
}

const REQUESTS: &str = "cache_requests_total";
const LOAD_SECONDS: &str = "cache_load_seconds";

impl Metrics {
    /// The recorder must be installed before.
    pub(crate) fn new() -> Self {
        describe_counter!(REQUESTS, "Requests to each layer of the cache, by result");
        describe_histogram!(LOAD_SECONDS, "Time to read a missing entry from the source");
        let memory =
            |result: &'static str| counter!(REQUESTS, "layer" => "memory", "result" => result);
        let shared =
            |result: &'static str| counter!(REQUESTS, "layer" => "shared", "result" => result);
        let source =
            |result: &'static str| counter!(REQUESTS, "layer" => "source", "result" => result);

        Self {
            hits: memory("hit"),
            joined: source("joined"),
            loads: source("loaded"),
            failed_loads: source("failed"),
            load_time: histogram!(LOAD_SECONDS),
            misses: [
                (Miss::Absent, memory("miss")),
                (Miss::Expired, memory("expired")),
                (Miss::Invalid, memory("invalid")),
                (Miss::Clamped, memory("clamped")),
                (Miss::Behind, memory("behind")),
                (Miss::Off, memory("off")),
            ],
            shared: [
                (SharedResult::Hit, shared("hit")),
                (SharedResult::Miss, shared("miss")),
                (SharedResult::Invalid, shared("invalid")),
                (SharedResult::Failed, shared("failed")),
            ],
        }
    }

    pub(crate) fn missed(&self, miss: Miss) {
        count(&self.misses, miss);
    }

    pub(crate) fn asked_shared(&self, result: SharedResult) {
        count(&self.shared, result);
    }
}

fn count<K: PartialEq + Copy>(counters: &[(K, Counter)], kind: K) {
    if let Some((_, counter)) = counters.iter().find(|(named, _)| *named == kind) {
        counter.increment(1);
    }
}
