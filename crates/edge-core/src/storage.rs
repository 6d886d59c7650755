//! Which responses of the origin a shared cache may store, and for how long.

use std::time::Duration;

use domain::policy::jittered;
use domain::{Resource, Stamp, TagHash, Timestamp};

use crate::EntryMeta;

/// What decides, as the answer's headers say it; a header that is there more than once is joined
/// by commas (RFC 9110 §5.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseHead<'a> {
    pub status: u16,
    pub cache_control: Option<&'a str>,
    pub cdn_cache_control: Option<&'a str>,
    pub vary: Option<&'a str>,
    pub sets_cookie: bool,
    pub stamp: Option<&'a str>,
    pub tags: Option<&'a str>,
    pub age: Option<&'a str>,
}

/// An answer that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable {
    pub resource: Resource,
    pub stamp: Stamp,
    pub tags: Box<[TagHash]>,
    /// Before jitter.
    pub ttl: Duration,
    pub initial_age: Duration,
}

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStorable {
    #[error("only 200 and 404 are kept")]
    Status,
    #[error("the origin did not call it public")]
    NotPublic,
    #[error("it sets a cookie")]
    Cookie,
    #[error("it varies by more than its encoding")]
    Vary,
    #[error("it has no stamp or no tags")]
    Unstamped,
}

/// No page shows so many things that it has more tags than this.
const TAGS_MAX: usize = 1_024;

impl Storable {
    /// What is stored beside its bytes, which were asked for at `asked_at`. `random` chooses the
    /// jitter of its TTL.
    pub fn into_meta(self, asked_at: Timestamp, random: u64) -> EntryMeta {
        EntryMeta {
            resource: self.resource,
            stamp: self.stamp,
            tags: self.tags,
            stored_at: asked_at,
            initial_age: self.initial_age,
            ttl: jittered(self.ttl, random),
        }
    }
}

impl ResponseHead<'_> {
    /// A response is stored only if the origin called it public *and* set no cookie: two
    /// conditions, so that one mistake can't show a client another client's cart.
    pub fn storable(&self, route: Resource) -> Result<Storable, NotStorable> {
        let resource = match self.status {
            200 => route,
            404 => Resource::Missing,
            _ => return Err(NotStorable::Status),
        };
        if self.sets_cookie {
            return Err(NotStorable::Cookie);
        }
        let ttl = self.ttl(resource).ok_or(NotStorable::NotPublic)?;
        if !self.vary.unwrap_or_default().split(',').all(is_about_encoding) {
            return Err(NotStorable::Vary);
        }
        let (stamp, tags) = self.coherence().ok_or(NotStorable::Unstamped)?;
        let initial_age = Duration::from_secs(self.age.and_then(seconds).unwrap_or_default());

        Ok(Storable { resource, stamp, tags, ttl, initial_age })
    }

    /// The stamp and the tags, where both are there and can be read.
    pub fn coherence(&self) -> Option<(Stamp, Box<[TagHash]>)> {
        let stamp = self.stamp?.trim().parse().ok()?;
        let words = || self.tags.unwrap_or_default().split_ascii_whitespace();
        if !(1..=TAGS_MAX).contains(&words().count()) {
            return None;
        }
        let mut tags: Vec<_> = words().map(TagHash::of).collect();
        tags.sort_unstable();
        tags.dedup();

        Some((stamp, tags.into_boxed_slice()))
    }

    /// The table's TTL, or less where the origin wants less; nothing where it wants none.
    fn ttl(&self, resource: Resource) -> Option<Duration> {
        let general = Directives::of(self.cache_control?);
        let targeted = self.cdn_cache_control.map(Directives::of);
        let forbidden = general.forbid || targeted.is_some_and(|directives| directives.forbid);

        if !general.public || forbidden {
            return None;
        }
        let wanted = targeted.and_then(|directives| directives.max_age).map(Duration::from_secs);
        let ttl = resource.policy().edge;

        Some(wanted.map_or(ttl, |wanted| wanted.min(ttl))).filter(|ttl| !ttl.is_zero())
    }
}

/// What matters here of `Cache-Control` and `CDN-Cache-Control`.
#[derive(Clone, Copy, Default)]
struct Directives {
    public: bool,
    forbid: bool,
    max_age: Option<u64>,
}

