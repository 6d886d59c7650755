//! The activity of one connection, as atomics: the tasks that serve it write, the accept loop
//! reads. A hit on the fast path costs a few plain stores and no lock.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use domain::limits::Subject;
use http::header::CONNECTION;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::Instant;

use crate::interim::{InterimQueue, InterimSender};
use crate::settings::ServerSettings;

/// A busy connection without progress for longer is no longer safe from being replaced.
const PROTECTED_FOR: Duration = Duration::from_secs(10);
/// How long a refusal may take to be written before its connection is closed.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);

/// Milliseconds since the server began, as of the accept loop's last look: reading it is a load,
/// where asking the system would be paid by every hit.
#[derive(Clone, Debug)]
pub struct Clock {
    began: Instant,
    millis: Arc<AtomicU64>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing of the next request was received.
    Idle,
    /// A request's head began.
    Head,
    /// A request is being answered.
    Busy,
}

/// Why a connection is closed by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Idle,
    Head,
    Stalled,
    Replaced,
}

/// One connection, shared by the tasks that serve it and the accept loop.
#[derive(Debug)]
pub struct Connection {
    peer: IpAddr,
    clock: Clock,
    idle_timeout: u64,
    head_timeout: u64,
    /// When it was accepted, or last got an answer that was of use, or moved enough bytes.
    last_useful: AtomicU64,
    phase: AtomicU8,
    phase_since: AtomicU64,
    /// Since when the client takes next to nothing of what is written; 0: it takes all.
    blocked_since: AtomicU64,
    is_trusted: AtomicBool,
    is_response_finished: AtomicBool,
    /// hyper was given the whole answer and has not yet written it.
    is_flushing: AtomicBool,
    interim: InterimQueue,
}

impl Clock {
    pub fn start() -> Self {
        // Not at 0, which stands for "never".
        Self { began: Instant::now(), millis: Arc::new(AtomicU64::new(1)) }
    }

