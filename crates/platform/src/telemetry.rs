//! Metrics: set up once, before anything that counts.

use std::io;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use supervision::Supervisor;
use tracing_subscriber::util::TryInitError;

use crate::log;

/// Upper bounds of `*_seconds` histograms, in microseconds: from a hit in memory to a deadline.
const BUCKETS_MICROS: [u32; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
/// How often the exporter puts what was measured into its buckets; between scrapes it piles up.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Renders what was counted, in the text format of Prometheus.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter can't be used: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("logs can't be written: {0}")]
    Logs(#[from] TryInitError),
    #[error("logs can't be written: {0}")]
    Writer(#[from] io::Error),
    #[error("metrics can't be kept: {0}")]
    Metrics(#[from] BuildError),
}

/// Needs a runtime, and comes before whatever counts: a counter that was made earlier counts
/// nothing.
pub fn start_metrics(supervisor: &Supervisor) -> Result<Metrics, TelemetryError> {
    let seconds: Vec<_> =
        BUCKETS_MICROS.into_iter().map(|micros| f64::from(micros) / 1_000_000.0).collect();
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)?
        .install_recorder()?;

    supervision::describe_metrics();
    log::describe_metrics();
    tokio::spawn(supervisor.keep("metrics-upkeep", handle.clone(), keep_up));
    Ok(Metrics(handle))
}

async fn keep_up(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);

    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

impl Metrics {
    pub fn render(&self) -> String {
        self.0.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_counted_is_rendered_with_its_buckets() {
        let supervisor = Supervisor::default();
        let metrics = start_metrics(&supervisor).unwrap();
        metrics::counter!("planted_total", "kind" => "test").increment(3);
        metrics::histogram!("planted_seconds").record(Duration::from_millis(3));

        let page = metrics.render();

        assert!(page.contains(r#"planted_total{kind="test"} 3"#), "{page}");
        assert!(page.contains(r#"planted_seconds_bucket{le="0.0025"} 0"#), "{page}");
        assert!(page.contains(r#"planted_seconds_bucket{le="0.005"} 1"#), "{page}");
        assert!(start_metrics(&supervisor).is_err(), "a second recorder would hear nothing");
    }
}
