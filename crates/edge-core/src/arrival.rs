//! What an answer to a cached read is worth when it arrives: kept, shown once, or asked for again.

use domain::{Resource, Seq, TagTable};

use crate::cache_status::Detail;
use crate::decision::{self, Reception};
use crate::fields::Fields;
use crate::storage::{self, Storable};
use crate::{Encoding, headers};

/// An answer that arrived whole, and what was asked.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub status: u16,
    pub fields: &'a Fields,
    pub resource: Resource,
    pub encoding: Encoding,
    /// The status of the kept answer that was asked about with its entity tag.
    pub validated: Option<u16>,
    /// This already is the second answer.
    pub again: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    Keep(Storable),
    /// It is shown and forgotten.
    Pass(Option<Detail>),
    /// A 304 that does not say as of when the bytes are right: the whole answer has to.
    AskWhole,
    AskAgain {
        min_seq: Seq,
    },
    /// It is in an encoding that nobody asked for, a part, or about bytes that nobody has.
    Unusable,
}

impl Arrival<'_> {
    pub fn is_unchanged(&self) -> bool {
        self.status == 304
    }

    pub fn judge(&self, table: Option<&TagTable>) -> Arrived {
        if !self.is_readable() {
            return Arrived::Unusable;
        }
        let status = match (self.validated, self.is_unchanged()) {
            (Some(kept), true) => kept,
            (None, true) => return Arrived::Unusable,
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
        let answer = storage::Answer {
            status,
            cache_control: cache_control.as_deref(),
            cdn_cache_control: cdn.as_deref(),
            vary: vary.as_deref(),
            sets_cookie: self.fields.get("set-cookie").is_some(),
            stamp: stamp.as_deref(),
            tags: tags.as_deref(),
            age: age.as_deref(),
        };
        if self.is_unchanged() && answer.coherence().is_none() {
            return Arrived::AskWhole;
        }

        let Ok(storable) = answer.storable(self.resource) else { return Arrived::Pass(None) };
        match decision::receive(&storable.stamp, &storable.tags, table, self.again) {
            Reception::Store => Arrived::Keep(storable),
            Reception::FetchAgain { min_seq } => Arrived::AskAgain { min_seq },
            Reception::Pass(detail) => Arrived::Pass(Some(detail)),
        }
    }

    /// A part, or another protocol: nothing asked for either.
    fn is_readable(&self) -> bool {
        let content = Encoding::of_content(self.fields.joined("content-encoding").as_deref());
        let is_asked_for = content == Some(Encoding::Identity) || content == Some(self.encoding);

        is_asked_for && self.status != 206 && self.status >= 200
    }
}

/// Whether an old answer may stand in for this one (RFC 5861 §4).
pub const fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}

#[cfg(test)]
mod tests {
    use domain::LogId;

    use super::*;

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

    fn arrival(fields: &Fields) -> Arrival<'_> {
        Arrival {
            status: 200,
            fields,
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

        assert!(matches!(arrival(&fields).judge(Some(&table(5))), Arrived::Keep(_)));
        assert!(matches!(arrival(&fields).judge(None), Arrived::Keep(_)));
    }

    #[test]
    fn an_answer_that_may_not_be_kept_is_shown_once() {
        for (name, value) in [
            ("set-cookie", "a=1"),
            ("cache-control", "private"),
            ("x-stamp", ""),
            ("vary", "cookie"),
        ] {
            assert_eq!(
                arrival(&fields(&[(name, value)])).judge(None),
                Arrived::Pass(None),
                "{name}"
            );
        }
    }

    #[test]
    fn an_older_answer_is_asked_for_again_and_then_shown_as_it_is() {
        let fields = fields(&[]);
        let first = arrival(&fields);

        let again = Arrived::AskAgain { min_seq: Seq(6) };
        assert_eq!(first.judge(Some(&table(6))), again);
        let second = Arrival { again: true, ..first };
        assert_eq!(second.judge(Some(&table(6))), Arrived::Pass(Some(Detail::Behind)));
    }

    #[test]
    fn an_encoding_that_nobody_asked_for_is_unusable() {
        for encoding in ["br", "zstd"] {
            let fields = fields(&[("content-encoding", encoding)]);

            assert_eq!(arrival(&fields).judge(None), Arrived::Unusable, "{encoding}");
        }
        let fields = fields(&[]);
        assert_eq!(Arrival { status: 206, ..arrival(&fields) }.judge(None), Arrived::Unusable);
    }

    #[test]
    fn a_304_is_about_bytes_that_are_there_and_says_as_of_when() {
        let mut fields = fields(&[]);
        let unasked = Arrival { status: 304, ..arrival(&fields) };
        assert_eq!(unasked.judge(None), Arrived::Unusable);
        assert!(matches!(
            Arrival { validated: Some(200), ..unasked }.judge(None),
            Arrived::Keep(_)
        ));

        fields.set("x-stamp", "none");
        let unstamped = Arrival { status: 304, validated: Some(200), ..arrival(&fields) };
        assert_eq!(unstamped.judge(None), Arrived::AskWhole);
    }
}
