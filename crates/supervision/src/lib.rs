//! Tasks that live as long as their process: a panic of one starts it again, or ends the process,
//! and is counted. And whether the process is fit: no loop is gone without anybody noticing.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod backoff;
mod listener;
mod readiness;
mod supervisor;
mod thread;

pub use supervisor::Supervisor;
pub use thread::keep_thread;

use metrics::{counter, describe_counter};

const RESTARTS: &str = "task_restarts_total";

/// Whoever wants the numbers installs a recorder first.
pub fn describe_metrics() {
    describe_counter!(RESTARTS, "Long-lived tasks that panicked and were started again, by task");
}

fn restarts(task: &'static str, pause: std::time::Duration) {
    counter!(RESTARTS, "task" => task).increment(1);
    tracing::error!(task, ?pause, "a task panicked and starts again after a pause");
}

/// In a debug build, the task that `SHOP_PLANT_PANIC` names panics when it starts for the first
/// time, so that tests of whole processes see what becomes of it.
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
