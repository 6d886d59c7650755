//! Which answers a shared cache may keep (RFC 9111 §3).

use domain::Timestamp;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};

use super::directives::{FieldNames, RequestDirectives};
use super::freshness;
use super::stored::RequestView;
use super::targeted::EffectiveDirectives;
use super::validation::has_validator;
use super::vary::VariesBy;

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStorable {
    #[error("only answers to GET are kept")]
    Method,
    #[error("its status is one that this cache does not keep")]
    Status,
    #[error("no-store")]
    NoStore,
    /// The client's `no-store`.
    #[error("the request says no-store")]
    Unwanted,
    #[error("it is one user's alone")]
    Private,
    #[error("the request has credentials")]
    Authorization,
    #[error("it varies by something that is not in a request")]
    Vary,
    #[error("nothing says for how long it may be used")]
    Silent,
    #[error("it is stale already, and can't be validated")]
    Useless,
}

impl NotStorable {
    /// Whether the reason is in the request alone: another request for the same resource might be
    /// storable, so what is stored already stays.
    pub const fn is_the_clients(self) -> bool {
        matches!(self, Self::Method | Self::Unwanted | Self::Authorization)
    }
}

pub(super) fn may_store(
    request: &RequestView<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    effective: &EffectiveDirectives,
    received_at: Timestamp,
) -> Result<(), NotStorable> {
    let directives = &effective.directives;
    if request.method != Method::GET {
        return Err(NotStorable::Method);
    }
    // A part is not kept, nor that there is none: what is kept answers requests for the whole. A
    // 304 is no answer of its own.
    let is_whole = !matches!(status.as_u16(), 206 | 416);
    if !is_whole || !status.is_success() && !is_error_or_redirection(status) {
        return Err(NotStorable::Status);
    }
    if directives.must_understand && !is_understood(status) {
        return Err(NotStorable::Status);
    }
    // "must-understand" overrides the "no-store" beside it, for caches that know it (§5.2.2.3).
    if directives.no_store && !directives.must_understand {
        return Err(NotStorable::NoStore);
    }
    if RequestDirectives::of(request.headers).no_store {
        return Err(NotStorable::Unwanted);
    }
    if directives.private {
        return Err(NotStorable::Private);
    }
    let is_for_all =
        directives.public || directives.s_maxage.is_some() || directives.must_revalidate;
    if request.headers.contains_key(AUTHORIZATION) && !is_for_all {
        return Err(NotStorable::Authorization);
    }
    if VariesBy::of(headers) == VariesBy::Anything {
        return Err(NotStorable::Vary);
    }
    let lifetime = freshness::lifetime(status, headers, effective, received_at);
    if lifetime.is_none() && !directives.public && !freshness::is_heuristically_cacheable(status) {
        return Err(NotStorable::Silent);
    }
    let is_ever_fresh = lifetime.is_some_and(|lifetime| !lifetime.is_zero())
        && directives.no_cache != FieldNames::All;
    let is_ever_shown_stale =
        directives.stale_while_revalidate > 0 || directives.stale_if_error > 0;
    if !is_ever_fresh && !is_ever_shown_stale && !has_validator(headers) {
        return Err(NotStorable::Useless);
    }
    Ok(())
}

fn is_error_or_redirection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 300..=303 | 305..=599)
}

/// Statuses whose caching RFC 9110 §15 describes.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_442_552_400);

    fn kept(
        status: u16,
        asked: &[(&'static str, &str)],
        effective: &[(&'static str, &str)],
    ) -> Result<(), NotStorable> {
        kept_by(&Method::GET, status, asked, effective)
    }

    fn kept_by(
        method: &Method,
        status: u16,
        asked: &[(&'static str, &str)],
        effective: &[(&'static str, &str)],
    ) -> Result<(), NotStorable> {
        let map = |lines: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            headers
        };
        let (request, headers) = (map(asked), map(effective));
        let status = StatusCode::from_u16(status).unwrap();

        may_store(
            &RequestView { method, headers: &request },
            status,
            &headers,
            &EffectiveDirectives::by(&headers),
            AT,
        )
    }

    const FRESH: (&str, &str) = ("cache-control", "max-age=60");

    #[test]
    fn a_fresh_answer_to_get_is_kept_whatever_its_final_status() {
        for status in
            [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 503, 599]
        {
            assert_eq!(kept(status, &[], &[FRESH]), Ok(()), "{status}");
        }
        for status in [100, 101, 206, 304, 416] {
            assert_eq!(kept(status, &[], &[FRESH]), Err(NotStorable::Status), "{status}");
        }
        for method in [Method::HEAD, Method::POST, Method::PUT] {
            assert_eq!(kept_by(&method, 200, &[], &[FRESH]), Err(NotStorable::Method));
        }
    }

    #[test]
    fn either_side_can_refuse() {
        let no_store = ("cache-control", "max-age=60, no-store");

        assert_eq!(kept(200, &[], &[no_store]), Err(NotStorable::NoStore));
        assert_eq!(
            kept(200, &[("cache-control", "no-store")], &[FRESH]),
            Err(NotStorable::Unwanted)
        );
        assert_eq!(
            kept(200, &[], &[("cache-control", "private=\"a\", max-age=60")]),
            Err(NotStorable::Private)
        );
        assert_eq!(kept(200, &[], &[FRESH, ("vary", "a, *")]), Err(NotStorable::Vary));
    }

    #[test]
    fn must_understand_lifts_no_store_for_a_status_that_is_known() {
        let effective = [("cache-control", "max-age=60, no-store, must-understand")];

        assert_eq!(kept(200, &[], &effective), Ok(()));
        assert_eq!(kept(599, &[], &effective), Err(NotStorable::Status));
    }

    #[test]
    fn a_response_to_credentials_is_not_stored_unless_it_is_called_public() {
        let asked = [("authorization", "x")];

        assert_eq!(kept(200, &asked, &[FRESH]), Err(NotStorable::Authorization));
        for word in ["public", "must-revalidate", "s-maxage=60"] {
            let effective = format!("max-age=60, {word}");
            assert_eq!(kept(200, &asked, &[("cache-control", &effective)]), Ok(()), "{word}");
        }
    }

    #[test]
    fn what_is_never_fresh_is_kept_only_if_it_can_be_validated() {
        let etag = ("etag", "\"a\"");
        let no_cache = ("cache-control", "no-cache");

        assert_eq!(kept(200, &[], &[]), Err(NotStorable::Useless));
        assert_eq!(kept(403, &[], &[etag]), Err(NotStorable::Silent));
        assert_eq!(kept(200, &[], &[no_cache]), Err(NotStorable::Useless));
        assert_eq!(kept(200, &[], &[no_cache, etag]), Ok(()));
        assert_eq!(kept(200, &[], &[("expires", "0"), etag]), Ok(()));
    }

    #[test]
    fn what_cdns_are_told_decides_for_us() {
        let for_us =
            |field| kept(200, &[], &[("cache-control", "no-store"), ("cdn-cache-control", field)]);

        assert_eq!(for_us("max-age=60"), Ok(()));
        assert_eq!(for_us("max-age=\"60\""), Err(NotStorable::NoStore));
        assert_eq!(
            kept(200, &[], &[FRESH, ("cdn-cache-control", "private")]),
            Err(NotStorable::Private)
        );
    }
}
