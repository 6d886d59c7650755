//! How long a simulated process lives.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Counts a process's calls down to its death.
#[derive(Debug)]
pub(crate) struct Life {
    calls_left: AtomicU64,
    is_over: watch::Sender<bool>,
}

impl Life {
    /// One that ends with call number `calls`; without a number, never.
    pub fn of(calls: Option<u64>) -> Self {
        Self {
            calls_left: AtomicU64::new(calls.unwrap_or(u64::MAX)),
            is_over: watch::Sender::new(false),
        }
    }

    /// Whether the call that is made now is the last one.
    pub fn spend(&self) -> bool {
        self.calls_left.fetch_sub(1, Ordering::Relaxed) == 1
    }

    pub fn end(&self) {
        self.is_over.send_replace(true);
    }

    pub fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    pub async fn ended(&self) {
        let mut end = self.is_over.subscribe();

        // The sender is a part of this, so it can't have gone.
        let _ = end.wait_for(|is_over| *is_over).await;
    }
}
