//! The fast lane of a connection: hits are answered before hyper sees them, and hyper reads the rest
//! as if there were no lane.
//!
//! hyper sits on top and reads from here. Between two of its requests whole heads are looked at
//! first: one whose answer lies ready is answered here and hyper never hears of it. Any other is
//! handed to hyper to its last byte and not one further, and nothing more is looked at until hyper
//! has written the answer. So both always agree on where a request begins. What the two could read
//! in two ways is hyper's, and from then on the whole connection is.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_server::Connection;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::head::{Head, Seen, see};
use crate::reply::Reply;

/// Most heads fit at once.
const ROOM: usize = 4 << 10;
/// A longer head is hyper's.
const HEAD_MAX: usize = 16 << 10;

/// What has answers that lie ready.
pub(crate) trait Hits: Send + Sync + 'static {
    /// Puts an answer that lies ready into `reply`; `None` has changed and counted nothing.
    fn at_once(&self, head: &Head<'_>, peer: IpAddr, reply: &mut Reply) -> Option<()>;
}

pub(crate) struct Lane<T, A> {
    io: T,
    answers: Arc<A>,
    connection: Arc<Connection>,
    turn: Turn,
    arrived: Arrived,
    reply: Reply,
}

/// Whose the next byte is.
#[derive(Clone, Copy)]
enum Turn {
    /// A request begins with it.
    Ours,
    /// hyper answers a request, of which so many bytes are still to come.
    Hypers {
        left: u64,
    },
    HypersForGood,
}

/// What was read and not given on.
#[derive(Default)]
struct Arrived {
    room: Vec<u8>,
    from: usize,
    to: usize,
}

impl<T: Read + Write + Unpin, A: Hits> Lane<T, A> {
    pub fn new(io: T, answers: Arc<A>, connection: Arc<Connection>) -> Self {
        let (turn, arrived, reply) = (Turn::Ours, Arrived::default(), Reply::default());

        Self { io, answers, connection, turn, arrived, reply }
    }

    /// Answers what can be answered here, until there is something for hyper.
    fn poll_ours(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_reply(context))?;
            self.turn = match see(self.arrived.bytes()) {
                Seen::Plain(head) => {
                    let len = head.len;
                    // hyper alone can end a connection with an answer, so it has those that are overdue.
                    if !self.connection.is_overdue()
                        && self
                            .answers
                            .at_once(&head, self.connection.peer(), &mut self.reply)
                            .is_some()
                    {
                        self.arrived.take(len);
                        continue;
                    }
                    Turn::Hypers { left: len as u64 }
                }
                Seen::Framed(left) => Turn::Hypers { left },
                Seen::Other => Turn::HypersForGood,
                Seen::Partial if self.arrived.bytes().len() >= HEAD_MAX => Turn::HypersForGood,
                Seen::Partial => match ready!(self.poll_arrive(context))? {
                    0 => Turn::HypersForGood,
                    _ => continue,
                },
            };
            self.connection.hand_over();
            return Poll::Ready(Ok(()));
        }
    }

    /// Ready when nothing is left of a reply.
    fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(was_useful) = ready!(self.reply.poll_send(Pin::new(&mut self.io), context))? {
            self.connection.answered(was_useful);
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes came: none at the end.
    fn poll_arrive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(self.arrived.room());
        ready!(Pin::new(&mut self.io).poll_read(context, buffer.unfilled()))?;
        let count = buffer.filled().len();
        self.arrived.to += count;

        Poll::Ready(Ok(count))
    }

    /// Whether hyper has written all of its answer, and the lane goes on.
    fn is_answered(&self) -> bool {
        matches!(self.turn, Turn::Hypers { left: 0 }) && self.connection.is_answered()
    }
}

impl<T: Read + Write + Unpin, A: Hits> Read for Lane<T, A> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let lane = &mut *self;
        loop {
            match lane.turn {
                Turn::Ours => ready!(lane.poll_ours(context))?,
                Turn::Hypers { left: 0 } => {
                    // Between two requests hyper looks whether its client is still there.
                    if lane.arrived.bytes().len() >= HEAD_MAX {
                        return Poll::Pending;
                    }
                    if ready!(lane.poll_arrive(context))? == 0 {
                        if !lane.arrived.bytes().is_empty() {
                            // Not before what was asked first is answered.
                            return Poll::Pending;
                        }
                        return Poll::Ready(Ok(()));
                    }
                }
                Turn::Hypers { left } => {
                    if lane.arrived.bytes().is_empty() && ready!(lane.poll_arrive(context))? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let given = lane.arrived.give(&mut buffer, most);
                    lane.turn = Turn::Hypers { left: left - given as u64 };
                    return Poll::Ready(Ok(()));
                }
                Turn::HypersForGood if lane.arrived.bytes().is_empty() => {
                    return Pin::new(&mut lane.io).poll_read(context, buffer);
                }
                Turn::HypersForGood => {
                    lane.arrived.give(&mut buffer, usize::MAX);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<T: Read + Write + Unpin, A: Hits> Write for Lane<T, A> {
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
        if self.is_answered() {
            self.turn = Turn::Ours;
            if !self.arrived.bytes().is_empty() {
                // hyper was told that there is nothing to read.
                context.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_reply(context))?;

        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl Arrived {
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
