//! A response that is written without hyper: the stored pieces around the few fields that differ
//! from one hit to the next.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use domain::Timestamp;
use edge_core::http::print_date;
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderValue, Response};
use hyper::rt::Write;

use crate::cache::store::CacheEntry;
use crate::http::body::Body;
use crate::http::header_lines::{self, put_line};
use crate::http::prepared_response::ResponseForm;

/// Each connection has one, which is used for one hit after the other.
#[derive(Default)]
pub(crate) struct RawResponse {
    entry: Option<(Arc<CacheEntry>, ResponseForm)>,
    /// The rest of the head, or all of a response that is not stored; empty when nothing is left to
    /// be sent.
    tail: Vec<u8>,
    /// How many bytes are written, of all pieces together.
    sent: usize,
    /// Whether it renews the client's time, see [`http_server::Connection::response_finished`].
    is_useful: bool,
}

impl RawResponse {
    /// Sends a stored response, with the fields that `fields` writes.
    pub fn hit(
        &mut self,
        entry: Arc<CacheEntry>,
        form: ResponseForm,
        fields: impl FnOnce(&mut Vec<u8>),
    ) {
        self.clear();
        self.entry = Some((entry, form));
        self.is_useful = true;
        fields(&mut self.tail);
        self.tail.extend_from_slice(header_lines::END);
    }

    /// Sends a problem of the edge's own.
    pub fn set_refusal(&mut self, response: Response<Body>, is_head: bool, now: Timestamp) {
        let response = response.map(Body::into_bytes);
        self.clear();
        self.is_useful = false;
        header_lines::put_status(&mut self.tail, response.status());
        for (name, value) in response.headers() {
            put_line(&mut self.tail, name, value);
        }
        put_line(&mut self.tail, &CONTENT_LENGTH, &HeaderValue::from(response.body().len()));
        if let Ok(date) = HeaderValue::try_from(print_date(now)) {
            put_line(&mut self.tail, &DATE, &date);
        }
        self.tail.extend_from_slice(header_lines::END);
        if !is_head {
            self.tail.extend_from_slice(response.body());
        }
    }

    /// Ready when all of it is written, with whether it was of use; `None` if nothing was to be
    /// sent.
    pub fn poll_send(
        &mut self,
        mut io: Pin<&mut impl Write>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<bool>>> {
        if self.tail.is_empty() {
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
        match &self.entry {
            Some((entry, form)) => {
                let ([first, second], body) = entry.response.pieces(*form);
                [first, second, &self.tail, body]
            }
            None => [&self.tail, &[], &[], &[]],
        }
    }

    fn clear(&mut self) {
        self.entry = None;
        self.tail.clear();
        self.sent = 0;
    }
}
