//! Names that stand in URLs (slugs) and on labels (SKUs).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Long enough for any name of a product, short enough for a URL and a DynamoDB key.
const SLUG_MAX: usize = 96;
/// GTINs have 14 characters, UUIDs 36; the rest is room for house rules.
const SKU_MAX: usize = 64;

/// Lower-case ASCII letters, digits and single inner hyphens, 1 to 96 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

/// A stock keeping unit: printable ASCII without blanks, 1 to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sku(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a slug (a-z, 0-9 and single inner hyphens, at most {SLUG_MAX}): {0}")]
pub struct InvalidSlug(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a SKU (printable ASCII without blanks or dot segments, 1 to {SKU_MAX} characters): {0}"
)]
pub struct InvalidSku(String);

impl Slug {
    /// The slug of a name: accents dropped, other characters become hyphens. `None` when nothing
    /// is left (a name in a script without ASCII letters); the caller then uses the SKU.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut slug = String::with_capacity(name.len());

        for character in name.nfkd().filter(|character| !is_combining_mark(*character)) {
            match character {
                'a'..='z' | '0'..='9' => slug.push(character),
                'A'..='Z' => slug.push(character.to_ascii_lowercase()),
                // An apostrophe joins ("women's" is one word); everything else parts.
                '\'' | '’' => {}
                'ß' => slug.push_str("ss"),
                'æ' | 'Æ' => slug.push_str("ae"),
                'ø' | 'Ø' => slug.push('o'),
                'ł' | 'Ł' => slug.push('l'),
                _ if slug.ends_with('-') || slug.is_empty() => {}
                _ => slug.push('-'),
            }
        }
        slug.truncate(SLUG_MAX);

        slug.trim_matches('-').parse().ok()
    }

    /// This slug with a tie-break behind it, cut so that both fit.
    pub fn with_suffix(&self, suffix: &str) -> Option<Self> {
        let room = SLUG_MAX.checked_sub(suffix.len() + 1)?;
        let stem = self.0[..self.0.len().min(room)].trim_end_matches('-');

        format!("{stem}-{suffix}").parse().ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let well_formed = !text.is_empty()
            && text.len() <= SLUG_MAX
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");

        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSlug(text.chars().take(128).collect()))
        }
    }
}

impl Sku {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = InvalidSku;

    fn from_str(text: &str) -> Result<Self, InvalidSku> {
        let is_dots = |part: &str| part == "." || part == "..";
        // It stands in URLs, and what lies between an admin and the shop may resolve dot segments.
        let well_formed = (1..=SKU_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.split(['/', '\\']).any(is_dots);

        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSku(text.chars().take(128).collect()))
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for super::Slug {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .max_length(Some(super::SLUG_MAX))
                .pattern(Some("^[a-z0-9]+(-[a-z0-9]+)*$"))
                .into()
        }
    }

    impl utoipa::ToSchema for super::Slug {}

    impl utoipa::PartialSchema for super::Sku {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(super::SKU_MAX))
                .pattern(Some(r"^[!-~]*[!-\-/-~][!-~]*$"))
                .into()
        }
    }

    impl utoipa::ToSchema for super::Sku {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_slug_without_accents_or_punctuation() {
        let of = |name| Slug::of_name(name).map(|slug| slug.to_string());

        assert_eq!(of("Women's Crème Brûlée — 2 pcs."), Some("womens-creme-brulee-2-pcs".into()));
        assert_eq!(of("Straße"), Some("strasse".into()));
        assert_eq!(of("日本"), None);
    }

    #[test]
    fn a_tie_break_never_makes_a_slug_too_long() {
        let slug = Slug::of_name(&"a".repeat(200)).unwrap();

        assert_eq!(slug.with_suffix("12").unwrap().as_str().len(), SLUG_MAX);
    }

    #[test]
    fn a_slug_has_one_spelling() {
        for text in ["", "-a", "a-", "a--b", "A", "a_b", "a/b", "a.b", "é"] {
            assert!(text.parse::<Slug>().is_err(), "{text}");
        }
    }
}
