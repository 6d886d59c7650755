//! What is counted of every request: the handles are looked up once, not at each request.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use metrics::{Counter, Histogram};

use crate::routes::ROUTES;

/// For whatever no route matches.
const NONE: &str = "none";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub struct Measures {
    routes: HashMap<&'static str, OfRoute>,
}

struct OfRoute {
    requests: [Counter; 5],
    duration: Histogram,
}

impl Measures {
    /// After the recorder was installed, or nothing is counted.
    pub fn new() -> Self {
        let paths = ROUTES.iter().map(|route| route.path).chain([NONE]);

        Self { routes: paths.map(|path| (path, OfRoute::new(path))).collect() }
    }

    /// `route` as axum writes it.
    pub fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;

        if let Some(measures) = self.routes.get(route).or_else(|| self.routes.get(NONE)) {
            measures.requests[class].increment(1);
            measures.duration.record(took);
        }
    }
}

impl OfRoute {
    fn new(route: &'static str) -> Self {
        let counter =
            |class| metrics::counter!("http_requests_total", "route" => route, "status" => class);

        Self {
            requests: CLASSES.map(counter),
            duration: metrics::histogram!("http_request_duration_seconds", "route" => route),
        }
    }
}
