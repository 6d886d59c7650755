//! A request body that was not read to its end before the response: the rest is read and discarded,
//! or the connection would close while the client still sends, and the response would be lost.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// After more than this, in bytes, the connection closes.
const REST_MAX: usize = 1 << 20;
const REST_WITHIN: Duration = Duration::from_secs(2);

/// A request body. The rest is read when it is dropped.
pub struct Body(Option<Incoming>);

impl Body {
    pub const fn new(incoming: Incoming) -> Self {
        Self(Some(incoming))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take().filter(|rest| !rest.is_end_stream()) {
            tokio::spawn(timeout(REST_WITHIN, skip(rest)));
        }
    }
}

async fn skip(mut rest: Incoming) {
    let mut left = REST_MAX;

    while let Some(Ok(frame)) = rest.frame().await {
        let Some(less) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = less;
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.0 else { return Poll::Ready(None) };
        let frame = Pin::new(incoming).poll_frame(context);

        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::{Request, Response};
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn a_client_that_still_sends_when_it_is_answered_may_send_all_and_ask_again() {
        let (mut client, server) = duplex(1 << 10);
        let service = service_fn(|request: Request<Incoming>| async {
            drop(Body::new(request.into_body()));
            Ok::<_, Infallible>(Response::new(axum::body::Body::empty()))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), service));
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

        for asked in 0..2 {
            client.write_all(head.as_bytes()).await.unwrap();
            let mut first = [0; 12];
            client.read_exact(&mut first).await.unwrap();
            assert_eq!(&first, b"HTTP/1.1 200", "{asked}");
            let mut rest = Vec::new();
            while !rest.ends_with(b"\r\n\r\n") {
                client.read_buf(&mut rest).await.unwrap();
            }
            client.write_all(&[b'x'; 100_000]).await.unwrap();
        }
    }
}
