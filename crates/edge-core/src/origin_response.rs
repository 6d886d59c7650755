//! What to do with the origin's response to a cached read: store it, show it once, or ask again.

use domain::{Resource, Seq, TagTable};

use crate::cache_status::Detail;
use crate::decision::{self, Reception};
use crate::failure::{REFUSAL, is_failure};
use crate::fields::Lines;
use crate::storage::{self, NotStorable, Storable};
use crate::{Encoding, headers};

/// A response that arrived whole, and what was asked for.
#[derive(Clone, Copy)]
pub struct OriginResponse<'a> {
    pub status: u16,
    pub fields: &'a dyn Lines,
    /// It is known to be all of what the origin had to say.
    pub is_complete: bool,
    pub resource: Resource,
    /// The one that was asked for.
    pub encoding: Encoding,
    /// The status of the kept answer that was asked about with its entity tag.
    pub validated: Option<u16>,
    /// This already is the second answer.
    pub again: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    Store(Storable),
    /// It is shown to the client and not stored.
    Show {
        detail: Option<Detail>,
        /// Concurrent requests for the same key may be answered with it as well.
        is_shareable: bool,
    },
    /// A 304 that does not say as of when the bytes are right: the whole answer has to.
    AskWhole,
    /// In an encoding that was not asked for and that the shell did not undo: ask for plain bytes,
    /// which every client can read.
    AskPlain,
    AskAgain {
        min_seq: Seq,
    },
    /// It was not made by the origin, but by something on the way to it: a login page, a firewall's
    /// refusal, a maintenance page. It has no information about what was asked for.
    Foreign,
    Unusable(Unusable),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is a part, or another protocol")]
    Unasked,
    #[error("the origin chose an encoding by itself")]
    Encoding,
    #[error("a 304 to an unconditional request")]
    Unchanged,
}

impl OriginResponse<'_> {
    pub fn is_unchanged(&self) -> bool {
        self.status == 304
    }

    pub fn judge(&self, table: Option<&TagTable>) -> Disposition {
        // A part, or another protocol: nothing asked for either.
        if self.status == 206 || self.status < 200 {
            return Disposition::Unusable(Unusable::Unasked);
        }
        if !self.is_unchanged() && !self.is_of_the_origin() {
            return Disposition::Foreign;
        }
        let status = match (self.validated, self.is_unchanged()) {
            (Some(kept), true) => kept,
            (None, true) => return Disposition::Unusable(Unusable::Unchanged),
            (_, false) => self.status,
        };
        let joined = |name| self.fields.joined(name);
        // A 304 may leave out what it does not change; what is kept is public.
        let cache_control =
            joined("cache-control").or_else(|| self.is_unchanged().then(|| "public".to_owned()));
        // Parted by blanks, so lines are too.
        let tags = joined(headers::TAGS).map(|tags| tags.replace(',', " "));
        let (cdn, vary) = (joined(headers::CDN_CACHE_CONTROL), joined("vary"));
        let (stamp, age) = (joined(headers::STAMP), joined("age"));
        let answer = storage::ResponseHead {
            status,
            cache_control: cache_control.as_deref(),
            cdn_cache_control: cdn.as_deref(),
            vary: vary.as_deref(),
            sets_cookie: joined("set-cookie").is_some(),
            stamp: stamp.as_deref(),
            tags: tags.as_deref(),
            age: age.as_deref(),
        };
        if self.is_unchanged() && answer.coherence().is_none() {
            return Disposition::AskWhole;
        }
        if !self.is_unchanged() && !self.is_readable() {
            return match self.encoding {
                Encoding::Identity => Disposition::Unusable(Unusable::Encoding),
                Encoding::Brotli | Encoding::Gzip => Disposition::AskPlain,
            };
        }

        match answer.storable(self.resource) {
            Ok(storable) if self.is_complete || self.is_unchanged() => {
                self.received(storable, table)
            }
            Ok(_) => Disposition::Show { detail: None, is_shareable: true },
            Err(why) => {
                // An error may be shared; a successful response may be meant for one client.
                let is_ones = why == NotStorable::NotPublic && (200..300).contains(&status);
                // A 429 counts against one client; those that wait have limits of their own.
                let is_shareable = !is_ones && status != REFUSAL;
                Disposition::Show { detail: None, is_shareable }
            }
        }
    }

    fn received(&self, storable: Storable, table: Option<&TagTable>) -> Disposition {
        match decision::receive(&storable.stamp, &storable.tags, table, self.again) {
            Reception::Store => Disposition::Store(storable),
            Reception::FetchAgain { min_seq } => Disposition::AskAgain { min_seq },
            Reception::Pass(detail) => {
                Disposition::Show { detail: Some(detail), is_shareable: true }
            }
        }
    }

    /// The origin answers a signed read with tags, and a stamp once it knows its own log. Without
    /// them it is known by its problems, of which none is an answer either: those may name when to
    /// come again, so they are shown where no stale response is served.
    fn is_of_the_origin(&self) -> bool {
        let has = |name| self.fields.joined(name).is_some();
        let is_problem = || {
            let content_type = self.fields.joined("content-type").unwrap_or_default();
            content_type.trim_start().starts_with("application/problem+json")
        };

        let is_no_answer = is_failure(self.status) || self.status == REFUSAL;

        has(headers::STAMP) || has(headers::TAGS) || (is_no_answer && is_problem())
    }

    fn is_readable(&self) -> bool {
        let content = Encoding::of_content(self.fields.joined("content-encoding").as_deref());

        content == Some(Encoding::Identity) || content == Some(self.encoding)
    }
}

