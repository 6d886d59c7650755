//! What is wrong with the settings: every mistake at once, worded for the person who wrote them.

use std::fmt;

/// One mistake, and the key to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `store.backend`, or the file that could not be read.
    pub key: String,
    pub what: String,
}

/// Every mistake in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(pub Vec<Mistake>);

impl Mistake {
    pub(super) fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into() }
    }
}

/// `store.backend` is `SHOP__STORE__BACKEND`.
pub(super) fn environment_name(key: &str) -> String {
    format!("SHOP__{}", key.replace('.', "__").to_uppercase())
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.what)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(mistakes) = self;
        let noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" };
        write!(formatter, "{} {noun} in the settings:", mistakes.len())?;

        mistakes.iter().try_for_each(|mistake| write!(formatter, "\n  {mistake}"))
    }
}

impl std::error::Error for SettingsError {}
