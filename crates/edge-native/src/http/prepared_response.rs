//! A response that can be sent any number of times: its head is serialised once, and its bytes are
//! shared.

use std::hint::black_box;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use domain::Timestamp;
use domain::policy::{BROWSER_CACHE_CONTROL, PRIVATE_CACHE_CONTROL};
use edge_core::browser::{self, NOSNIFF, READABLE};
use edge_core::failure::REFUSAL;
use edge_core::fields::passed;
use edge_core::http::print_date;
use edge_core::{CacheStatus, conditional, headers};
use http::header::{
    AGE, CACHE_CONTROL, CACHE_STATUS, CONTENT_LENGTH, DATE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use limits::{RATELIMIT, RATELIMIT_POLICY};

use crate::http::body::Body;
use crate::http::header_lines::{self, put_line};
use crate::http::problem::status_value;
use crate::upstream::whole_response::WholeResponse;

/// A line of the processor's cache, in bytes.
const LINE: usize = 64;
/// In bytes. The processor itself prefetches more.
const TOUCHED_MAX: usize = 4 << 10;

/// Without the fields that differ from one sending to the next: `Age`, `Cache-Status`, `RateLimit`.
pub(crate) struct PreparedResponse {
    pub status: StatusCode,
    /// The status line, and then the fields as lines; what a 304 repeats comes last.
    head: Bytes,
    fields_at: usize,
    /// Where that begins, where there can be a 304.
    repeated_at: Option<usize>,
    etag: Option<HeaderValue>,
    body: Bytes,
}

/// What of a request decides how a response is sent.
pub(crate) struct RequestView<'a> {
    pub is_head: bool,
    pub headers: &'a HeaderMap,
    /// Whose it is: the origin's rate limit counts fetches by it.
    pub client: IpAddr,
}

/// How much of a response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseForm {
    Whole,
    /// To a HEAD.
    Head,
    /// A 304.
    Unchanged,
}

impl PreparedResponse {
    /// For the store: head and body in one allocation, which nothing else holds.
    pub fn cacheable(whole: &WholeResponse, now: Timestamp) -> Self {
        let mut head = passed(&whole.headers, headers::is_not_kept);
        head.insert(CACHE_CONTROL, HeaderValue::from_static(BROWSER_CACHE_CONTROL));
        if !head.contains_key(ETAG) {
            head.insert(ETAG, printable(&conditional::etag(&whole.body)));
        }
        if !head.contains_key(DATE) {
            // RFC 9110 §6.6.1: a cache adds the date of receipt.
            head.insert(DATE, printable(&print_date(now)));
        }

        Self::of(whole.status, head, whole.body.clone()).in_one_piece()
    }

