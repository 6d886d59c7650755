//! Takes values out of the layers one by one, and writes down every mistake instead of stopping.

use std::collections::BTreeSet;
use std::fmt::Display;

use toml::Value;

use crate::layers::{Given, Layer, Sources, Values};
use crate::mistakes::{Mistake, SettingsError, environment_name};
use crate::secrets::Secret;
use crate::values::{RedisUrl, redis_url};

pub(crate) struct Reader {
    values: Values,
    asked: BTreeSet<&'static str>,
    strays: Vec<String>,
    mistakes: Vec<Mistake>,
}

/// As far as a misspelling goes that is worth a guess.
const NEAR: usize = 2;

impl Reader {
    pub(crate) fn new(sources: &Sources) -> Self {
        let mut mistakes = Vec::new();
        let values = sources.read(&mut mistakes);

        let strays = sources.strays().map(ToOwned::to_owned).collect();

        Self { values, asked: BTreeSet::new(), strays, mistakes }
    }

    /// What is read so, unless something was wrong or was given that nobody asked for.
    pub(crate) fn finish<T>(mut self, read: Option<T>) -> Result<T, SettingsError> {
        self.refuse_unknown();
        self.refuse_strays();
        self.mistakes.sort_by(|left, right| left.key.cmp(&right.key));

        match read {
            Some(read) if self.mistakes.is_empty() => Ok(read),
            _ => Err(SettingsError(self.mistakes)),
        }
    }

    /// A value that may be absent.
    pub(crate) fn optional<T, E: Display>(
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
            self.refuse(key, format!("{} says nothing; leave it out instead", given.layer));
            return None;
        }

        match parse(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(
                    key,
                    format!("{text:?}, said by {}, is not allowed: {why}", given.layer),
                );
                None
            }
        }
    }

    pub(crate) fn required<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.values.contains_key(key) {
            self.asked.insert(key);
            let name = environment_name(key);
            self.refuse(key, format!("must be set, in the settings file or by {name}"));
            return None;
        }
        self.optional(key, parse)
    }

    /// A whole number of a range.
    pub(crate) fn number(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
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

    pub(crate) fn switch(&mut self, key: &'static str) -> Option<bool> {
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

    /// A list of texts, separated by commas where there are no lists.
    pub(crate) fn list<T, E: Display>(
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
                    self.refuse(key, format!("{text:?}, said by {}: {why}", given.layer));
                }
            }
        }
        (parsed.len() == texts.len()).then_some(parsed)
    }

    /// One of the words of a table.
    pub(crate) fn choice<T: Copy>(
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

    /// Text that no message repeats.
    pub(crate) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let given = self.given(key)?;
        let secret = text_of(&given).and_then(|text| Secret::new(text).ok());

        if secret.is_none() {
            let least = edge_core::auth::SECRET_MIN;
            self.refuse(key, format!("{} must give {least} characters or more", given.layer));
        }
        secret
    }

    /// An address that may hold a password, which no message repeats.
    pub(crate) fn required_redis(&mut self, key: &'static str) -> Option<RedisUrl> {
        if !self.values.contains_key(key) {
            self.asked.insert(key);
            let name = environment_name(key);
            self.refuse(key, format!("must be set, in the settings file or by {name}"));
            return None;
        }
        let given = self.given(key)?;
        let url = text_of(&given).and_then(redis_url);

        if url.is_none() {
            let what = "must give redis://host:port/number, or rediss://… for TLS";
            self.refuse(key, format!("{} {what}", given.layer));
        }
        url
    }

    pub(crate) fn required_secret(&mut self, key: &'static str) -> Option<Secret> {
        if !self.values.contains_key(key) {
            self.asked.insert(key);
            self.refuse(key, format!("must be set, best by {}", environment_name(key)));
            return None;
        }
        self.secret(key)
    }

    /// Refuses what was said for another choice than the one that was made. The defaults speak of
    /// every choice.
    pub(crate) fn only_with(
        &mut self,
        choice: &'static str,
        word: &'static str,
        keys: &[&'static str],
    ) {
        for key in keys {
            self.asked.insert(key);
            let layer = self.values.get(*key).map(|given| given.layer.clone());
            if let Some(layer) = layer.filter(|layer| *layer != Layer::Default) {
                self.refuse(key, format!("said by {layer}, but only {choice} = {word} has it"));
            }
        }
    }

    /// Keys that are right, whatever they say.
    pub(crate) fn know(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    pub(crate) fn refuse(&mut self, key: &str, what: impl Into<String>) {
        let name = environment_name(key);
        let what = what.into();
        let what = if what.contains(&name) { what } else { format!("{what} ({name})") };

        self.mistakes.push(Mistake::new(key, what));
    }

    fn given(&mut self, key: &'static str) -> Option<Given> {
        self.asked.insert(key);

        self.values.get(key).cloned()
    }

    fn refuse_kind(&mut self, key: &str, given: &Given, wanted: &str) {
        let found = match &given.value {
            Value::String(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            other => format!("a value of the type {}", other.type_str()),
        };

        self.refuse(key, format!("{found}, said by {}, is not {wanted}", given.layer));
    }

    /// Never with its value: a misspelt secret is a secret.
    fn refuse_unknown(&mut self) {
        let unknown: Vec<_> = self
            .values
            .iter()
            .filter(|(key, _)| !self.asked.contains(key.as_str()))
            .map(|(key, given)| (key.clone(), given.layer.clone()))
            .collect();

        for (key, layer) in unknown {
            let nearest = self.asked.iter().min_by_key(|known| distance(known, &key));
            let guess = nearest
                .filter(|known| distance(known, &key) <= NEAR)
                .map_or_else(String::new, |known| format!("; is it {known}?"));
            self.mistakes
                .push(Mistake::new(key, format!("no such setting, said by {layer}{guess}")));
        }
    }

    /// Never with its value, as above.
    fn refuse_strays(&mut self) {
        for stray in std::mem::take(&mut self.strays) {
            let letters = |name: &str| name.replace('_', "").to_uppercase();
            let known = self.asked.iter().map(|key| environment_name(key));
            let nearest = known.min_by_key(|known| distance(&letters(known), &letters(&stray)));
            let guess = nearest
                .filter(|known| distance(&letters(known), &letters(&stray)) <= NEAR)
                .map_or_else(String::new, |known| format!("; is it {known}?"));
            let what = format!("no setting: those begin with SHOP__, with two underscores{guess}");
            self.mistakes.push(Mistake::new(stray, what));
        }
    }
}

fn text_of(given: &Given) -> Option<&str> {
    given.value.as_str()
}

/// Letters to put in, leave out or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();

    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for column in 0..right.len() {
            let replaced = diagonal + usize::from(right[column] != letter);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
