//! One tier's view of the change log: how far it has read, and what the rule says there.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use domain::coherence::Verdict;
use domain::{RowId, Seq, Stamp, TagHash, TagTable};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::changes::{ChangeLog, Flags, Sink};
use crate::mark::Mark;
use crate::pauses::POLL_EVERY;
use crate::snapshot::Snapshot;
use crate::versions::NamedVersions;

/// A table this young is used as it is: the follower polls as often.
pub const FRESH_FOR: Duration = Duration::from_secs(1);
/// Up to this age a table is used while it is refreshed; with a poll's deadline it keeps the
/// promise of 4 s when every push is lost. Older, it is refreshed first.
pub const USABLE_FOR: Duration = Duration::from_secs(3);
/// A process that did not hear of the log for so long is not fit to answer: longer than edges
/// promise.
const FIT_FOR: Duration = Duration::from_secs(10);
/// How long a read waits for an old table to be refreshed.
const FRESHEN_WITHIN: Duration = Duration::from_millis(300);
/// After a wait in vain no read waits for this long: a log that is down must not slow every read.
const GIVE_UP_FOR: Duration = Duration::from_secs(1);
/// What `caught_up` holds before the follower ever was.
const NEVER: u64 = 0;

/// A handle; clones follow together. Reads are lock-free.
///
/// It must be driven, by [`Follower::run`] or [`Follower::poll`].
#[derive(Clone)]
pub struct Follower {
    pub(crate) state: Arc<State>,
}

pub(crate) struct State {
    pub(crate) source: Arc<dyn ChangeLog>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) poll_every: Duration,
    pub(crate) flags: ArcSwapOption<Flags>,
    pub(crate) kicked: Notify,
    pub(crate) rounds: watch::Sender<Round>,
    pub(crate) rounds_begun: AtomicU64,
    /// Held while the source is asked: the table has one writer.
    pub(crate) asking: tokio::sync::Mutex<()>,
    /// A row that another tier's answer has named and that is not taken here: it goes along with the
    /// next poll.
    pub(crate) seen: Mutex<Option<RowId>>,
    /// The last poll found the log's head below the position.
    pub(crate) went_back: AtomicBool,
    snapshot: ArcSwap<Snapshot>,
    /// The snapshot's mark, stored after it.
    mark: AtomicU64,
    versions: Mutex<NamedVersions>,
    born: Instant,
    /// Microseconds from `born`, plus one, to the start of the last call that found the table to
    /// be at the log's head.
    caught_up: AtomicU64,
    /// Microseconds from `born` until which no read waits for a refresh.
    gave_up_until: AtomicU64,
}

/// The last round of polling that moved or ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    pub(crate) number: u64,
    /// The head, if the round ended there.
    pub(crate) caught_up_at: Option<Seq>,
}

impl Follower {
    /// Asks each second.
    pub fn new(source: Arc<dyn ChangeLog>, sink: Arc<dyn Sink>) -> Self {
        Self::paced(source, sink, POLL_EVERY)
    }

    /// Asks each `poll_every`: sooner in the process that announces changes, never in a test of pushes. What is
    /// promised of a table's age holds up to a second.
    pub fn paced(source: Arc<dyn ChangeLog>, sink: Arc<dyn Sink>, poll_every: Duration) -> Self {
        Self {
            state: Arc::new(State {
                source,
                sink,
                poll_every,
                flags: ArcSwapOption::empty(),
                kicked: Notify::new(),
                rounds: watch::Sender::new(Round::default()),
                rounds_begun: AtomicU64::new(0),
                asking: tokio::sync::Mutex::new(()),
                seen: Mutex::default(),
                went_back: AtomicBool::new(false),
                snapshot: ArcSwap::from_pointee(Snapshot::cold(0)),
                mark: AtomicU64::new(Mark::COLD.bits()),
                versions: Mutex::default(),
                born: Instant::now(),
                caught_up: AtomicU64::new(NEVER),
                gave_up_until: AtomicU64::new(0),
            }),
        }
    }

    /// Where the tables stand; `None` before the log was first read and during a reset.
    pub fn stamp(&self) -> Option<Stamp> {
        self.table().stamp()
    }

    /// [`Follower::stamp`] without its log, by one load.
    pub fn position(&self) -> Option<Seq> {
        let mark = self.mark();

        (!mark.is_cold()).then(|| mark.seq())
    }

    /// A place in this follower's log; one in another log is none here.
    pub fn place_of(&self, stamp: &Stamp) -> Option<Seq> {
        self.table().table().is_none_or(|table| *table.log() == stamp.log).then_some(stamp.seq)
    }

    pub fn table(&self) -> Guard<Arc<Snapshot>> {
        self.state.snapshot.load()
    }

    pub fn judge(&self, stamp: &Stamp, tags: &[TagHash]) -> Verdict {
        self.table().judge(stamp, tags)
    }

    /// The newest row that was taken: nothing that this process made or keeps by now is of a past
    /// without it.
    pub fn row(&self) -> Option<RowId> {
        self.table().table().and_then(TagTable::row)
    }

