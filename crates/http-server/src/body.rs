//! The body of an answer. hyper has taken all that it wants of it when it lets go of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

use crate::activity::Connection;

pub struct TrackedBody<B> {
    body: B,
    connection: Arc<Connection>,
    is_useful: bool,
}

impl<B> TrackedBody<B> {
    /// `is_useful`: whether the answer renews the client's time, see
    /// [`Connection::response_finished`].
    pub const fn new(body: B, connection: Arc<Connection>, is_useful: bool) -> Self {
        Self { body, connection, is_useful }
    }
}

impl<B> Drop for TrackedBody<B> {
    fn drop(&mut self) {
        self.connection.response_finished(self.is_useful);
    }
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);

        if matches!(frame, Poll::Ready(None)) {
            self.connection.flushing();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let is_end = self.body.is_end_stream();

        if is_end {
            self.connection.flushing();
        }
        is_end
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
