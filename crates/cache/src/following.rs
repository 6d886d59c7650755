//! How a follower moves: rounds of asking, taking only what is contiguous, and starting again.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::changes::Poll;
use domain::{Seq, Stamp};
use futures::FutureExt;
use ports::{PortError, PortErrorKind};
use tokio::time::{Instant, sleep_until, timeout};

use crate::changes::Changes;
use crate::follower::{Follower, Round, State};
use crate::pauses::Pauses;
use crate::snapshot::Snapshot;

/// Pushes within this time of a poll make one poll at its end.
const TRAILING: Duration = Duration::from_millis(20);
/// A page that takes longer counts as failed.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// How a round of polling ended.
#[derive(Debug)]
pub enum RoundEnd {
    /// At the log's head, as of the round's last call.
    CaughtUp,
    /// A committed row is not to be seen yet.
    Gap {
        position: Seq,
        head: Seq,
    },
    /// The log's head is below the position: an old answer, or a store that was put back under the
    /// same name, which the next poll decides.
    WentBack {
        position: Seq,
        head: Seq,
    },
    SourceFailed(PortError),
    SinkFailed(PortError),
}

impl Follower {
    /// Polls until `shutdown`: at its pace, when kicked, and soon after what was not complete.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let mut pauses = Pauses::new(self.state.poll_every);

        loop {
            let began = Instant::now();
            // Kicks until now are served by the poll that begins here.
            let _ = self.state.kicked.notified().now_or_never();
            let ended = tokio::select! {
                biased;
                () = &mut shutdown => return,
                ended = self.poll() => ended,
            };
            let pause = pauses.after(&ended);
            let next = Instant::now() + pause.at_most;

            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = self.state.kicked.notified(), if pause.may_be_cut => {
                    sleep_until(next.min(began + TRAILING)).await;
                }
                () = sleep_until(next) => {}
            }
        }
    }

    /// One round, up to the log's head; rounds never overlap.
    pub async fn poll(&self) -> RoundEnd {
        let _alone = self.state.asking.lock().await;
        let number = self.state.rounds_begun.fetch_add(1, Ordering::AcqRel) + 1;

        let ended = self.state.round(number).await.unwrap_or_else(|failed| failed);
        let caught_up_at = match ended {
            RoundEnd::CaughtUp => self.state.current().position(),
            _ => None,
        };
        self.state.rounds.send_replace(Round { number, caught_up_at });
        ended
    }
}

impl State {
    async fn round(&self, number: u64) -> Result<RoundEnd, RoundEnd> {
        let mut has_started = false;

        loop {
            let asked = Instant::now();
            let current = self.current();
            let poll = current.poll(self.seen().clone());
            let changes = self.ask(&poll).await?;
            self.showed(&poll);
            let is_other =
                !current.is_followed_by(&changes) || self.was_put_back(&current, &changes);

            match poll.after {
                Some(after) if !is_other => {
                    if let Some(ended) = self.take(changes, &after, asked).await? {
                        return Ok(ended);
                    }
                    self.rounds.send_replace(Round { number, caught_up_at: None });
                }
                // Between here and the end of the start nothing is known, so nothing is valid.
                Some(after) => {
                    tracing::warn!(
                        position = %after,
                        log = %changes.log,
                        floor = changes.floor.0,
                        "cannot follow the change log from this position; starting over at its head"
                    );
                    self.forget();
                }
                None if has_started => {
                    let flapping = "follow the change log: it is another one at each call";
                    return Err(RoundEnd::SourceFailed(unavailable(flapping)));
                }
                None => {
                    self.start(changes).await?;
                    has_started = true;
                }
            }
        }
    }

    /// Whether what the log says can't be the past of what was taken here: the store was put back
    /// under the same name. One head below the position may be an old answer, two are not.
    fn was_put_back(&self, current: &Snapshot, changes: &Changes) -> bool {
        let was_ahead = self.went_back.swap(current.is_ahead_of(changes), Ordering::AcqRel);

        current.was_put_back(changes, was_ahead)
    }

