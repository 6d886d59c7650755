//! Metrics: installed once, before anything that counts.

use std::convert::Infallible;
use std::future;
use std::io;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use supervision::{BackgroundTask, Supervisor};
use tracing_subscriber::util::TryInitError;

use crate::log;

/// Upper bounds of `*_seconds` histograms, in microseconds: from a hit in memory to a deadline.
const BUCKETS_MICROS: [u32; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
/// How often the exporter sorts recorded values into buckets; until then each takes memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Renders every metric in Prometheus' text format.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter is invalid: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("logs can't be written: {0}")]
    Logs(#[from] TryInitError),
    #[error("logs can't be written: {0}")]
    Writer(#[from] io::Error),
    #[error("metrics can't be recorded: {0}")]
    Metrics(#[from] BuildError),
}

/// Within a runtime, and before anything that counts: a counter that was created earlier counts
/// nothing.
pub fn start_metrics(supervisor: &Supervisor) -> Result<Metrics, TelemetryError> {
    let seconds: Vec<_> =
        BUCKETS_MICROS.into_iter().map(|micros| f64::from(micros) / 1_000_000.0).collect();
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)?
        .install_recorder()?;

    supervision::describe_metrics();
    log::describe_metrics();
    tokio::spawn(supervisor.background(upkeep(handle.clone())));
    Ok(Metrics(handle))
}

fn upkeep(handle: PrometheusHandle) -> BackgroundTask {
    BackgroundTask::new("metrics-upkeep", UPKEEP_EVERY, move || {
        handle.run_upkeep();
        future::ready(Ok::<_, Infallible>(()))
    })
}

impl Metrics {
    pub fn render(&self) -> String {
        self.0.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn metrics_are_rendered_with_their_buckets_and_those_of_background_tasks() {
        let supervisor = Supervisor::default();
        let metrics = start_metrics(&supervisor).unwrap();
        metrics::counter!("planted_total", "kind" => "test").increment(3);
        metrics::histogram!("planted_seconds").record(Duration::from_millis(3));
        let failing =
            BackgroundTask::new("planted", UPKEEP_EVERY, || future::ready(Err::<(), _>("planted")));
        tokio::spawn(supervisor.background(failing));
        tokio::time::sleep(UPKEEP_EVERY + Duration::from_secs(1)).await;

        let page = metrics.render();

        assert!(page.contains(r#"planted_total{kind="test"} 3"#), "{page}");
        assert!(page.contains(r#"planted_seconds_bucket{le="0.0025"} 0"#), "{page}");
        assert!(page.contains(r#"planted_seconds_bucket{le="0.005"} 1"#), "{page}");
        for line in [
            r#"background_task_runs_total{task="metrics-upkeep",outcome="succeeded"} 1"#,
            r#"background_task_runs_total{task="planted",outcome="failed"} 1"#,
            r#"background_task_run_seconds_count{task="planted"} 1"#,
            r#"background_task_last_success_timestamp_seconds{task="metrics-upkeep"} "#,
        ] {
            assert!(page.contains(line), "{line} is not in {page}");
        }
        assert!(!page.contains(r#"success_timestamp_seconds{task="planted"}"#), "{page}");
        assert!(start_metrics(&supervisor).is_err(), "a second recorder would record nothing");
    }
}
