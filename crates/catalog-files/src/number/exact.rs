//! A decimal number as its digits: exact, however long.

use std::fmt;

/// No amount has more digits; an exponent beyond this is a mistake, and would fill the memory.
const EXPONENT_MAX: i32 = 30;

/// Without leading zeros before the point and trailing ones behind it, so that equal numbers are
/// equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Number {
    /// Of digits alone.
    pub(super) fn new(whole: &str, fraction: &str) -> Self {
        let whole = whole.trim_start_matches('0');

        Self {
            negative: false,
            whole: if whole.is_empty() { "0" } else { whole }.to_owned(),
            fraction: fraction.trim_end_matches('0').to_owned(),
        }
    }

    /// A number of JSON, whose decimal sign is the dot by its grammar (RFC 8259).
    pub(crate) fn of_json(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 =
            exponent.parse().ok().filter(|it| (-EXPONENT_MAX..=EXPONENT_MAX).contains(it))?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }

        let point = i32::try_from(whole.len()).ok()? + exponent;
        Some(Self::with_point(&digits, point).negated_if(negative))
    }

    /// `digits` with the decimal point behind the first `point` of them.
    fn with_point(digits: &str, point: i32) -> Self {
        let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
        let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let padded = format!("{}{digits}{}", zeros(-point), zeros(point - length));
        let (whole, fraction) = padded.split_at(usize::try_from(point).unwrap_or_default());

        Self::new(whole, fraction)
    }

    pub(super) fn negated_if(self, negative: bool) -> Self {
        let is_zero = self.whole == "0" && self.fraction.is_empty();

        Self { negative: negative && !is_zero, ..self }
    }

    pub(crate) const fn is_negative(&self) -> bool {
        self.negative
    }

    /// `None` for one with decimals, and for one that no count reaches.
    pub(crate) fn to_count(&self) -> Option<i64> {
        if !self.fraction.is_empty() {
            return None;
        }
        let count: i64 = self.whole.parse().ok()?;
        Some(if self.negative { -count } else { count })
    }
}

/// As `Money::from_decimal` reads it: a dot, and no more zeros than there must be.
impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let dot = if self.fraction.is_empty() { "" } else { "." };

        write!(formatter, "{sign}{}{dot}{}", self.whole, self.fraction)
    }
}
