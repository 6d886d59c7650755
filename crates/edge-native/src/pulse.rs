//! What a connection knows of its requests: whose turn it is to speak, and whether an answer is out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::body::{Body, BoxError};

#[derive(Default)]
pub(crate) struct Pulse {
    /// A request is being answered: silence is ours, not the client's.
    is_busy: AtomicBool,
    has_moved: AtomicBool,
    is_answered: AtomicBool,
}

/// The body of an answer. hyper has taken all that it wants of it when it lets go of it.
pub(crate) struct Answering {
    body: Body,
    pulse: Arc<Pulse>,
}

impl Pulse {
    pub fn begin(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.moved();
        self.is_busy.store(false, Ordering::Relaxed);
    }

    pub fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// The client took something, or sent a whole request.
    pub fn moved(&self) {
        self.has_moved.store(true, Ordering::Relaxed);
    }

    /// Whether anything moved since the last look.
    pub fn has_moved(&self) -> bool {
        self.has_moved.swap(false, Ordering::Relaxed)
    }

    /// A request goes to hyper.
    pub fn ask(&self) {
        self.is_answered.store(false, Ordering::Relaxed);
    }

    /// Whether hyper has all of the answer to what it was last asked.
    pub fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }
}

impl Answering {
    pub const fn new(body: Body, pulse: Arc<Pulse>) -> Self {
        Self { body, pulse }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.pulse.is_answered.store(true, Ordering::Relaxed);
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
