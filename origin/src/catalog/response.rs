//! From an answer in memory to a response: the requested encoding, conditional requests, and the
//! headers that caches obey.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use cache::{Answer, Follower, Origin};
use domain::Resource;
use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL, PRIVATE_CACHE_CONTROL};
use edge_core::encoding::Encoding;
use edge_core::{conditional, headers};

use crate::problem::PROBLEM_JSON;
use crate::rendered::Rendered;

/// For whom the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// An edge that signed its request. It gets stamp and tags, and may name the encoding, where no
    /// proxy on the way can change it.
    Edge(Option<Encoding>),
    Anyone,
    /// The bearer of a read-your-writes token, whose response no cache may store.
    Writer,
}

pub fn respond(
    answer: &Answer<Arc<Rendered>>,
    request: &HeaderMap,
    requester: Requester,
    follower: &Follower,
) -> Response<Body> {
    let rendered: &Rendered = answer.value();
    let encoding = match requester {
        Requester::Edge(Some(encoding)) => encoding,
        Requester::Edge(None) | Requester::Anyone | Requester::Writer => negotiated(request),
    };
    let body = rendered.body(encoding);
    let is_known = request
        .get(IF_NONE_MATCH)
        .is_some_and(|known| is_known(known, &body.etag) && rendered.status == 200);

    let mut response =
        Response::new(if is_known { Body::empty() } else { Body::from(body.bytes.clone()) });
    *response.status_mut() = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::OK)
    };

    let out = response.headers_mut();
    out.reserve(12);
    out.insert(ETAG, body.etag.clone());
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control(requester)));
    out.insert(CACHE_STATUS, HeaderValue::from_static(cache_status(answer)));
    if !is_known {
        out.insert(CONTENT_TYPE, content_type(rendered));
        if let Some(encoding) = body.encoding.content_encoding() {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    if requester != Requester::Writer {
        out.insert(CDN_CACHE_CONTROL, cdn_cache_control(rendered.resource));
    }
    if let Requester::Edge(_) = requester {
        out.insert(TAGS, rendered.tags.clone());
        if let Some(stamp) = answer.stamp()
            && let Ok(stamp) = HeaderValue::from_str(&stamp.to_string())
        {
            out.insert(STAMP, stamp);
        }
        // Read after the answer was made, so that nothing in the answer is newer.
        if let Some(row) = follower.row()
            && let Ok(row) = HeaderValue::from_str(&row.to_string())
        {
            out.insert(SEEN, row);
        }
    }
    response
}

const CACHE_STATUS: HeaderName = HeaderName::from_static(headers::CACHE_STATUS);
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static(headers::CDN_CACHE_CONTROL);
const SEEN: HeaderName = HeaderName::from_static(headers::SEEN);
const STAMP: HeaderName = HeaderName::from_static(headers::STAMP);
const TAGS: HeaderName = HeaderName::from_static(headers::TAGS);

fn negotiated(request: &HeaderMap) -> Encoding {
    let mut values = request.get_all(ACCEPT_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Encoding::Identity,
        (Some(only), None) => Encoding::negotiate(only.to_str().unwrap_or_default()),
        // Several lines are one list (RFC 9110 §5.3).
        (Some(_), Some(_)) => {
            let lines = request.get_all(ACCEPT_ENCODING).iter();
            let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
            Encoding::negotiate(&lines.join(","))
        }
    }
}

fn is_known(known: &HeaderValue, etag: &HeaderValue) -> bool {
    etag.to_str().is_ok_and(|etag| conditional::is_known(known.as_bytes(), etag))
}

const fn cache_control(requester: Requester) -> &'static str {
    match requester {
        Requester::Edge(_) => EDGE_CACHE_CONTROL,
        Requester::Anyone => BROWSER_CACHE_CONTROL,
        Requester::Writer => PRIVATE_CACHE_CONTROL,
    }
}

/// RFC 9211, of the origin's own cache.
const fn cache_status(answer: &Answer<Arc<Rendered>>) -> &'static str {
    match (answer.origin, answer.is_stored, answer.is_behind) {
        (Origin::Memory | Origin::Shared, ..) => "shopping-origin; hit",
        (Origin::Source, true, _) => "shopping-origin; fwd=miss; stored",
        (Origin::Source, false, true) => "shopping-origin; fwd=miss; detail=behind",
        (Origin::Source, false, false) => "shopping-origin; fwd=miss",
    }
}

fn content_type(rendered: &Rendered) -> HeaderValue {
    HeaderValue::from_static(match rendered.resource {
        Resource::Missing => PROBLEM_JSON,
        _ => "application/json",
    })
}

/// One value for each resource, made once.
fn cdn_cache_control(resource: Resource) -> HeaderValue {
    static VALUES: std::sync::LazyLock<Vec<(Resource, HeaderValue)>> =
        std::sync::LazyLock::new(|| {
            let of = |resource: Resource| {
                let value = HeaderValue::from_str(&resource.policy().cdn_cache_control());
                (resource, value.expect("digits and names are a header's value"))
            };
            Resource::ALL.into_iter().map(of).collect()
        });
    let row = VALUES.iter().find(|(row, _)| *row == resource);

    row.map_or(HeaderValue::from_static("no-store"), |(_, value)| value.clone())
}
