//! Prefixed ULIDs: `prod_01JD…`. The caller brings the time and the randomness.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::Timestamp;

/// What an id names; gives it its prefix.
pub trait Named {
    const PREFIX: &'static str;
}

/// The id of a `T`: its prefix, `_`, and a ULID of 26 characters in upper case.
pub struct Id<T>(Ulid, PhantomData<fn() -> T>);

/// The text is not an id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {prefix}_ id: {text}")]
pub struct InvalidId {
    pub prefix: &'static str,
    pub text: String,
}

impl<T: Named> Id<T> {
    /// An id made at `now`; `random` gives its lower 80 bits.
    pub const fn new(now: Timestamp, random: u128) -> Self {
        Self(Ulid::from_parts(now.as_millis(), random), PhantomData)
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes), PhantomData)
    }

    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The whole id as a number; sorts as the ids do.
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0.to_bytes())
    }
}

impl<T: Named> FromStr for Id<T> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId { prefix: T::PREFIX, text: text.chars().take(64).collect() };
        let rest = text.strip_prefix(T::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        let ulid = rest.and_then(|rest| Ulid::from_string(rest).ok()).ok_or_else(invalid)?;
        let id = Self(ulid, PhantomData);

        // Crockford base32 reads lower case and look-alikes too; one id has one spelling here.
        if id.to_string() == text { Ok(id) } else { Err(invalid()) }
    }
}

impl<T: Named> fmt::Display for Id<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];

        write!(formatter, "{}_{}", T::PREFIX, self.0.array_to_str(&mut buffer))
    }
}

impl<T: Named> fmt::Debug for Id<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Named> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: Named> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;

        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! ids {
    ($($(#[$about:meta])* $alias:ident = $marker:ident, $prefix:literal;)*) => {$(
        #[derive(Debug)]
        pub enum $marker {}

        impl Named for $marker {
            const PREFIX: &'static str = $prefix;
        }

        $(#[$about])*
        pub type $alias = Id<$marker>;
    )*};
}

ids! {
    ProductId = ProductKind, "prod";
    VariantId = VariantKind, "var";
    CategoryId = CategoryKind, "cat";
    CollectionId = CollectionKind, "col";
    /// One admin's key; also the name by which the audit list knows who acted.
    AdminKeyId = AdminKeyKind, "key";
    AuditId = AuditKind, "aud";
    /// One request, as it is named in logs and in problems.
    RequestId = RequestKind, "req";
}

#[cfg(feature = "openapi")]
impl<T: Named> utoipa::PartialSchema for Id<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some(format!("^{}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$", T::PREFIX)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl<T: Named> utoipa::ToSchema for Id<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{}_id", T::PREFIX).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_printed() {
        let id = ProductId::new(Timestamp::from_millis(1_700_000_000_000), 42);

        assert_eq!(id.to_string().parse::<ProductId>(), Ok(id));
        assert!(id.to_string().starts_with("prod_01"));
    }

    #[test]
    fn an_id_of_another_kind_or_spelling_is_refused() {
        let id = ProductId::new(Timestamp::from_millis(1), 42).to_string();

        assert!(id.parse::<VariantId>().is_err());
        assert!(id.to_lowercase().parse::<ProductId>().is_err());
        assert!("prod_".parse::<ProductId>().is_err());
    }
}
