//! The tags that are pending; no I/O and no clock, callers pass the time.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Tag;
use tokio::time::Instant;

use super::PurgeError;
use super::check::{fitting, is_purgeable};
use super::plan::TAGS_MAX;

/// One write has a handful of tags, an import thousands: tags within this time make one request.
const COALESCE: Duration = Duration::from_millis(250);
/// Ten requests. Beyond that, purging everything is faster.
const WAITING_MAX: usize = 10 * TAGS_MAX;
/// After so many consecutive failures the pending tags are replaced by everything.
const FAILURES_MAX: u32 = 3;
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// A wrong token is retried this often; a longer `Retry-After` is cut to it.
const PAUSE_LONGEST: Duration = Duration::from_secs(600);

/// The pending tags, at most [`WAITING_MAX`]; beyond that, one tag stands for all.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    tags: BTreeSet<Tag>,
    is_everything: bool,
    /// When the oldest one was added.
    since: Option<Instant>,
    not_before: Option<Instant>,
    failures: u32,
}

impl Pending {
    pub(crate) fn add(&mut self, tags: impl IntoIterator<Item = Tag>, now: Instant) {
        for tag in tags {
            self.since.get_or_insert(now);
            if tag == Tag::CATALOG {
                self.is_everything = true;
            } else if !is_purgeable(&tag) {
                // A purge of everything covers the responses that have it.
                tracing::error!(%tag, "tag can't be purged; purging everything");
                self.is_everything = true;
            } else if !self.is_everything {
                self.tags.insert(tag);
            }
        }
        if self.is_everything || self.tags.len() > WAITING_MAX {
            self.is_everything |= self.since.is_some();
            self.tags.clear();
        }
    }

    /// When the next request may be sent; `None` while nothing is pending.
    pub(crate) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        let is_full = self.tags.len() >= TAGS_MAX;
        let due = if is_full { since } else { since + COALESCE };

        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    pub(crate) fn not_before(&mut self, at: Instant) {
        self.not_before = Some(self.not_before.map_or(at, |earlier| earlier.max(at)));
    }

    /// Takes the next request's tags; the rest stays pending.
    pub(crate) fn take(&mut self) -> Vec<Tag> {
        if std::mem::take(&mut self.is_everything) {
            self.since = None;
            return vec![Tag::CATALOG];
        }
        let fit = fitting(self.tags.iter(), TAGS_MAX);
        let taken: Vec<_> = self.tags.iter().take(fit).cloned().collect();

        for tag in &taken {
            self.tags.remove(tag);
        }
        if self.tags.is_empty() {
            self.since = None;
        }
        taken
    }

