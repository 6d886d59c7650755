//! Tasks that live as long as their process: one that panics is restarted, or ends the process, and
//! is counted. Periodic tasks share one driver, and readiness reports every task that does not run.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod background;
mod backoff;
mod listener;
mod readiness;
mod supervisor;
mod thread;

pub use background::{BackgroundTask, TaskError};
pub use supervisor::Supervisor;
pub use thread::keep_thread;

use metrics::{counter, describe_counter};

const RESTARTS: &str = "task_restarts_total";

/// Describes this crate's metrics. After the recorder was installed.
pub fn describe_metrics() {
    describe_counter!(RESTARTS, "Long-lived tasks that panicked and were started again, by task");
    background::describe_metrics();
}

fn restarts(task: &'static str, pause: std::time::Duration) {
    counter!(RESTARTS, "task" => task).increment(1);
    tracing::error!(task, ?pause, "task panicked; restarting after a pause");
}

/// In a debug build, the task named by `SHOP_PLANT_PANIC` panics when it first starts, so that tests
/// of whole processes can observe the restart.
fn panic_if_planted(task: &'static str) {
    use std::sync::atomic::{AtomicBool, Ordering};
    static IS_SPENT: AtomicBool = AtomicBool::new(false);

    if cfg!(debug_assertions)
        && std::env::var_os("SHOP_PLANT_PANIC").is_some_and(|named| named == task)
        && !IS_SPENT.swap(true, Ordering::Relaxed)
    {
        panic!("planted by SHOP_PLANT_PANIC");
    }
}
