//! A response that was read to its end.

use bytes::Bytes;
use edge_core::Failure;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};

use crate::upstream::root_cause;

pub(crate) struct WholeResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The origin said where the body ends, so it is known to be all of it.
    pub is_complete: bool,
}

impl WholeResponse {
    /// Fails for a body of more than `bytes_max`, and for one that breaks off.
    pub async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Self, Failure> {
        let (head, body) = response.into_parts();
        let is_complete =
            body.size_hint().exact().is_some() || head.headers.contains_key(TRANSFER_ENCODING);
        let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
            tracing::warn!(error = %root_cause(&*error), "the origin's response broke off or was too large");
            Failure::Unusable
        })?;

        Ok(Self { status: head.status, headers: head.headers, body: body.to_bytes(), is_complete })
    }
}
