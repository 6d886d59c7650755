//! Something that admins change and a page shows: what was written when, and what a read may show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::{PROMISE, SETTLES};
use crate::answer::Answer;
use crate::endpoint::Endpoint;
use crate::wait::until;

/// Something that admins change and a page shows.
pub(super) struct Fact {
    pub name: &'static str,
    page: String,
    shown: fn(&Answer) -> Result<String>,
    history: Mutex<Vec<Written>>,
    pub reads: AtomicU64,
    /// How long after the newest write a read has begun, in milliseconds.
    aged: AtomicU64,
}

#[derive(Clone, Debug)]
pub(super) struct Written {
    value: String,
    acknowledged: Option<Instant>,
}

impl Fact {
    pub fn new(
        name: &'static str,
        page: impl Into<String>,
        shown: fn(&Answer) -> Result<String>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            page: page.into(),
            shown,
            history: Mutex::default(),
            reads: AtomicU64::new(0),
            aged: AtomicU64::new(0),
        })
    }

    pub fn history(&self) -> std::sync::MutexGuard<'_, Vec<Written>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begins(&self, value: impl Into<String>) {
        self.history().push(Written { value: value.into(), acknowledged: None });
    }

    pub fn is_acknowledged(&self) {
        self.aged.store(0, Ordering::SeqCst);
        if let Some(last) = self.history().last_mut() {
            last.acknowledged = Some(Instant::now());
        }
    }

    /// Until the edge shows what the history begins with; what was before that has no place there.
    pub async fn begins_to_show(&self, edge: &Endpoint) -> Result<()> {
        until(PROMISE, self.name, async || {
            let shown = (self.shown)(&edge.call("GET", &self.page).send().await?)?;
            Ok(self.history().iter().any(|written| written.value == shown).then_some(()))
        })
        .await
    }

    /// Until a read past the bound has shown the newest write, and nothing but it.
    pub async fn settles(&self) -> Result<()> {
        self.is_left_alone(PROMISE).await
    }

    /// Until a read that began later than `time` after the newest write has shown it.
    pub async fn is_left_alone(&self, time: Duration) -> Result<()> {
        until(SETTLES, self.name, async || {
            let aged = Duration::from_millis(self.aged.load(Ordering::SeqCst));
            Ok((aged > time).then_some(()))
        })
        .await
    }

    pub async fn is_read(&self, edge: &Endpoint) -> Result<()> {
        let began = Instant::now();
        let answer = edge.call("GET", &self.page).send().await?;
        let shown = (self.shown)(&answer)?;

        let history = self.history();
        let is_due = |written: &Written| {
            written.acknowledged.is_some_and(|acknowledged| acknowledged + PROMISE < began)
        };
        let oldest = history.iter().rposition(is_due).unwrap_or_default();
        let may_be = &history[oldest..];
        ensure!(
            may_be.iter().any(|written| written.value == shown),
            "{} is stale: {shown} is shown, not one of {may_be:?}\n{answer}",
            self.name
        );
        if let [Written { acknowledged: Some(newest), .. }] = may_be {
            let aged = began.saturating_duration_since(*newest).as_millis();
            self.aged.fetch_max(u64::try_from(aged)?, Ordering::SeqCst);
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