    pub fn advance(&self) {
        self.millis.store(1 + millis(self.began.elapsed()), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn set(&self, millis: u64) {
        self.millis.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.millis.load(Ordering::Relaxed)
    }
}

impl Connection {
    pub fn new(peer: IpAddr, clock: Clock, settings: &ServerSettings) -> Self {
        let now = clock.now();
        let peer = peer.to_canonical();

        Self {
            peer,
            idle_timeout: millis(settings.idle_timeout),
            head_timeout: millis(settings.head_timeout),
            last_useful: AtomicU64::new(now),
            phase: AtomicU8::new(Phase::Idle as u8),
            phase_since: AtomicU64::new(now),
            blocked_since: AtomicU64::new(0),
            is_trusted: AtomicBool::new(settings.trusted.contains(&peer)),
            is_response_finished: AtomicBool::new(false),
            is_flushing: AtomicBool::new(false),
            interim: InterimQueue::default(),
            clock,
        }
    }

    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Many clients are behind it, and it keeps connections that it will use again: an edge, or a
    /// proxy. It has no share and is the last to be closed in favour of another one.
    pub fn trust(&self) {
        self.is_trusted.store(true, Ordering::Relaxed);
    }

    pub fn is_trusted(&self) -> bool {
        self.is_trusted.load(Ordering::Relaxed)
    }

    /// Sends interim responses to the client whose request is being answered now.
    pub fn interim_sender(self: &Arc<Self>) -> InterimSender {
        InterimSender::new(Arc::clone(self))
    }

    pub(crate) const fn interim(&self) -> &InterimQueue {
        &self.interim
    }

    /// Bytes were received.
    pub(crate) fn received(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// A whole head was received.
    pub(crate) fn request_started(&self) {
        self.enter(Phase::Busy);
    }

    /// The client sent or received enough bytes to count as making progress.
    pub(crate) fn progressed(&self) {
        if self.phase() == Phase::Busy {
            self.last_useful.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    /// hyper is given a request; [`Self::is_response_finished`] is false until it has the whole
    /// answer.
    pub fn handed_to_hyper(&self) {
        self.is_response_finished.store(false, Ordering::Relaxed);
    }

    pub fn is_response_finished(&self) -> bool {
        self.is_response_finished.load(Ordering::Relaxed)
    }

    /// The whole response is written, or hyper has it. Refusals don't renew the client's time:
    /// otherwise a client of which every request is refused would hold its place for ever.
    pub fn response_finished(&self, was_useful: bool) {
        if was_useful || self.is_trusted() {
            self.last_useful.store(self.clock.now(), Ordering::Relaxed);
        }
        self.is_response_finished.store(true, Ordering::Relaxed);
        self.enter(Phase::Idle);
    }

    /// The whole answer was handed to hyper.
    pub(crate) fn flushing(&self) {
        self.is_flushing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_flushing(&self) -> bool {
        self.is_flushing.load(Ordering::Relaxed)
    }

    /// Nothing that was of use for so long that the next refusal ends the connection.
    pub fn is_overdue(&self) -> bool {
        let last = self.last_useful.load(Ordering::Relaxed);

        self.clock.now().saturating_sub(last) > self.idle_timeout
    }

    /// Whether an answer is of use; one that is not closes a connection that had none for too long.
    pub(crate) fn judge<B>(&self, response: &mut Response<B>) -> bool {
        let is_useful = !is_refusal(response.status());
        if !is_useful && self.is_overdue() && !self.is_trusted() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        is_useful
    }

    pub(crate) fn write_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == 0 {
            self.blocked_since.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    pub(crate) fn write_flows(&self) {
        // Mostly it does already, and a store would be paid by every hit.
        if self.blocked_since.load(Ordering::Relaxed) != 0 {
            self.blocked_since.store(0, Ordering::Relaxed);
        }
    }

    /// Nothing is left to be written.
    pub(crate) fn flushed(&self) {
        self.write_flows();
        if self.is_flushing() {
            self.is_flushing.store(false, Ordering::Relaxed);
        }
    }

    /// Which bound it is beyond.
    pub(crate) fn expired(&self) -> Option<Reason> {
        let phase = self.phase();
        let now = self.clock.now();
        let since = |moment: &AtomicU64| now.saturating_sub(moment.load(Ordering::Relaxed));
        if self.blocked_since.load(Ordering::Relaxed) != 0 {
            return (since(&self.blocked_since) > self.idle_timeout).then_some(Reason::Stalled);
        }
        let (is_over, reason) = match phase {
            Phase::Idle => {
                let flushed_within = millis(FLUSHED_WITHIN).min(self.idle_timeout);
                let is_over = since(&self.last_useful) > self.idle_timeout;
                (is_over && since(&self.phase_since) > flushed_within, Reason::Idle)
            }
            Phase::Head => (since(&self.phase_since) > self.head_timeout, Reason::Head),
            // The server's own deadlines end it.
            Phase::Busy => (false, Reason::Stalled),
        };
        is_over.then_some(reason)
    }

    pub(crate) fn client(&self) -> Subject {
        Subject::address(self.peer)
    }

    pub(crate) fn last_useful(&self) -> u64 {
        self.last_useful.load(Ordering::Relaxed)
    }

    /// At work on a request, and not for too long without progress.
    pub(crate) fn is_protected(&self) -> bool {
        let last = self.last_useful().max(self.phase_since.load(Ordering::Relaxed));

        self.phase() == Phase::Busy
            && self.clock.now().saturating_sub(last) <= millis(PROTECTED_FOR)
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Busy,
        }
    }

    /// The moment first: a reader that sees the phase must not see the beginning of an earlier one.
    fn enter(&self, phase: Phase) {
        self.phase_since.store(self.clock.now(), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Release);
    }
}

/// What no client needs: it was no request, it came too often, or the server could not answer. Not
/// 401, 404, 409, 412, 422 and their like, which well-behaved clients get as well.
fn is_refusal(status: StatusCode) -> bool {
    let refusals = [400, 405, 406, 408, 411, 413, 414, 415, 417, 421, 426, 429, 431];

    status.is_server_error() || refusals.contains(&status.as_u16())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
