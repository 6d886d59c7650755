//! The parameters of a query: decoded, each at most once, and every mistake remembered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::{Code, FieldError};
use percent_encoding::percent_decode_str;

use super::Refusal;

/// A problem names a parameter by at most so many of its characters.
const NAME_SHOWN_MAX: usize = 64;

pub(super) struct Parameters<'q> {
    known: BTreeMap<Cow<'q, str>, Cow<'q, str>>,
    mistakes: Vec<(Code, FieldError)>,
}

/// What is wrong with a value, in words that go on after the parameter's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub Cow<'static, str>);

impl<'q> Parameters<'q> {
    /// Takes `query` apart and forgets what is not `known`.
    pub fn of(query: &'q str, known: impl Fn(&str) -> bool) -> Self {
        let mut parameters = Self { known: BTreeMap::new(), mistakes: Vec::new() };

        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match decoded(name) {
                Some(name) if known(&name) => parameters.take(name, value),
                Some(_) => {}
                None => parameters.complain(name, Code::InvalidParameter, BADLY_ENCODED),
            }
        }
        parameters
    }

    fn take(&mut self, name: Cow<'q, str>, value: &'q str) {
        if self.known.contains_key(&name) {
            return self.complain(&name, Code::DuplicateParameter, "is there more than once");
        }
        match decoded(value) {
            Some(value) => {
                self.known.insert(name, value);
            }
            None => self.complain(&name, Code::InvalidParameter, BADLY_ENCODED),
        }
    }

    /// The value of `name` as `parse` reads it; nothing when it is absent or wrong.
    pub fn read<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.known.remove(name)?;

        self.keep(name, parse(&value))
    }

    /// Every parameter that begins with `prefix`, whole names.
    pub fn drain_prefix(&mut self, prefix: &str) -> Vec<(Cow<'q, str>, Cow<'q, str>)> {
        self.known.extract_if(.., |name, _| name.starts_with(prefix)).collect()
    }

    pub fn keep<T>(&mut self, name: &str, result: Result<T, Wrong>) -> Option<T> {
        result.map_err(|Wrong(detail)| self.complain(name, Code::InvalidParameter, detail)).ok()
    }

    pub fn complain(&mut self, name: &str, code: Code, detail: impl Into<String>) {
        let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
        let error = FieldError::new(format!("?{shown}"), code.as_str(), detail);

        // `a&a&a` is one mistake.
        if !self.mistakes.iter().any(|(_, known)| *known == error) {
            self.mistakes.push((code, error));
        }
    }

    pub const fn is_clean(&self) -> bool {
        self.mistakes.is_empty()
    }

    pub fn finish(self) -> Result<(), Refusal> {
        if self.is_clean() { Ok(()) } else { Err(Refusal::of_mistakes(self.mistakes)) }
    }
}

const BADLY_ENCODED: &str = "is not percent-encoded UTF-8";

/// As forms encode: `+` is a blank. `None` for a `%` without two hexadecimal digits, which some
/// would keep and others drop, and for what is not UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut escapes = text.split('%').skip(1).map(str::as_bytes);
    let well_formed = escapes.all(|after| {
        after.first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let blanks = text.replace('+', " ");

    well_formed
        .then(|| {
            percent_decode_str(&blanks).decode_utf8().map(|text| text.into_owned().into()).ok()
        })
        .flatten()
}