    /// For a response that is shown and not stored.
    pub fn uncacheable(whole: WholeResponse) -> Self {
        let mut head = passed(&whole.headers, headers::is_not_kept);
        // Of a limit of this edge's own, the origin's word counts only where it refuses.
        let is_refusal = whole.status.as_u16() == REFUSAL;
        let told = [RATELIMIT, RATELIMIT_POLICY].into_iter().filter(|_| is_refusal);
        for name in told.chain([RETRY_AFTER, HeaderName::from_static("x-request-id")]) {
            if let Some(value) = whole.headers.get(&name) {
                head.insert(name, value.clone());
            }
        }
        if !head.contains_key(CACHE_CONTROL) {
            head.insert(CACHE_CONTROL, HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
        }

        Self::of(whole.status, head, whole.body)
    }

    /// The same bytes, which a 304 has just called right.
    pub fn validated(&self, by: &HeaderMap) -> Self {
        let mut head: HeaderMap = header_lines::fields(&self.head, self.fields_at).collect();
        if let Some(date) = by.get(DATE) {
            head.insert(DATE, date.clone());
        }

        Self::of(self.status, head, self.body.clone()).in_one_piece()
    }

    fn of(status: StatusCode, mut fields: HeaderMap, body: Bytes) -> Self {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        fields.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        // Here once, so that a hit is sent with them and no line is written for it.
        browser::put(&mut fields, [&NOSNIFF].into_iter().chain(&READABLE));
        let is_repeated = |name: &HeaderName| headers::is_repeated_by_304(name.as_str());
        let mut head = Vec::with_capacity(header_lines::len(&fields));

        header_lines::put_status(&mut head, status);
        let fields_at = head.len();
        for (name, value) in fields.iter().filter(|(name, _)| !is_repeated(name)) {
            put_line(&mut head, name, value);
        }
        let repeated_at = head.len();
        for (name, value) in fields.iter().filter(|(name, _)| is_repeated(name)) {
            put_line(&mut head, name, value);
        }
        let etag = fields.remove(ETAG);
        let repeated_at = (status == StatusCode::OK && etag.is_some()).then_some(repeated_at);

        Self { status, head: head.into(), fields_at, repeated_at, etag, body }
    }

    /// A hit touches memory that is cold: the less, and the closer together, the better.
    fn in_one_piece(self) -> Self {
        let mut memory = BytesMut::with_capacity(self.head.len() + self.body.len());
        memory.put_slice(&self.head);
        memory.put_slice(&self.body);
        let memory = memory.freeze();
        let (head, body) = (memory.slice(..self.head.len()), memory.slice(self.head.len()..));
        let etag = self.etag.map(|etag| {
            let place = header_lines::place_of(&head, etag.as_bytes());
            place.map_or(etag, |place| value_at(&head, place))
        });

        Self { head, body, etag, ..self }
    }

    pub fn etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref()
    }

    /// What it takes in memory beside itself.
    pub fn size_bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }

    pub fn form<'a>(
        &self,
        is_head: bool,
        mut if_none_match: impl Iterator<Item = &'a [u8]>,
    ) -> ResponseForm {
        let etag = self.etag.as_ref().filter(|_| self.repeated_at.is_some());
        let etag = etag.and_then(|etag| etag.to_str().ok());
        let is_known =
            etag.is_some_and(|etag| if_none_match.any(|line| conditional::is_known(line, etag)));

        match (is_known, is_head) {
            (true, _) => ResponseForm::Unchanged,
            (false, true) => ResponseForm::Head,
            (false, false) => ResponseForm::Whole,
        }
    }

    /// Asks for the memory that will be sent, for all of its lines at once. It is cold when many
    /// answers are kept, and to copy it line by line is to wait for each.
    pub fn touch(&self) {
        let body = self.body.iter().take(TOUCHED_MAX);
        let lines = self.head.iter().step_by(LINE).chain(body.step_by(LINE));

        black_box(lines.fold(0, |all, byte| all ^ byte));
    }

    /// What is sent before and after the fields of the moment.
    pub fn pieces(&self, form: ResponseForm) -> ([&[u8]; 2], &[u8]) {
        match form {
            ResponseForm::Whole => ([&[], &self.head], &self.body),
            ResponseForm::Head => ([&[], &self.head], &[]),
            ResponseForm::Unchanged => {
                ([header_lines::NOT_MODIFIED, &self.head[self.fields_of(form)]], &[])
            }
        }
    }

    /// For hyper, which writes it anew.
    pub fn send(
        &self,
        view: &RequestView<'_>,
        age: Option<Duration>,
        status: &CacheStatus,
    ) -> Response<Body> {
        let lines = view.headers.get_all(IF_NONE_MATCH).iter();
        let form = self.form(view.is_head, lines.map(HeaderValue::as_bytes));
        let body = if form == ResponseForm::Whole { self.body.clone() } else { Bytes::new() };
        let mut response = Response::new(Body::Bytes(body));
        *response.status_mut() =
            if form == ResponseForm::Unchanged { StatusCode::NOT_MODIFIED } else { self.status };

        let headers = response.headers_mut();
        headers.extend(header_lines::fields(&self.head, self.fields_of(form).start));
        headers.insert(CACHE_STATUS, status_value(status));
        if let Some(age) = age {
            headers.insert(AGE, HeaderValue::from(age.as_secs()));
        }
        response
    }

    fn fields_of(&self, form: ResponseForm) -> Range<usize> {
        match (form, self.repeated_at) {
            (ResponseForm::Unchanged, Some(repeated_at)) => repeated_at..self.head.len(),
            _ => self.fields_at..self.head.len(),
        }
    }
}

