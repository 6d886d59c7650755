//! An answer that goes out past hyper: pieces that lie in the cache, around the few bytes that are
//! of the moment.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use domain::Timestamp;
use edge_core::http::print_date;
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderValue, Response};
use hyper::rt::Write;

use crate::answer::Form;
use crate::body::Body;
use crate::kept::Kept;
use crate::lines::{self, put_line};

/// A connection has one, for one hit after the other.
#[derive(Default)]
pub(crate) struct Reply {
    kept: Option<(Arc<Kept>, Form)>,
    /// The rest of the head; or all of an answer that is not kept.
    moment: Vec<u8>,
    /// Of all pieces together; nothing is left when there is no `moment`.
    sent: usize,
    /// Whether it renews the client's time, see [`http_server::Connection::answered`].
    is_useful: bool,
}

impl Reply {
    /// Sends what is kept, with the fields of the moment that `fields` writes.
    pub fn hit(&mut self, kept: Arc<Kept>, form: Form, fields: impl FnOnce(&mut Vec<u8>)) {
        self.clear();
        self.kept = Some((kept, form));
        self.is_useful = true;
        fields(&mut self.moment);
        self.moment.extend_from_slice(lines::END);
    }

    /// Sends a refusal of the edge's own.
    pub fn say(&mut self, response: Response<Body>, is_head: bool, now: Timestamp) {
        let response = response.map(Body::into_bytes);
        self.clear();
        self.is_useful = false;
        lines::put_status(&mut self.moment, response.status());
        for (name, value) in response.headers() {
            put_line(&mut self.moment, name, value);
        }
        put_line(&mut self.moment, &CONTENT_LENGTH, &HeaderValue::from(response.body().len()));
        if let Ok(date) = HeaderValue::try_from(print_date(now)) {
            put_line(&mut self.moment, &DATE, &date);
        }
        self.moment.extend_from_slice(lines::END);
        if !is_head {
            self.moment.extend_from_slice(response.body());
        }
    }

    /// Ready when all of it is written, with whether it was of use; `None` if nothing was to be sent.
    pub fn poll_send(
        &mut self,
        mut io: Pin<&mut impl Write>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<bool>>> {
        if self.moment.is_empty() {
            return Poll::Ready(Ok(None));
        }
        loop {
            let written = {
                let mut pieces = self.pieces().map(IoSlice::new);
                let mut left = &mut pieces[..];
                IoSlice::advance_slices(&mut left, self.sent);
                if left.is_empty() {
                    break;
                }
                ready!(io.as_mut().poll_write_vectored(context, left))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        ready!(io.as_mut().poll_flush(context))?;
        self.clear();
        Poll::Ready(Ok(Some(self.is_useful)))
    }

    fn pieces(&self) -> [&[u8]; 4] {
        match &self.kept {
            Some((kept, form)) => {
                let ([first, second], body) = kept.answer.pieces(*form);
                [first, second, &self.moment, body]
            }
            None => [&self.moment, &[], &[], &[]],
        }
    }

    fn clear(&mut self) {
        self.kept = None;
        self.moment.clear();
        self.sent = 0;
    }
}