    /// Records how the request with these tags ended. No tag is lost: in the worst case everything is
    /// purged instead.
    pub(crate) fn settle(&mut self, tags: Vec<Tag>, ended: &Result<(), PurgeError>, now: Instant) {
        let Err(error) = ended else {
            self.failures = 0;
            return;
        };
        self.failures = self.failures.saturating_add(1);
        let doubled = PAUSE_FIRST.saturating_mul(1 << (self.failures - 1).min(16));

        let (pause, is_hopeless) = match error {
            PurgeError::Throttled(retry_after) => (*retry_after, true),
            PurgeError::Refused { .. } => (PAUSE_LONGEST, true),
            PurgeError::Unavailable(_) => (doubled, self.failures > FAILURES_MAX),
            PurgeError::Open(retry_after) => (*retry_after, true),
        };
        self.add(if is_hopeless { vec![Tag::CATALOG] } else { tags }, now);
        self.not_before(now + pause.min(PAUSE_LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn tag(number: usize) -> Tag {
        serde_json::from_value(format!("product:{number:04}").into()).unwrap()
    }

    fn tags(numbers: std::ops::Range<usize>) -> Vec<Tag> {
        numbers.map(tag).collect()
    }

    #[test]
    fn tags_within_a_quarter_of_a_second_make_one_request() {
        let now = Instant::now();
        let mut pending = Pending::default();
        assert_eq!(pending.due(), None);

        pending.add([tag(1)], now);
        pending.add([tag(2), tag(1)], now + 200 * MS);

        assert_eq!(pending.due(), Some(now + 250 * MS));
        assert_eq!(pending.take(), [tag(1), tag(2)]);
        assert_eq!(pending.due(), None);
    }

    #[test]
    fn a_hundred_tags_do_not_wait() {
        let now = Instant::now();
        let mut pending = Pending::default();

        pending.add(tags(0..150), now);

        assert_eq!(pending.due(), Some(now));
        assert_eq!(pending.take(), tags(0..100));
        assert_eq!(pending.due(), Some(now + 250 * MS), "the rest waits to be batched");
        assert_eq!(pending.take(), tags(100..150));
    }

    #[test]
    fn too_many_tags_or_an_invalid_one_purge_everything() {
        let now = Instant::now();
        let strange: Tag = serde_json::from_value("a b".into()).unwrap();

        for given in [tags(0..1_001), vec![tag(1), Tag::CATALOG], vec![tag(1), strange]] {
            let mut pending = Pending::default();
            pending.add(given, now);
            pending.add([tag(7)], now + MS);

            assert_eq!(pending.take(), [Tag::CATALOG]);
            assert_eq!(pending.due(), None);
        }
    }

    #[test]
    fn after_a_429_and_its_pause_one_purge_of_everything_is_pending() {
        let now = Instant::now();
        let mut pending = Pending::default();
        pending.add(tags(0..300), now);

        let sent = pending.take();
        let throttled = PurgeError::Throttled(Duration::from_secs(40));
        pending.settle(sent, &Err(throttled), now);
        pending.add(tags(300..400), now + MS);

        assert_eq!(pending.due(), Some(now + Duration::from_secs(40)));
        assert_eq!(pending.take(), [Tag::CATALOG]);
        assert_eq!(pending.due(), None);
    }

    #[test]
    fn a_failure_is_retried_after_growing_pauses_and_then_as_everything() {
        let mut now = Instant::now();
        let mut pending = Pending::default();
        pending.add([tag(1)], now);

        let mut sent = Vec::new();
        for _ in 0..5 {
            now = pending.due().unwrap().max(now);
            let tags = pending.take();
            pending.settle(tags.clone(), &Err(PurgeError::Unavailable("down")), now);
            sent.push((tags, pending.due().unwrap() - now));
        }

        let seconds = |seconds| Duration::from_secs(seconds);
        assert_eq!(sent[0], (vec![tag(1)], seconds(1)));
        assert_eq!(sent[2], (vec![tag(1)], seconds(4)));
        assert_eq!(sent[3], (vec![tag(1)], seconds(8)));
        assert_eq!(sent[4], (vec![Tag::CATALOG], seconds(16)));
    }

    #[test]
    fn a_refused_token_is_retried_after_the_longest_pause() {
        let now = Instant::now();
        let mut pending = Pending::default();
        pending.add([tag(1)], now);

        let sent = pending.take();
        let refused = PurgeError::Refused { status: 403, codes: vec![10_000] };
        pending.settle(sent, &Err(refused), now);

        assert_eq!(pending.due(), Some(now + PAUSE_LONGEST));
        assert_eq!(pending.take(), [Tag::CATALOG]);
    }

    proptest! {
        /// Whatever is added and however requests end, each tag is purged after it was added, by
        /// name or with everything; and the pending tags are bounded.
        #[test]
        fn no_tag_is_lost(
            steps in prop::collection::vec((0_usize..1_200, 1_usize..300, 0_u8..6), 1..40),
        ) {
            let mut pending = Pending::default();
            let mut owed = BTreeSet::new();
            let mut now = Instant::now();

            for (from, count, ending) in steps {
                owed.extend(tags(from..from + count));
                pending.add(tags(from..from + count), now);
                prop_assert!(pending.tags.len() <= WAITING_MAX);

                now = pending.due().expect("tags are pending").max(now);
                let sent = pending.take();
                prop_assert!((1..=TAGS_MAX).contains(&sent.len()));
                let ended = match ending {
                    0 => Err(PurgeError::Throttled(Duration::from_secs(1))),
                    1 => Err(PurgeError::Unavailable("down")),
                    2 => Err(PurgeError::Open(Duration::from_secs(60))),
                    _ => Ok(()),
                };
                if ended.is_ok() {
                    let is_everything = sent == [Tag::CATALOG];
                    owed.retain(|tag| !is_everything && !sent.contains(tag));
                }
                pending.settle(sent, &ended, now);
            }
            while let Some(due) = pending.due() {
                now = due.max(now);
                let sent = pending.take();
                let is_everything = sent == [Tag::CATALOG];
                owed.retain(|tag| !is_everything && !sent.contains(tag));
                pending.settle(sent, &Ok(()), now);
            }

            prop_assert!(owed.is_empty(), "{} tags were lost", owed.len());
        }
    }
}
