//! What a server counts of its connections.

use metrics::{Gauge, counter, describe_counter, describe_gauge, gauge};

use crate::activity::Reason;

const OPEN: &str = "http_connections";
const CLOSED: &str = "http_connections_closed_total";
const ACCEPT_FAILURES: &str = "http_accept_failures_total";

pub(crate) struct Counters {
    server: &'static str,
    open: Gauge,
}

impl Counters {
    /// After the recorder was installed, or nothing is counted.
    pub fn new(server: &'static str) -> Self {
        describe_gauge!(OPEN, "Open connections, by server");
        describe_counter!(CLOSED, "Connections that the server closed, by reason");
        describe_counter!(ACCEPT_FAILURES, "Connections that could not be accepted");

        Self { server, open: gauge!(OPEN, "server" => server) }
    }

    #[expect(clippy::cast_precision_loss, reason = "the metrics protocol has floats alone")]
    pub fn open(&self, count: usize) {
        self.open.set(count as f64);
    }

    pub fn closed(&self, reason: Reason) {
        counter!(CLOSED, "server" => self.server, "reason" => reason.name()).increment(1);
    }

    pub fn accept_failed(&self) {
        counter!(ACCEPT_FAILURES, "server" => self.server).increment(1);
    }
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Stalled => "stalled",
            Self::Replaced => "replaced",
        }
    }
}
