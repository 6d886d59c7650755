//! The values of parameters, each read to its one canonical form.

use std::str::FromStr;

use domain::query::{Limit, Q_MAX, VALUES_MAX};
use domain::{PriceRange, Sort};
use unicode_normalization::UnicodeNormalization as _;

use super::parameters::Wrong;

/// In characters; longer than any brand.
const VALUE_MAX: usize = 64;
/// In bytes.
const ATTRIBUTE_NAME_MAX: usize = 32;

/// NFC, lower case, blanks collapsed; `None` when nothing is left.
pub(super) fn search_text(value: &str) -> Result<Option<String>, Wrong> {
    refuse_control_characters(value)?;
    // Lower case of a composed character may be decomposed, so NFC comes again behind it.
    let folded: String = value.nfc().collect::<String>().to_lowercase().nfc().collect();
    let text = folded.split_whitespace().collect::<Vec<_>>().join(" ");

    if text.chars().count() > Q_MAX {
        return Err(Wrong(format!("is longer than {Q_MAX} characters").into()));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Values parted by commas, sorted, each once. `\,` is a comma inside a value, `\\` a backslash.
pub(super) fn list(value: &str) -> Result<Vec<String>, Wrong> {
    refuse_control_characters(value)?;
    let mut values = split_at_commas(value);
    values.retain(|value| !value.is_empty());
    values.sort_unstable();
    values.dedup();

    if values.len() > VALUES_MAX {
        return Err(Wrong(format!("has more than {VALUES_MAX} values").into()));
    }
    if values.iter().any(|value| value.chars().count() > VALUE_MAX) {
        return Err(Wrong(format!("has a value of more than {VALUE_MAX} characters").into()));
    }
    Ok(values)
}

fn split_at_commas(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = text.chars();

    while let Some(character) = characters.next() {
        if character == ',' {
            values.push(String::new());
            continue;
        }
        let literal = if character == '\\' { characters.next().unwrap_or('\\') } else { character };
        if let Some(value) = values.last_mut() {
            value.push(literal);
        }
    }
    values.iter().map(|value| value.trim().to_owned()).collect()
}

/// `min..max` in minor units, either end open.
pub(super) fn price(value: &str) -> Result<PriceRange, Wrong> {
    let wrong = || Wrong("must be min..max in minor units, with one end at least".into());
    let end = |digits: &str| match digits {
        "" => Ok(None),
        digits => number(digits).and_then(|n| i64::try_from(n).ok()).map(Some).ok_or_else(wrong),
    };
    let (min, max) = value.split_once("..").ok_or_else(wrong)?;

    match (end(min)?, end(max)?) {
        (None, None) => Err(wrong()),
        (Some(min), Some(max)) if min > max => Err(Wrong("has a minimum above its maximum".into())),
        (min, max) => Ok(PriceRange { min, max }),
    }
}

pub(super) fn limit(value: &str) -> Result<Limit, Wrong> {
    let wrong = || Wrong("must be a whole number of at least 1".into());
    let digits = value.trim_start_matches('0');
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());

    // More digits than a u64 holds still ask for as many as there are.
    if all_digits { Ok(Limit::clamped(number(digits).unwrap_or(u64::MAX))) } else { Err(wrong()) }
}

pub(super) fn switch(value: &str) -> Result<bool, Wrong> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Wrong("must be true or false".into())),
    }
}

pub(super) fn sort(value: &str) -> Result<Sort, Wrong> {
    Sort::ALL.into_iter().find(|sort| sort.as_str() == value).ok_or_else(|| {
        Wrong(format!("must be one of {}", Sort::ALL.map(Sort::as_str).join(", ")).into())
    })
}

pub(super) fn reference<R: FromStr>(value: &str) -> Result<R, Wrong> {
    value.parse().map_err(|_| Wrong("must be an id or a slug".into()))
}

pub(super) fn attribute_name(name: &str) -> Result<String, Wrong> {
    let well_formed = (1..=ATTRIBUTE_NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));

    if well_formed {
        Ok(name.to_owned())
    } else {
        Err(Wrong("must be attr. and 1 to 32 of a-z, 0-9 and _".into()))
    }
}

/// Digits alone: what `str::parse` reads beside them (`+5`) has a second spelling.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn refuse_control_characters(value: &str) -> Result<(), Wrong> {
    if value.chars().any(char::is_control) {
        return Err(Wrong("must not have control characters".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_folded_to_one_spelling() {
        let folded = |text| search_text(text).unwrap().unwrap_or_default();

        assert_eq!(folded("  Cafe\u{301}   CRÈME "), "café crème");
        assert_eq!(folded(" \u{3000} "), "");
        assert!(search_text("a\u{7}b").is_err());
        assert!(search_text(&"x".repeat(65)).is_err());
        assert!(search_text(&"é".repeat(64)).is_ok());
    }

    #[test]
    fn folding_any_character_twice_is_folding_it_once() {
        for character in (char::MIN..=char::MAX).filter(|character| !character.is_control()) {
            let Some(once) = search_text(&character.to_string()).unwrap() else { continue };

            assert_eq!(search_text(&once).unwrap().as_ref(), Some(&once), "{character:?}");
        }
    }

    #[test]
    fn a_list_is_trimmed_sorted_and_without_repeats() {
        assert_eq!(list(" b, a ,,b ").unwrap(), ["a", "b"]);
        assert_eq!(list(r"Acme\, Inc.,a\\b\").unwrap(), ["Acme, Inc.", r"a\b\"]);
        assert_eq!(list(",").unwrap(), Vec::<String>::new());
        assert!(list(&"x".repeat(65)).is_err());
        assert!(list("a,\u{1}").is_err());
    }

    #[test]
    fn a_price_range_has_an_end_at_least() {
        let range = |min, max| Ok(PriceRange { min, max });

        assert_eq!(price("007..10"), range(Some(7), Some(10)));
        assert_eq!(price("..10"), range(None, Some(10)));
        assert_eq!(price("5.."), range(Some(5), None));
        for text in
            ["", "..", "5", "10..5", "-1..5", "+1..5", "1...5", "1..5..9", "1.5..2", " 1..2"]
        {
            assert!(price(text).is_err(), "{text}");
        }
        assert!(price("9223372036854775808..").is_err());
    }

    #[test]
    fn a_limit_is_clamped_to_the_closed_set() {
        let limited = |text| limit(text).map(Limit::get).ok();

        assert_eq!(limited("1"), Some(12));
        assert_eq!(limited("0025"), Some(48));
        assert_eq!(limited("99999999999999999999999"), Some(100));
        for text in ["", "0", "000", "-1", "+1", "1.5", "ten", " 5", "５"] {
            assert_eq!(limited(text), None, "{text}");
        }
    }
}