impl Directives {
    fn of(field: &str) -> Self {
        let mut directives = Self::default();

        for directive in field.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "public" => directives.public = true,
                "no-store" | "private" | "no-cache" => directives.forbid = true,
                // An age that can't be read is none at all (RFC 9111 §4.2.1).
                "max-age" => directives.max_age = Some(seconds(value).unwrap_or_default()),
                _ => {}
            }
        }
        directives
    }
}

fn is_about_encoding(name: &str) -> bool {
    let name = name.trim();

    name.is_empty() || name.eq_ignore_ascii_case("accept-encoding")
}

/// `delta-seconds`; what is too large counts as 2^31 (RFC 9111 §1.2.2).
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());

    digits.then(|| text.parse().unwrap_or(u64::MAX).min(1 << 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: ResponseHead<'_> = ResponseHead {
        status: 200,
        cache_control: Some("public, max-age=0, must-revalidate"),
        cdn_cache_control: None,
        vary: Some("Accept-Encoding"),
        sets_cookie: false,
        stamp: Some("L.7"),
        tags: Some("catalog product:p catalog"),
        age: None,
    };

    fn refused(answer: ResponseHead<'_>) -> NotStorable {
        answer.storable(Resource::Product).unwrap_err()
    }

    #[test]
    fn a_public_stamped_answer_is_kept_for_the_tables_time() {
        let storable = PUBLIC.storable(Resource::Product).unwrap();

        assert_eq!(storable.ttl, Duration::from_secs(600));
        assert_eq!(storable.stamp.to_string(), "L.7");
        assert_eq!(storable.tags.len(), 2);
    }

    #[test]
    fn a_404_is_kept_as_missing() {
        let storable = ResponseHead { status: 404, ..PUBLIC }.storable(Resource::Product).unwrap();

        assert_eq!((storable.resource, storable.ttl), (Resource::Missing, Duration::from_secs(20)));
    }

    #[test]
    fn no_other_status_is_kept() {
        for status in [201, 204, 206, 301, 304, 400, 401, 403, 410, 429, 500, 503] {
            assert_eq!(refused(ResponseHead { status, ..PUBLIC }), NotStorable::Status, "{status}");
        }
    }

    #[test]
    fn what_is_not_called_public_is_not_kept() {
        for cache_control in [
            None,
            Some(""),
            Some("max-age=60"),
            Some("private, no-store"),
            Some("public, no-store"),
            Some("public, PRIVATE"),
            Some("public, no-cache=\"x\""),
        ] {
            let answer = ResponseHead { cache_control, ..PUBLIC };
            assert_eq!(refused(answer), NotStorable::NotPublic, "{cache_control:?}");
        }
        for cdn in ["no-store", "private", "max-age=0", "max-age=x", "max-age=-1"] {
            let answer = ResponseHead { cdn_cache_control: Some(cdn), ..PUBLIC };
            assert_eq!(refused(answer), NotStorable::NotPublic, "{cdn}");
        }
    }

    #[test]
    fn the_origin_may_want_less_time_and_never_gets_more() {
        let ttl = |cdn| {
            let answer = ResponseHead { cdn_cache_control: Some(cdn), ..PUBLIC };
            answer.storable(Resource::Product).unwrap().ttl.as_secs()
        };

        assert_eq!(ttl("max-age=5, stale-while-revalidate=60"), 5);
        assert_eq!(ttl("max-age=99999999999999999999"), 600);
        assert_eq!(ttl("stale-if-error=5"), 600);
    }

    #[test]
    fn a_cookie_or_another_vary_or_no_stamp_keeps_it_out() {
        assert_eq!(refused(ResponseHead { sets_cookie: true, ..PUBLIC }), NotStorable::Cookie);
        assert_eq!(refused(ResponseHead { vary: Some("*"), ..PUBLIC }), NotStorable::Vary);
        assert_eq!(
            refused(ResponseHead { vary: Some("accept-encoding, Cookie"), ..PUBLIC }),
            NotStorable::Vary
        );
        assert_eq!(refused(ResponseHead { stamp: None, ..PUBLIC }), NotStorable::Unstamped);
        assert_eq!(refused(ResponseHead { stamp: Some("7"), ..PUBLIC }), NotStorable::Unstamped);
        assert_eq!(refused(ResponseHead { tags: Some(" "), ..PUBLIC }), NotStorable::Unstamped);
    }
}
