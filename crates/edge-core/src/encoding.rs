//! Content encodings: which of the three that we keep a client gets.

/// A representation of an answer; part of its cache key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

/// A weight in thousandths (RFC 9110 §12.4.2: at most three decimals).
type Weight = u16;

const FULL: Weight = 1_000;

impl Encoding {
    /// The one that we would rather send comes first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// Reads `Accept-Encoding` (RFC 9110 §12.5.3). The heaviest weight wins, and between equals
    /// br, gzip, identity in this order. What can't be read counts as not sent, and a client that
    /// accepts nothing gets the plain bytes all the same: they are of more use to it than a 406.
    pub fn negotiate(accept_encoding: &str) -> Self {
        let known = COMMON.iter().find(|(spelling, _)| *spelling == accept_encoding);

        known.map_or_else(|| Self::weighed(accept_encoding), |(_, encoding)| *encoding)
    }

    fn weighed(accept_encoding: &str) -> Self {
        let mut accepted = Accepted::default();
        for item in accept_encoding.split(',') {
            accepted.read(item);
        }

        let mut best = (Self::Identity, 0);
        for encoding in Self::ALL {
            let weight = accepted.weight_of(encoding);
            if weight > best.1 {
                best = (encoding, weight);
            }
        }
        best.0
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// Reads what [`Encoding::as_str`] writes, letter for letter.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.as_str() == name)
    }

    /// The value of `Content-Encoding`, which plain bytes do without.
    pub const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// The encoding that `Content-Encoding` names; `None` for one that we don't keep.
    pub fn of_content(content_encoding: Option<&str>) -> Option<Self> {
        match content_encoding.map(str::trim) {
            None | Some("" | "identity") => Some(Self::Identity),
            Some(coding) if coding.eq_ignore_ascii_case("br") => Some(Self::Brotli),
            Some(coding) if is_gzip(coding) => Some(Self::Gzip),
            Some(_) => None,
        }
    }
}

/// What browsers and crawlers send, letter for letter: known without being read.
const COMMON: [(&str, Encoding); 3] = [
    ("gzip, deflate, br, zstd", Encoding::Brotli),
    ("gzip, deflate, br", Encoding::Brotli),
    ("gzip", Encoding::Gzip),
];

#[derive(Default)]
struct Accepted {
    brotli: Option<Weight>,
    gzip: Option<Weight>,
    identity: Option<Weight>,
    any: Option<Weight>,
}

impl Accepted {
    fn read(&mut self, item: &str) {
        let (coding, parameter) = item.split_once(';').unwrap_or((item, ""));
        let Some(weight) = weight(parameter.trim()) else { return };

        let slot = match coding.trim() {
            "*" => &mut self.any,
            coding if coding.eq_ignore_ascii_case("br") => &mut self.brotli,
            coding if is_gzip(coding) => &mut self.gzip,
            coding if coding.eq_ignore_ascii_case("identity") => &mut self.identity,
            _ => return,
        };
        *slot = Some(slot.unwrap_or_default().max(weight));
    }

    fn weight_of(&self, encoding: Encoding) -> Weight {
        let named = match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            // Acceptable unless it is excluded, and behind everything that was asked for.
            Encoding::Identity => self.identity.or(self.any).or(Some(1)),
        };

        named.or(self.any).unwrap_or_default()
    }
}

/// `x-gzip` is the same (RFC 9110 §8.4.1.3).
fn is_gzip(coding: &str) -> bool {
    coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")
}

/// `q=0.123`, or nothing for full weight.
fn weight(parameter: &str) -> Option<Weight> {
    if parameter.is_empty() {
        return Some(FULL);
    }
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{decimals:0<3}").parse::<Weight>().ok().filter(|_| digits)?;

    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_client_gets_what_it_weighs_most_and_we_prefer() {
        for (header, expected) in [
            ("", "identity"),
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("x-gzip", "gzip"),
            ("GZIP;Q=0.5", "gzip"),
            ("br;q=0.5, gzip;q=0.8", "gzip"),
            ("br;q=0.8, gzip;q=0.8", "br"),
            ("br;q=0", "identity"),
            ("br;q=0, *", "gzip"),
            ("*", "br"),
            ("*;q=0.1", "br"),
            ("*;q=0", "identity"),
            ("identity;q=0", "identity"),
            ("identity;q=0, deflate", "identity"),
            ("identity;q=0, gzip;q=0.1", "gzip"),
            ("identity, gzip;q=0.5", "identity"),
            ("identity;q=0.5, gzip;q=0.4, *;q=0", "identity"),
            ("gzip;q=1.000", "gzip"),
            ("gzip;q=0.001", "gzip"),
            ("gzip;q=1.001", "identity"),
            ("gzip;q=0.1234", "identity"),
            ("gzip;q=-1, br;q=x", "identity"),
            ("gzip ; q=0.3 , br ; q=0.2", "gzip"),
            ("deflate, zstd", "identity"),
            (",,;;q=,=", "identity"),
        ] {
            assert_eq!(Encoding::negotiate(header).as_str(), expected, "{header}");
        }
    }

    #[test]
    fn what_is_known_by_its_letters_is_what_reading_it_gives() {
        for (spelling, encoding) in COMMON {
            assert_eq!(Encoding::weighed(spelling), encoding, "{spelling}");
        }
    }

    #[test]
    fn an_encoding_is_read_by_its_own_name_alone() {
        for encoding in Encoding::ALL {
            assert_eq!(Encoding::of_name(encoding.as_str()), Some(encoding));
        }
        for name in ["", "BR", "x-gzip", " gzip", "gzip, br", "gzip;q=1", "zstd", "*"] {
            assert_eq!(Encoding::of_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in "\\PC{0,80}|[a-z*;,=q0-9. ]{0,80}") {
            Encoding::negotiate(&header);
        }
    }
}