    /// Another tier's answer names a row. One that was not taken here is shown to the log with the
    /// next poll: either it is still to come, or the store was put back to before it.
    pub fn hear_of(&self, row: &RowId) {
        if self.table().has_taken(row) {
            return;
        }
        let mut seen = self.state.seen();
        let is_news = seen.as_ref().is_none_or(|seen| seen.log == row.log && seen.seq < row.seq);

        if is_news {
            *seen = Some(row.clone());
        }
    }

    /// Since when the table may lack rows; for ever, if it was never complete.
    pub fn age(&self) -> Duration {
        self.age_at(Instant::now())
    }

    /// Where the tables stand, if the log was heard of in the last ten seconds: for `/readyz`.
    pub fn fit(&self) -> Option<Stamp> {
        self.stamp().filter(|_| self.age() <= FIT_FOR)
    }

    /// The operators' switches, once the log has told them.
    pub fn flags(&self) -> Option<Arc<Flags>> {
        self.state.flags.load_full()
    }

    pub fn named_version(&self, entity: &str) -> Option<u64> {
        self.state.versions().version_of(entity)
    }

    /// Whether each entity was read (`None`: was not found) in at least the version that the log
    /// has named for it.
    pub fn are_current<'a>(&self, read: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> bool {
        let versions = self.state.versions();

        read.into_iter().all(|(entity, version)| versions.are_seen_by(entity, version))
    }

    /// Asks for a poll soon: at once, or 20 ms after the last one began. Many kicks make one poll.
    pub fn kick(&self) {
        self.state.kicked.notify_one();
    }

    /// Brings the position to `seq`, and says whether it is there. Does not wait for a row that the
    /// log does not have.
    pub async fn reach(&self, seq: Seq, within: Duration) -> bool {
        if self.has_reached(seq) {
            return true;
        }
        let mut rounds = self.state.rounds.subscribe();
        let begun = self.state.rounds_begun.load(Ordering::Acquire);
        self.kick();

        let reached = timeout(within, async {
            loop {
                let round = *rounds.borrow_and_update();
                if self.has_reached(seq) {
                    return true;
                }
                if round.number > begun && round.caught_up_at.is_some_and(|head| head < seq) {
                    return false;
                }
                if rounds.changed().await.is_err() {
                    return false;
                }
            }
        });
        reached.await.unwrap_or(false)
    }

    /// Where the tables stand, once that is elsewhere than at `known`. Other followers in
    /// the process are kicked by it sooner than their own polls would.
    pub async fn moved(&self, known: Option<&Stamp>) -> Option<Stamp> {
        let mut rounds = self.state.rounds.subscribe();

        loop {
            let stamp = self.stamp();
            if stamp.as_ref() != known {
                return stamp;
            }
            if rounds.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits up to 300 ms for a table that is too old to be used to become younger.
    pub async fn freshen(&self) {
        let now = Instant::now();
        if self.age_at(now) <= USABLE_FOR
            || self.state.micros(now) < self.state.gave_up_until.load(Ordering::Relaxed)
        {
            return;
        }
        let mut rounds = self.state.rounds.subscribe();
        self.kick();

        let refreshed = rounds.wait_for(|_| self.age() <= USABLE_FOR);
        if timeout(FRESHEN_WITHIN, refreshed).await.is_err() {
            let until = self.state.micros(Instant::now() + GIVE_UP_FOR);
            self.state.gave_up_until.store(until, Ordering::Relaxed);
        }
    }

    pub(crate) fn age_at(&self, now: Instant) -> Duration {
        match self.state.caught_up.load(Ordering::Acquire) {
            NEVER => Duration::MAX,
            since => Duration::from_micros(self.state.micros(now).saturating_sub(since - 1)),
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark::from_bits(self.state.mark.load(Ordering::Acquire))
    }

    pub(crate) fn has_reached(&self, seq: Seq) -> bool {
        self.position().is_some_and(|position| position >= seq)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.state.snapshot.load_full()
    }
}

impl State {
    /// The snapshot first: a mark may be older than the snapshot, never newer.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let mark = snapshot.mark();

        self.snapshot.store(Arc::new(snapshot));
        self.mark.store(mark.bits(), Ordering::Release);
    }

    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Option<RowId>> {
        // Each change of it is complete in itself.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn versions(&self) -> MutexGuard<'_, NamedVersions> {
        // Each change of the map is complete in itself.
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn was_complete_at(&self, asked: Instant) {
        self.caught_up.store(self.micros(asked) + 1, Ordering::Release);
    }

    pub(crate) fn is_incomplete(&self) {
        self.caught_up.store(NEVER, Ordering::Release);
    }

    fn micros(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.born).as_micros()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.age();
        let stamp = self.stamp().map(|stamp| stamp.to_string());

        formatter.debug_struct("Follower").field("stamp", &stamp).field("age", &age).finish()
    }
}
