//! Counts and durations of requests by route. The handles are made once, not looked up by name at
//! each request.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use domain::Resource;
use metrics::{Counter, Histogram, SharedString};

use crate::route::{Caching, Route};

/// The label of requests that no route matches.
const NONE: &str = "none";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub struct RequestMetrics {
    routes: HashMap<String, RouteMetrics>,
    /// The same handles as in `routes`, for hits that are answered before the router.
    reads: HashMap<Resource, RouteMetrics>,
    unmatched: RouteMetrics,
}

#[derive(Clone)]
struct RouteMetrics {
    requests: [Counter; 5],
    duration: Histogram,
}

impl RequestMetrics {
    /// The metrics' recorder must have been installed before, or nothing is counted.
    pub fn new(routes: &[Route]) -> Self {
        let by_path: HashMap<_, _> = routes
            .iter()
            .map(|route| (route.path.clone(), RouteMetrics::of(&route.path)))
            .collect();
        let reads = routes.iter().filter_map(|route| match route.caching {
            Caching::Shared(resource) => Some((resource, by_path.get(&route.path)?.clone())),
            Caching::NoStore => None,
        });

        Self { reads: reads.collect(), routes: by_path, unmatched: RouteMetrics::of(NONE) }
    }

    /// Counts a response of the router; `path` in axum's syntax.
    pub fn record(&self, path: Option<&str>, status: StatusCode, took: Duration) {
        let route = path.and_then(|path| self.routes.get(path));

        route.unwrap_or(&self.unmatched).record(status, took);
    }

    /// Counts a catalogue read that was answered before the router.
    pub fn record_read(&self, resource: Resource, status: StatusCode, took: Duration) {
        self.reads.get(&resource).unwrap_or(&self.unmatched).record(status, took);
    }
}

impl RouteMetrics {
    fn of(path: &str) -> Self {
        let path = SharedString::from(path.to_owned());
        let counter = |class| metrics::counter!("http_requests_total", "route" => path.clone(), "status" => class);

        Self {
            requests: CLASSES.map(counter),
            duration: metrics::histogram!("http_request_duration_seconds", "route" => path.clone()),
        }
    }

    fn record(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;

        self.requests[class].increment(1);
        self.duration.record(took);
    }
}