#[cfg(test)]
mod tests {
    use domain::LogId;

    use super::*;
    use crate::fields::Fields;

    fn fields(more: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        fields.set("cache-control", "public, max-age=0, must-revalidate");
        fields.set("x-stamp", "L.5");
        fields.set("x-tags", "catalog product:p");
        for (name, value) in more {
            fields.set(name, *value);
        }
        fields
    }

    fn response(fields: &Fields) -> OriginResponse<'_> {
        OriginResponse {
            status: 200,
            fields,
            is_complete: true,
            resource: Resource::Product,
            encoding: Encoding::Gzip,
            validated: None,
            again: false,
        }
    }

    fn table(position: u64) -> TagTable {
        TagTable::starting_at(LogId::new("L").unwrap(), Seq(position))
    }

    #[test]
    fn a_public_stamped_answer_is_kept() {
        let fields = fields(&[("content-encoding", "gzip")]);

        assert!(matches!(response(&fields).judge(Some(&table(5))), Disposition::Store(_)));
        assert!(matches!(response(&fields).judge(None), Disposition::Store(_)));
    }

    fn shown(detail: Option<Detail>, is_shareable: bool) -> Disposition {
        Disposition::Show { detail, is_shareable }
    }

    #[test]
    fn an_answer_that_may_not_be_kept_is_shown_once() {
        for (name, value, is_shareable) in [
            ("set-cookie", "a=1", true),
            ("cache-control", "private", false),
            ("x-stamp", "", true),
            ("vary", "cookie", true),
        ] {
            let fields = fields(&[(name, value)]);

            assert_eq!(response(&fields).judge(None), shown(None, is_shareable), "{name}");
        }
    }

    #[test]
    fn an_error_is_shareable_and_so_is_what_may_be_truncated() {
        let private = fields(&[("cache-control", "private")]);
        let error = OriginResponse { status: 500, ..response(&private) };
        assert_eq!(error.judge(None), shown(None, true));

        let public = fields(&[]);
        let partial = OriginResponse { is_complete: false, ..response(&public) };
        assert_eq!(partial.judge(Some(&table(6))), shown(None, true));
        let unchanged = OriginResponse { status: 304, validated: Some(200), ..partial };
        assert!(matches!(unchanged.judge(None), Disposition::Store(_)));
    }

    #[test]
    fn an_older_answer_is_asked_for_again_and_then_shown_as_it_is() {
        let fields = fields(&[]);
        let first = response(&fields);

        let again = Disposition::AskAgain { min_seq: Seq(6) };
        assert_eq!(first.judge(Some(&table(6))), again);
        let second = OriginResponse { again: true, ..first };
        assert_eq!(second.judge(Some(&table(6))), shown(Some(Detail::Behind), true));
    }

    #[test]
    fn a_refusal_is_for_the_one_who_was_refused() {
        let fields = fields(&[]);
        let refused = OriginResponse { status: 429, ..response(&fields) };

        assert_eq!(refused.judge(None), shown(None, false));
    }

    #[test]
    fn for_an_unrequested_encoding_plain_bytes_are_asked_for_once() {
        for encoding in ["br", "zstd", "gzip, gzip"] {
            let fields = fields(&[("content-encoding", encoding)]);
            let first = response(&fields);

            assert_eq!(first.judge(None), Disposition::AskPlain, "{encoding}");
            let plain = OriginResponse { encoding: Encoding::Identity, ..first };
            let unusable = Disposition::Unusable(Unusable::Encoding);
            assert_eq!(plain.judge(None), unusable, "{encoding}");
        }
    }

    #[test]
    fn plain_bytes_are_kept_whatever_was_asked_for() {
        for encoding in Encoding::ALL {
            let fields = fields(&[]);
            let plain = OriginResponse { encoding, ..response(&fields) };

            assert!(matches!(plain.judge(None), Disposition::Store(_)), "{encoding:?}");
        }
    }

    #[test]
    fn what_has_neither_stamp_nor_tags_is_not_the_origins() {
        let mut html = Fields::default();
        html.set("content-type", "text/html");
        html.set("cache-control", "public, max-age=60");
        let mut problem = html.clone();
        problem.set("content-type", "application/problem+json");

        for status in [200, 302, 401, 403, 404, 429, 500, 503] {
            let foreign = OriginResponse { status, ..response(&html) };
            assert_eq!(foreign.judge(None), Disposition::Foreign, "{status}");
            let known = OriginResponse { status, ..response(&problem) }.judge(None);
            let may_be = is_failure(status) || status == REFUSAL;
            assert_eq!(known == Disposition::Foreign, !may_be, "{status}: {known:?}");
        }
        let tagged = fields(&[]);
        let own = OriginResponse { status: 403, ..response(&tagged) };
        assert_eq!(own.judge(None), shown(None, true));
    }

    #[test]
    fn a_part_or_another_protocol_is_unusable() {
        let fields = fields(&[]);
        for status in [101, 206] {
            let unasked = OriginResponse { status, ..response(&fields) };
            assert_eq!(unasked.judge(None), Disposition::Unusable(Unusable::Unasked), "{status}");
        }
    }

    #[test]
    fn a_304_is_about_bytes_that_are_there_and_says_as_of_when() {
        let mut fields = fields(&[]);
        let unasked = OriginResponse { status: 304, ..response(&fields) };
        assert_eq!(unasked.judge(None), Disposition::Unusable(Unusable::Unchanged));
        assert!(matches!(
            OriginResponse { validated: Some(200), ..unasked }.judge(None),
            Disposition::Store(_)
        ));

        fields.set("content-encoding", "br");
        let encoded = OriginResponse { status: 304, validated: Some(200), ..response(&fields) };
        assert!(matches!(encoded.judge(None), Disposition::Store(_)), "it has no bytes of its own");

        fields.set("x-stamp", "none");
        let unstamped = OriginResponse { status: 304, validated: Some(200), ..response(&fields) };
        assert_eq!(unstamped.judge(None), Disposition::AskWhole);
    }
}
