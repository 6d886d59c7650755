//! The process's log, on standard error: standard output is for a command's result. A log that can't
//! be written neither stops nor slows the code that logs.

mod cut;
mod json;
mod misses;
mod sink;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use self::cut::Cut;
use self::json::Json;
use self::misses::Misses;
use self::sink::Sink;
pub(crate) use self::sink::describe_metrics;
use crate::settings::{LogFormat, LogSettings};
use crate::telemetry::TelemetryError;

/// For lines that are still queued when the process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// A process has one log.
static SINK: OnceLock<Sink> = OnceLock::new();

/// Once, before anything that logs. From then on a panic is logged as well.
pub(crate) fn start_logging(settings: &LogSettings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    // A copy of the descriptor: the standard library's handle has a lock, which a write that never
    // returns would hold for ever.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let sink = Sink::start(stderr)?;
    let lines = fmt::layer().with_writer(sink.clone()).log_internal_errors(false);

    let lines: Box<dyn Layer<_> + Send + Sync> = match settings.format {
        LogFormat::Json => Box::new(lines.event_format(Json)),
        LogFormat::Pretty => Box::new(lines.fmt_fields(shortened()).compact()),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(Misses::new(settings.misses_one_in))
        .with(lines)
        .try_init()?;
    let _ = SINK.set(sink);
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Before a process ends: waits, within a bound, until every line is written.
pub(crate) fn flush_logs() {
    if let Some(sink) = SINK.get() {
        sink.flush(FLUSH_WITHIN);
    }
}

/// The pretty format's fields: `name=value`, each shortened.
fn shortened() -> impl for<'a> fmt::FormatFields<'a> + Send + Sync + 'static {
    let field = |out: &mut fmt::format::Writer<'_>,
                 field: &tracing::field::Field,
                 value: &dyn std::fmt::Debug| {
        if field.name() != "message" {
            write!(out, "{}=", field.name())?;
        }
        Cut::write(out, field, format_args!("{value:?}"))
    };

    fmt::format::debug_fn(field).delimited(" ")
}

/// Replaces the standard library's hook, which blocks on standard error.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let at = panic.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(&backtrace);

    tracing::error!(
        thread = thread.name(),
        at,
        why = panic.payload_as_str(),
        backtrace = backtrace.map(tracing::field::display),
        "panicked"
    );
}
