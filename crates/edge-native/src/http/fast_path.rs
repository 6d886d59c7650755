//! The fast path of a connection: hits are answered below hyper, which reads the other requests as
//! if there were no fast path.
//!
//! It is the transport that hyper reads from. Between two of hyper's requests it scans for a whole
//! head first: if that is a hit, the response is written here and hyper never sees the request. Any
//! other request is handed to hyper to its last byte and not further, and nothing more is scanned
//! until hyper has written the response. So both always agree on where a request begins. A request
//! that the two could read differently goes to hyper, and so does the rest of its connection.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_server::Connection;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::http::head::{FastRequest, HeadScan, scan};
use crate::http::raw_response::RawResponse;

/// Most heads fit at once.
const ROOM: usize = 4 << 10;
/// A longer head is hyper's.
const HEAD_MAX: usize = 16 << 10;

/// Responses that need not be waited for.
pub(crate) trait HitSource: Send + Sync + 'static {
    /// Puts the response to `head` into `response`, if there is one at once; otherwise changes and
    /// counts nothing, and returns `None`.
    fn try_fast_hit(
        &self,
        head: &FastRequest<'_>,
        peer: IpAddr,
        response: &mut RawResponse,
    ) -> Option<()>;
}

pub(crate) struct FastPath<T, A> {
    io: T,
    source: Arc<A>,
    connection: Arc<Connection>,
    owner: Owner,
    buffer: ReadBuffer,
    response: RawResponse,
}

/// Who reads the next byte.
#[derive(Clone, Copy)]
enum Owner {
    /// A request begins with it.
    FastPath,
    /// hyper reads a request, of which `left` bytes are still to come.
    Hyper {
        left: u64,
    },
    HyperForGood,
}

/// What was read from the client and not yet consumed.
#[derive(Default)]
struct ReadBuffer {
    room: Vec<u8>,
    from: usize,
    to: usize,
}

impl<T: Read + Write + Unpin, A: HitSource> FastPath<T, A> {
    pub fn new(io: T, source: Arc<A>, connection: Arc<Connection>) -> Self {
        let (owner, buffer, response) =
            (Owner::FastPath, ReadBuffer::default(), RawResponse::default());

        Self { io, source, connection, owner, buffer, response }
    }

    /// Answers hits until there is a request for hyper.
    fn poll_fast_path(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_response(context))?;
            self.owner = match scan(self.buffer.bytes()) {
                HeadScan::Plain(head) => {
                    let len = head.len;
                    // Only hyper can close a connection behind a response, so it gets overdue ones.
                    if !self.connection.is_overdue()
                        && self
                            .source
                            .try_fast_hit(&head, self.connection.peer(), &mut self.response)
                            .is_some()
                    {
                        self.buffer.take(len);
                        continue;
                    }
                    Owner::Hyper { left: len as u64 }
                }
                HeadScan::Framed(left) => Owner::Hyper { left },
                HeadScan::Other => Owner::HyperForGood,
                HeadScan::Partial if self.buffer.bytes().len() >= HEAD_MAX => Owner::HyperForGood,
                HeadScan::Partial => match ready!(self.poll_fill(context))? {
                    0 => Owner::HyperForGood,
                    _ => continue,
                },
            };
            self.connection.handed_to_hyper();
            return Poll::Ready(Ok(()));
        }
    }

    /// Ready when all of the response is written.
    fn poll_response(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(was_useful) = ready!(self.response.poll_send(Pin::new(&mut self.io), context))?
        {
            self.connection.response_finished(was_useful);
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes came: none at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(self.buffer.room());
        ready!(Pin::new(&mut self.io).poll_read(context, buffer.unfilled()))?;
        let count = buffer.filled().len();
        self.buffer.to += count;

        Poll::Ready(Ok(count))
    }

    /// Whether hyper has written its whole response, so that the fast path goes on.
    fn is_response_finished(&self) -> bool {
        matches!(self.owner, Owner::Hyper { left: 0 }) && self.connection.is_response_finished()
    }
}

impl<T: Read + Write + Unpin, A: HitSource> Read for FastPath<T, A> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let path = &mut *self;
        loop {
            match path.owner {
                Owner::FastPath => ready!(path.poll_fast_path(context))?,
                Owner::Hyper { left: 0 } => {
                    // Between two requests hyper looks whether its client is still there.
                    if path.buffer.bytes().len() >= HEAD_MAX {
                        return Poll::Pending;
                    }
                    if ready!(path.poll_fill(context))? == 0 {
                        if !path.buffer.bytes().is_empty() {
                            // The client's end is reported only after the requests before it are
                            // answered.
                            return Poll::Pending;
                        }
                        return Poll::Ready(Ok(()));
                    }
                }
                Owner::Hyper { left } => {
                    if path.buffer.bytes().is_empty() && ready!(path.poll_fill(context))? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let given = path.buffer.give(&mut buffer, most);
                    path.owner = Owner::Hyper { left: left - given as u64 };
                    return Poll::Ready(Ok(()));
                }
                Owner::HyperForGood if path.buffer.bytes().is_empty() => {
                    return Pin::new(&mut path.io).poll_read(context, buffer);
                }
                Owner::HyperForGood => {
                    path.buffer.give(&mut buffer, usize::MAX);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<T: Read + Write + Unpin, A: HitSource> Write for FastPath<T, A> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes once it has given away all that it had.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        if self.is_response_finished() {
            self.owner = Owner::FastPath;
            if !self.buffer.bytes().is_empty() {
                // hyper was told that there is nothing to read.
                context.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_response(context))?;

        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl ReadBuffer {
    fn bytes(&self) -> &[u8] {
        &self.room[self.from..self.to]
    }

    fn take(&mut self, count: usize) {
        self.from += count;
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
    }

    /// Some place for more; never none, below [`HEAD_MAX`] bytes.
    fn room(&mut self) -> &mut [u8] {
        if self.to == self.room.len() {
            self.room.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if self.to * 2 >= self.room.len() {
                self.room.resize((self.room.len() * 2).clamp(ROOM, HEAD_MAX * 2), 0);
            }
        }
        &mut self.room[self.to..]
    }

    /// As many as fit and may be given.
    fn give(&mut self, buffer: &mut ReadBufCursor<'_>, most: usize) -> usize {
        let count = self.bytes().len().min(buffer.remaining()).min(most);
        buffer.put_slice(&self.bytes()[..count]);
        self.take(count);

        count
    }
}

#[cfg(test)]
mod tests;
