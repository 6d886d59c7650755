//! Restarts the work of a thread after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::backoff::Backoff;
use crate::{panic_if_planted, restarts};

/// Runs `work` until it returns, and again after each panic. A panic may leave it half done at any
/// point.
pub fn keep_thread(task: &'static str, mut work: impl FnMut()) {
    let mut backoff = Backoff::default();

    loop {
        let began = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            panic_if_planted(task);
            work();
        }));
        if ended.is_ok() {
            return;
        }
        let pause = backoff.after(began.elapsed());
        restarts(task, pause);
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_on_after_a_panic_until_its_work_is_done() {
        let mut runs = 0;

        keep_thread("planted", || {
            runs += 1;
            assert!(runs > 2, "planted");
        });

        assert_eq!(runs, 3);
    }
}