fn value_at(head: &Bytes, place: Range<usize>) -> HeaderValue {
    HeaderValue::from_maybe_shared(head.slice(place)).expect("it was a value before")
}

fn printable(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).expect("entity tags and dates are printable ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "\"tag\"Fri, 27 Nov 2026 00:00:00 GMTbody";

    /// An answer whose values are slices of what a connection read.
    fn whole(read: &Bytes) -> WholeResponse {
        let value = |range| HeaderValue::from_maybe_shared(read.slice(range)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, value(0..5));
        headers.insert(DATE, value(5..34));
        headers.insert("x-stamp", HeaderValue::from_static("L.1"));

        WholeResponse { status: StatusCode::OK, headers, body: read.slice(34..), is_complete: true }
    }

    fn kept() -> PreparedResponse {
        PreparedResponse::cacheable(&whole(&Bytes::from(READ.to_owned())), Timestamp::default())
    }

    fn sent(prepared: &PreparedResponse, form: ResponseForm) -> String {
        let ([first, second], body) = prepared.pieces(form);

        String::from_utf8([first, second, body].concat()).unwrap()
    }

    #[test]
    fn nothing_is_lost_and_nothing_of_the_old_memory_is_held() {
        let read = Bytes::from(READ.to_owned());

        let prepared = PreparedResponse::cacheable(&whole(&read), Timestamp::default());

        assert!(read.is_unique());
        assert_eq!(prepared.etag().unwrap(), "\"tag\"");
        assert_eq!(
            sent(&prepared, ResponseForm::Whole),
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\netag: \"tag\"\r\ndate: Fri, 27 Nov 2026 \
             00:00:00 GMT\r\ncache-control: public, max-age=0, must-revalidate\r\nvary: \
             Accept-Encoding\r\nx-content-type-options: nosniff\r\naccess-control-allow-origin: \
             *\r\naccess-control-expose-headers: Age, Cache-Status, Date, ETag, RateLimit, \
             RateLimit-Policy, Retry-After, X-Request-Id\r\nbody"
        );
    }

    #[test]
    fn a_304_repeats_what_it_must_and_has_no_body() {
        let unchanged = sent(&kept(), ResponseForm::Unchanged);

        assert!(unchanged.starts_with("HTTP/1.1 304 Not Modified\r\netag: \"tag\"\r\ndate: "));
        assert!(!unchanged.contains("content-length") && !unchanged.contains("body"));
    }

    #[test]
    fn a_validated_answer_says_the_new_date_and_the_same_bytes() {
        let mut by = HeaderMap::new();
        by.insert(DATE, HeaderValue::from_static("Sat, 28 Nov 2026 00:00:00 GMT"));

        let validated = sent(&kept().validated(&by), ResponseForm::Whole);

        let expected = sent(&kept(), ResponseForm::Whole).replace("Fri, 27", "Sat, 28");
        assert_eq!(validated, expected);
    }

    #[test]
    fn an_answer_that_came_without_a_date_or_a_tag_is_given_them() {
        let read = Bytes::from(READ.to_owned());
        let whole = WholeResponse { headers: HeaderMap::new(), ..whole(&read) };

        let sent =
            sent(&PreparedResponse::cacheable(&whole, Timestamp::default()), ResponseForm::Head);

        assert!(sent.contains("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), "{sent}");
        assert!(sent.contains(&format!("etag: {}\r\n", conditional::etag(b"body"))), "{sent}");
    }
}
