//! A connection that is given up when its client neither sends nor takes anything for too long.
//!
//! hyper's own timeout for heads arms a timer for every request. This one looks at the clock once a
//! period: a request costs two stores.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep};

use crate::pulse::Pulse;

/// Ends with [`io::ErrorKind::TimedOut`] between one and two periods after the last whole request
/// or the last byte that the client took. Bytes of a head that never ends don't count.
pub(crate) struct Patient<T> {
    io: T,
    pulse: Arc<Pulse>,
    period: Duration,
    check: Pin<Box<Sleep>>,
}

impl<T> Patient<T> {
    pub fn new(io: T, pulse: Arc<Pulse>, period: Duration) -> Self {
        Self { io, pulse, period, check: Box::pin(sleep(period)) }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        while self.check.as_mut().poll(context).is_ready() {
            if !self.pulse.has_moved() && !self.pulse.is_busy() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.check.as_mut().reset(Instant::now() + self.period);
        }
        Poll::Pending
    }

    /// What a write did, or the end of patience.
    fn written<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_pending() {
            return self.wait(context).map(Err);
        }
        self.pulse.moved();
        written
    }
}

impl<T: Read + Unpin> Read for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(context, buffer) {
            Poll::Pending => self.wait(context).map(Err),
            ready => ready,
        }
    }
}

impl<T: Write + Unpin> Write for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);

        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);

        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(context) {
            Poll::Pending => self.wait(context).map(Err),
            ready => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_shutdown(context) {
            Poll::Pending => self.wait(context).map(Err),
            ready => ready,
        }
    }
}
