//! The bytes of a connection on their way through, noted in its [`Connection`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::activity::Connection;

/// In bytes. A client that moves fewer within the idle timeout holds its place with next to
/// nothing: at 75 s it is a hundred bytes a second, a twentieth of the slowest mobile network.
const PROGRESS_MIN: usize = 8 << 10;

pub struct TrackedStream<T> {
    io: T,
    connection: Arc<Connection>,
    /// In bytes, since the last progress that was noted.
    moved: usize,
    /// The client's end was read and is not yet reported.
    has_ended: bool,
    /// What was written last ends a response, and the next one is awaited: interim responses may be
    /// written here, and nowhere else.
    is_between: bool,
    /// Interim responses that are not yet written.
    interim: Vec<u8>,
}

impl<T> TrackedStream<T> {
    pub const fn new(io: T, connection: Arc<Connection>) -> Self {
        Self { io, connection, moved: 0, has_ended: false, is_between: false, interim: Vec::new() }
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.connection.write_blocked(),
            Poll::Ready(Ok(count)) if self.is_progress(*count) => self.connection.write_flows(),
            Poll::Ready(_) => {}
        }
    }

    fn is_progress(&mut self, count: usize) -> bool {
        self.moved += count;
        let is_progress = self.moved >= PROGRESS_MIN;

        if is_progress {
            self.moved = 0;
            self.connection.progressed();
        }
        is_progress
    }
}

impl<T: AsyncWrite + Unpin> TrackedStream<T> {
    /// Ready when no interim response waits that may be written now.
    fn poll_interim(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_between {
            return Poll::Ready(Ok(()));
        }
        self.connection.interim().take(&mut self.interim);
        while !self.interim.is_empty() {
            let written = Pin::new(&mut self.io).poll_write(context, &self.interim);
            self.wrote(&written);
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => drop(self.interim.drain(..count)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TrackedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        let count = buffer.filled().len() - before;

        if count > 0 {
            self.connection.received();
            self.is_progress(count);
        } else if matches!(polled, Poll::Ready(Ok(()))) && self.connection.is_flushing() {
            // hyper reads for the next request before it has written the response, and drops what
            // is not yet written at the client's end. So the end is reported once all is written.
            self.has_ended = true;
            return Poll::Pending;
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TrackedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(context))?;
        self.is_between = false;
        let written = Pin::new(&mut self.io).poll_write(context, bytes);

        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interim(context))?;
        self.is_between = false;
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);

        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes when it has written all that it has. While the handler is at work that ends
    /// with the last response, since nothing of the next one is there yet.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.interim().is_open() {
            self.connection.interim().register(context.waker());
            self.is_between = true;
            ready!(self.poll_interim(context))?;
        }
        let flushed = Pin::new(&mut self.io).poll_flush(context);

        if flushed.is_ready() {
            self.connection.flushed();
            if std::mem::take(&mut self.has_ended) {
                context.waker().wake_by_ref();
            }
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
