//! When a follower polls again, and how often it logs that it cannot follow the change log.

use std::time::Duration;

use crate::following::RoundEnd;

/// Rule 7: each second, and when pushed.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(1);
/// First pause after a gap; the row under it was committed and shows within milliseconds.
const GAP_PAUSE: Duration = Duration::from_millis(20);
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// A sink's rebuild may read the whole catalogue, so a failing one is asked less often.
const SINK_PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long to wait after incomplete rounds, and which of them to log.
#[derive(Debug)]
pub(crate) struct Pauses {
    poll_every: Duration,
    incomplete: u32,
}

pub(crate) struct Pause {
    pub(crate) at_most: Duration,
    /// By a kick.
    pub(crate) may_be_cut: bool,
}

impl Pauses {
    pub(crate) const fn new(poll_every: Duration) -> Self {
        Self { poll_every, incomplete: 0 }
    }

    pub(crate) fn after(&mut self, ended: &RoundEnd) -> Pause {
        let (first, longest) = match ended {
            RoundEnd::CaughtUp => {
                if self.incomplete > 1 {
                    tracing::info!(rounds = self.incomplete, "following the change log again");
                }
                self.incomplete = 0;
                return Pause { at_most: self.poll_every, may_be_cut: true };
            }
            RoundEnd::Gap { .. } => (GAP_PAUSE, POLL_EVERY),
            RoundEnd::WentBack { .. } => (POLL_EVERY, POLL_EVERY),
            RoundEnd::SourceFailed(_) => (FAILURE_PAUSE, POLL_EVERY),
            RoundEnd::SinkFailed(_) => (FAILURE_PAUSE, SINK_PAUSE_MAX),
        };
        self.report(ended);
        let doubled = first.saturating_mul(1 << self.incomplete.min(16));

        self.incomplete = self.incomplete.saturating_add(1);
        Pause { at_most: doubled.min(longest), may_be_cut: false }
    }

    /// Once when it begins, then at each doubling: an outage of hours is a dozen lines.
    fn report(&self, ended: &RoundEnd) {
        // A gap closes by itself within milliseconds; only one that stays is worth a line.
        let is_news = match ended {
            RoundEnd::Gap { .. } => self.incomplete >= 8,
            _ => true,
        };

        if is_news && (self.incomplete == 0 || self.incomplete.is_power_of_two()) {
            tracing::warn!(rounds = self.incomplete, ended = ?ended, "cannot follow the change log");
        }
    }
}
