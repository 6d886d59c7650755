//! The one kind of runtime on which a seed decides everything.

use std::future::Future;

use tokio::runtime::Builder;

/// Runs a simulation to its end on this thread, with time that moves only while every task waits.
///
/// What runs in it must keep to the runtime: no `spawn_blocking` and no thread of its own (both end at
/// a moment that no seed decides), no `SystemTime` or `std::time::Instant`, no `tokio::select!` without
/// `biased`, no order that a `HashMap` decides.
pub fn run<F: Future>(simulation: F) -> F::Output {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();

    runtime.expect("a runtime without I/O asks nothing of the system").block_on(simulation)
}
