//! Numbers as people and programs write them: one parser for every column that holds one.
//!
//! `1.234` is one and a bit in Boston and more than a thousand in Berlin. A text that can be read
//! in two ways is never guessed at: it is [`Unread::Ambiguous`], with both readings.

mod exact;
mod money;

use std::fmt;
use std::str::FromStr;

pub(crate) use self::exact::Number;
pub(crate) use self::money::{BadPrice, json_price, price};

/// The sign that parts the whole of a number from its decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecimalSign {
    /// `1,234.50`, as in English
    Dot,
    /// `1.234,50`, as in most of Europe and South America
    Comma,
}

/// The text names neither sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the decimal sign is . or , and not: {0}")]
pub struct InvalidDecimalSign(String);

/// Why a text is not one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    NotANumber,
    Ambiguous { dot: Number, comma: Number },
}

/// A number, and what its text gives away of how its writer writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) number: Number,
    /// The one sign with which the text is a number; `None` where either would do (`12`).
    pub(crate) sign: Option<DecimalSign>,
}

impl DecimalSign {
    const fn character(self) -> char {
        match self {
            Self::Dot => '.',
            Self::Comma => ',',
        }
    }

    /// What parts thousands where this parts decimals, beside blanks and apostrophes.
    const fn grouping(self) -> char {
        match self {
            Self::Dot => ',',
            Self::Comma => '.',
        }
    }
}

/// Reads a number without its currency. Blanks around it do not count; `-` before it does.
pub(crate) fn read(text: &str, sign: Option<DecimalSign>) -> Result<Read, Unread> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let reading = |sign| reading(digits, sign).map(|number| number.negated_if(negative));

    if let Some(sign) = sign {
        let number = reading(sign).ok_or(Unread::NotANumber)?;
        return Ok(Read { number, sign: Some(sign) });
    }
    match (reading(DecimalSign::Dot), reading(DecimalSign::Comma)) {
        (None, None) => Err(Unread::NotANumber),
        (Some(number), None) => Ok(Read { number, sign: Some(DecimalSign::Dot) }),
        (None, Some(number)) => Ok(Read { number, sign: Some(DecimalSign::Comma) }),
        (Some(dot), Some(comma)) if dot == comma => Ok(Read { number: dot, sign: None }),
        (Some(dot), Some(comma)) => Err(Unread::Ambiguous { dot, comma }),
    }
}

/// The number that the text is if `sign` parts its decimals.
fn reading(text: &str, sign: DecimalSign) -> Option<Number> {
    let (whole, fraction) = match text.split_once(sign.character()) {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if whole.is_empty() && fraction.is_empty() || !all_digits(fraction) {
        return None;
    }

    Some(Number::new(&without_groups(whole, sign.grouping())?, fraction))
}

/// The digits of a whole number: as they stand, or in groups with one sign between them.
fn without_groups(whole: &str, grouping: char) -> Option<String> {
    if all_digits(whole) {
        return Some(whole.to_owned());
    }
    let sign = whole.chars().find(|character| !character.is_ascii_digit())?;
    let parts_groups = sign == grouping || matches!(sign, '\'' | '’') || is_blank(sign);
    let groups: Vec<&str> = whole.split(sign).collect();
    let well_formed = groups.iter().all(|group| !group.is_empty() && all_digits(group))
        && (are_thousands(&groups) || sign == ',' && are_lakhs(&groups))
        // `0.500` is a half: a number in thousands does not begin with a zero.
        && !whole.starts_with('0');

    (parts_groups && well_formed).then(|| groups.concat())
}

/// `1.234.567`
fn are_thousands(groups: &[&str]) -> bool {
    groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3)
}

/// `12,34,567`, as in India; `1,234` is thousands as well.
fn are_lakhs(groups: &[&str]) -> bool {
    let [first, middle @ .., last] = groups else { return false };

    first.len() <= 2 && last.len() == 3 && middle.iter().all(|group| group.len() == 2)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A blank, also a thin or an unbreakable one.
fn is_blank(character: char) -> bool {
    character.is_whitespace() && !character.is_control()
}

impl FromStr for DecimalSign {
    type Err = InvalidDecimalSign;

    fn from_str(text: &str) -> Result<Self, InvalidDecimalSign> {
        match text {
            "." => Ok(Self::Dot),
            "," => Ok(Self::Comma),
            _ => Err(InvalidDecimalSign(text.chars().take(16).collect())),
        }
    }
}

impl fmt::Display for DecimalSign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.character())
    }
}

#[cfg(test)]
mod tests;