    /// The log was asked with it, so the process next to the store has judged it.
    fn showed(&self, poll: &Poll) {
        let mut seen = self.seen();

        if *seen == poll.seen {
            *seen = None;
        }
    }

    async fn ask(&self, poll: &Poll) -> Result<Changes, RoundEnd> {
        let answer = timeout(ASK_WITHIN, unpanicked(self.source.changes(poll))).await;
        let changes =
            answer.unwrap_or_else(|_| Err(unavailable("read the change log: no answer in 2 s")));

        changes.and_then(checked).map_err(RoundEnd::SourceFailed)
    }

    /// Applies what follows the position; `None` if there may be another page.
    async fn take(
        &self,
        changes: Changes,
        after: &Stamp,
        asked: Instant,
    ) -> Result<Option<RoundEnd>, RoundEnd> {
        let (rows, has_gap) = changes.contiguous(after.seq);
        let position = rows.last().map_or(after.seq, |row| row.seq);

        if changes.head < after.seq {
            return Ok(Some(RoundEnd::WentBack { position: after.seq, head: changes.head }));
        }
        if !rows.is_empty() {
            let stamp = Stamp { log: after.log.clone(), seq: position };
            let applied = unpanicked(self.sink.apply(rows, &stamp)).await;
            applied.map_err(RoundEnd::SinkFailed)?;
            self.versions_take(rows);
        }
        self.advance(&changes, rows);
        self.switch(changes.flags.as_ref());

        if position >= changes.head && !has_gap {
            self.was_complete_at(asked);
            return Ok(Some(RoundEnd::CaughtUp));
        }
        let stuck = has_gap || rows.is_empty();
        Ok(stuck.then_some(RoundEnd::Gap { position, head: changes.head }))
    }

    fn versions_take(&self, rows: &[domain::ChangeRow]) {
        let mut versions = self.versions();

        rows.iter().for_each(|row| versions.take(row));
    }

    fn advance(&self, changes: &Changes, rows: &[domain::ChangeRow]) {
        if let Some(moved) = self.current().after(rows, changes.floor) {
            self.publish(moved);
        }
    }

    fn forget(&self) {
        let era = self.current().era();

        self.is_incomplete();
        self.went_back.store(false, Ordering::Release);
        self.publish(Snapshot::cold(era));
        self.versions().clear();
        self.flags.store(None);
    }

    async fn start(&self, changes: Changes) -> Result<(), RoundEnd> {
        let head = changes.head_stamp();
        let held = unpanicked(self.sink.reset(&head)).await.map_err(RoundEnd::SinkFailed)?;

        if held.log != head.log {
            let why = "start to follow the change log: the sink is in another one";
            return Err(RoundEnd::SinkFailed(unavailable(why)));
        }
        self.publish(self.current().begun(&held, &changes));
        self.switch(changes.flags.as_ref());
        Ok(())
    }

    fn switch(&self, told: Option<&crate::Flags>) {
        let Some(told) = told else { return };
        let is_newer = self.flags.load().as_ref().is_none_or(|flags| flags.version < told.version);

        if is_newer {
            self.flags.store(Some(told.clone().into()));
        }
    }
}

/// A panic of one call must not end the following, or every table would grow old unseen. The
/// position has not moved, so the same rows come again.
async fn unpanicked<T>(call: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    let ended = AssertUnwindSafe(call).catch_unwind().await;

    ended.unwrap_or_else(|_| Err(unavailable("follow the change log: a call panicked")))
}

fn checked(changes: Changes) -> Result<Changes, PortError> {
    let told = changes.checked();

    told.map_err(|wrong| {
        PortError::new(PortErrorKind::Corrupt, format!("read the change log: {wrong}"))
    })
}

fn unavailable(attempted: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, attempted)
}
