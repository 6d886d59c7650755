//! The body of a message, in either direction: bytes that are there, or a stream with bounds.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

pub(crate) enum Body {
    /// Nothing, once it was taken.
    Bytes(Bytes),
    Stream(Box<Stream>),
}

/// The body of another connection, as it arrives.
pub(crate) struct Stream {
    /// What was read of it before.
    first: Bytes,
    incoming: Incoming,
    left: u64,
    progress: Arc<Progress>,
    /// Set while nothing arrives.
    silence: Option<Pin<Box<Sleep>>>,
    silence_max: Duration,
}

/// The progress of a stream, for the task that waits for its effect.
pub(crate) struct Progress {
    born: Instant,
    last_millis: AtomicU64,
    too_large: AtomicBool,
    stalled: AtomicBool,
    broken: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the body is too large")]
    TooLarge,
    #[error("nothing of the body came for too long")]
    Stalled,
}

impl Body {
    pub const EMPTY: Self = Self::Bytes(Bytes::new());

    /// Whether it has no bytes, and none are to come.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }

    /// What comes with a request. Without any bytes it can be sent twice.
    pub fn of_request(
        incoming: Incoming,
        bytes_max: u64,
        silence_max: Duration,
    ) -> (Self, Arc<Progress>) {
        if incoming.is_end_stream() {
            return (Self::EMPTY, Arc::new(Progress::new()));
        }
        Self::stream(incoming, bytes_max, silence_max)
    }

    /// Of an answer of the edge's own, which is never a stream.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Stream(_) => Bytes::new(),
        }
    }

    /// At most `bytes_max` of it, and never silent for longer than `silence_max`.
    pub fn stream(
        incoming: Incoming,
        bytes_max: u64,
        silence_max: Duration,
    ) -> (Self, Arc<Progress>) {
        Self::resumed(Bytes::new(), incoming, bytes_max, silence_max)
    }

    /// The rest of a stream behind the `first` bytes, which were read already.
    pub fn resumed(
        first: Bytes,
        incoming: Incoming,
        bytes_max: u64,
        silence_max: Duration,
    ) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress::new());
        let stream = Stream {
            first,
            incoming,
            left: bytes_max,
            progress: Arc::clone(&progress),
            silence: None,
            silence_max,
        };

        (Self::Stream(Box::new(stream)), progress)
    }
}

impl Progress {
    fn new() -> Self {
        Self {
            born: Instant::now(),
            last_millis: AtomicU64::new(0),
            too_large: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    /// When something last moved.
    pub fn last(&self) -> Instant {
        self.born + Duration::from_millis(self.last_millis.load(Ordering::Relaxed))
    }

    pub fn was_too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }

    pub fn has_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Its sender ended it in the middle, or framed it wrongly.
    pub fn was_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);

        self.last_millis.store(millis, Ordering::Relaxed);
    }
}

impl Stream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(self.silence_max)));
            ready!(silence.as_mut().poll(context));
            self.progress.stalled.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(Broken::Stalled.into())));
        };
        self.silence = None;
        self.progress.moved();

        Poll::Ready(frame.map(|frame| {
            let frame =
                frame.inspect_err(|_| self.progress.broken.store(true, Ordering::Relaxed))?;
            let size = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.left = self.left.checked_sub(size).ok_or_else(|| {
                self.progress.too_large.store(true, Ordering::Relaxed);
                Broken::TooLarge
            })?;
            Ok(frame)
        }))
    }
}

impl Stream {
    fn size_hint(&self) -> SizeHint {
        let rest = self.incoming.size_hint();
        let first = self.first.len() as u64;
        let mut hint = SizeHint::new();

        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.first.is_empty() && stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}
