//! Takes values out of the layers one by one, and collects every mistake instead of stopping at the
//! first.

use std::collections::BTreeSet;
use std::fmt::Display;

use toml::Value;

use super::mistakes::{Mistake, SettingsError, environment_name};
use super::secrets::Secret;
use super::sources::{Given, Layer, Sources, Values};
use super::unknown;
use super::values::{RedisUrl, redis_url};

pub(super) struct Reader {
    values: Values,
    known: BTreeSet<&'static str>,
    strays: Vec<String>,
    mistakes: Vec<Mistake>,
}

/// One choice of a key that selects a backend, with the keys that only it has.
pub(super) struct Backend<T> {
    word: &'static str,
    keys: &'static [&'static str],
    value: T,
}

impl<T> Backend<T> {
    pub(super) const fn new(word: &'static str, keys: &'static [&'static str], value: T) -> Self {
        Self { word, keys, value }
    }
}

impl Reader {
    pub(super) fn new(sources: &Sources) -> Self {
        let mut mistakes = Vec::new();
        let values = sources.read(&mut mistakes);

        let strays = sources.strays().map(ToOwned::to_owned).collect();

        Self { values, known: BTreeSet::new(), strays, mistakes }
    }

    /// What was read, unless there were mistakes or keys that no section has read.
    pub(super) fn finish<T>(mut self, read: Option<T>) -> Result<T, SettingsError> {
        self.mistakes.extend(unknown::keys(&self.values, &self.known));
        self.mistakes.extend(unknown::variables(&self.strays, &self.known));
        self.mistakes.sort_by(|left, right| left.key.cmp(&right.key));

        match read {
            Some(read) if self.mistakes.is_empty() => Ok(read),
            _ => Err(SettingsError(self.mistakes)),
        }
    }

    /// A value that may be absent.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let given = self.given(key)?;
        let Some(text) = text_of(&given) else {
            self.refuse_kind(key, &given, "text");
            return None;
        };
        if text.is_empty() {
            self.refuse(key, format!("{} is empty; remove it to use the default", given.layer));
            return None;
        }

        match parse(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(
                    key,
                    format!("{text:?}, set by {}, is not allowed: {why}", given.layer),
                );
                None
            }
        }
    }

    pub(super) fn required<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.require(key)?;
        self.optional(key, parse)
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let given = self.given(key)?;
        let number = match &given.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::String(text) if given.layer.is_text() => text.parse().ok(),
            _ => None,
        };

        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.refuse_kind(key, &given, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    pub(super) fn switch(&mut self, key: &'static str) -> Option<bool> {
        let given = self.given(key)?;
        let switch = match &given.value {
            Value::Boolean(switch) => Some(*switch),
            Value::String(text) if given.layer.is_text() => text.parse().ok(),
            _ => None,
        };

        if switch.is_none() {
            self.refuse_kind(key, &given, "true or false");
        }
        switch
    }

    /// A list of texts; separated by commas in the environment and in flags.
    pub(super) fn list<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let given = self.given(key)?;
        let texts: Option<Vec<&str>> = match &given.value {
            Value::Array(values) => values.iter().map(Value::as_str).collect(),
            Value::String(text) if given.layer.is_text() => {
                Some(text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect())
            }
            _ => None,
        };
        let Some(texts) = texts else {
            self.refuse_kind(key, &given, "a list of texts");
            return None;
        };

        let mut parsed = Vec::new();
        for text in &texts {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(why) => {
                    self.refuse(key, format!("{text:?}, set by {}: {why}", given.layer));
                }
            }
        }
        (parsed.len() == texts.len()).then_some(parsed)
    }

    /// One of the words of a table.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let allowed = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");

        self.required(key, |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| format!("it must be one of {allowed}"))
        })
    }

    /// Text of at least 32 characters. No message repeats it.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let given = self.given(key)?;
        let secret = text_of(&given).and_then(|text| Secret::new(text).ok());

        if secret.is_none() {
            let least = edge_core::auth::SECRET_MIN;
            self.refuse(key, format!("{} must have {least} characters or more", given.layer));
        }
        secret
    }

    /// An address that may contain a password. No message repeats it.
    pub(super) fn required_redis(&mut self, key: &'static str) -> Option<RedisUrl> {
        self.require(key)?;
        let given = self.given(key)?;
        let url = text_of(&given).and_then(redis_url);

        if url.is_none() {
            let what = "must be redis://host:port/number, or rediss://… for TLS";
            self.refuse(key, format!("{} {what}", given.layer));
        }
        url
    }

    pub(super) fn required_secret(&mut self, key: &'static str) -> Option<Secret> {
        if !self.values.contains_key(key) {
            self.known.insert(key);
            self.refuse(key, format!("must be set, preferably by {}", environment_name(key)));
            return None;
        }
        self.secret(key)
    }

    /// The backend that `key` names. Keys that only other backends have are refused if they are
    /// set; the defaults set some of every backend.
    pub(super) fn backend<T: Copy>(
        &mut self,
        key: &'static str,
        backends: &[Backend<T>],
    ) -> Option<T> {
        let words: Vec<_> = backends.iter().map(|backend| (backend.word, backend)).collect();
        // Known whichever is meant: where the choice itself is wrong, its keys are no mistakes.
        self.known.extend(backends.iter().flat_map(|backend| backend.keys));
        let chosen = self.choice(key, &words)?;
        let others: BTreeSet<_> = backends
            .iter()
            .flat_map(|backend| backend.keys.iter().copied())
            .filter(|key| !chosen.keys.contains(key))
            .collect();

        for other in others {
            let owners = backends.iter().filter(|backend| backend.keys.contains(&other));
            let words: Vec<_> = owners.map(|backend| backend.word).collect();
            self.refuse_unless_default(other, key, &words.join(" or "));
        }
        Some(chosen.value)
    }

    fn refuse_unless_default(&mut self, key: &'static str, choice: &str, words: &str) {
        let Some(given) = self.values.get(key) else { return };
        if given.layer == Layer::Default {
            return;
        }
        let what = format!("set by {}, but only {choice} = {words} uses it", given.layer);

        self.refuse(key, what);
    }

    pub(super) fn refuse(&mut self, key: &str, what: impl Into<String>) {
        let name = environment_name(key);
        let what = what.into();
        let what = if what.contains(&name) { what } else { format!("{what} ({name})") };

        self.mistakes.push(Mistake::new(key, what));
    }

    fn require(&mut self, key: &'static str) -> Option<()> {
        self.known.insert(key);
        if !self.values.contains_key(key) {
            let name = environment_name(key);
            self.refuse(key, format!("must be set, in the settings file or by {name}"));
            return None;
        }
        Some(())
    }

    fn given(&mut self, key: &'static str) -> Option<Given> {
        self.known.insert(key);

        self.values.get(key).cloned()
    }

    fn refuse_kind(&mut self, key: &str, given: &Given, wanted: &str) {
        let found = match &given.value {
            Value::String(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            other => format!("a value of the type {}", other.type_str()),
        };

        self.refuse(key, format!("{found}, set by {}, is not {wanted}", given.layer));
    }
}

fn text_of(given: &Given) -> Option<&str> {
    given.value.as_str()
}
