//! Prices: a number, perhaps with the sign or the code of its currency.

use domain::{Currency, InvalidMoney, Money};

use super::{DecimalSign, Number, Read, Unread, read};

/// The signs that shops write for a currency beside its code; the longer ones first.
const SIGNS: &[(&str, &[&str])] = &[
    ("AED", &["Dhs.", "Dhs", "Dh"]),
    ("AUD", &["AU$", "A$", "$"]),
    ("BGN", &["лв.", "лв"]),
    ("BRL", &["R$"]),
    ("CAD", &["CA$", "C$", "$"]),
    ("CHF", &["SFr.", "Fr.", "Fr"]),
    ("CNY", &["¥", "￥", "元"]),
    ("CZK", &["Kč"]),
    ("DKK", &["kr.", "kr"]),
    ("EUR", &["€"]),
    ("GBP", &["£"]),
    ("HKD", &["HK$", "$"]),
    ("IDR", &["Rp.", "Rp"]),
    ("ILS", &["₪"]),
    ("INR", &["₹", "Rs.", "Rs"]),
    ("JPY", &["¥", "￥", "円"]),
    ("KRW", &["₩", "원"]),
    ("MXN", &["MX$", "$"]),
    ("MYR", &["RM"]),
    ("NOK", &["kr.", "kr"]),
    ("NZD", &["NZ$", "$"]),
    ("PHP", &["₱"]),
    ("PLN", &["zł"]),
    ("RON", &["lei"]),
    ("SEK", &["kr.", "kr"]),
    ("SGD", &["S$", "$"]),
    ("THB", &["฿"]),
    ("TRY", &["₺", "TL"]),
    ("USD", &["US$", "$"]),
    ("VND", &["₫", "đ"]),
    ("ZAR", &["R"]),
];

/// Why a text is no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadPrice {
    NotANumber,
    /// It names another currency, by these words.
    Currency(String),
    Ambiguous(Unread),
    Negative,
    Money(InvalidMoney),
}

/// Reads a price in `currency`, and with it the sign that parts its decimals.
pub(crate) fn price(
    text: &str,
    currency: Currency,
    sign: Option<DecimalSign>,
) -> Result<(Money, Option<DecimalSign>), BadPrice> {
    let digits = without_currency(text.trim(), currency)?;
    let Read { number, sign } = read(&digits, sign).map_err(|unread| match unread {
        Unread::NotANumber => BadPrice::NotANumber,
        ambiguous @ Unread::Ambiguous { .. } => BadPrice::Ambiguous(ambiguous),
    })?;
    if number.is_negative() {
        return Err(BadPrice::Negative);
    }

    Ok((Money::from_decimal(&number.to_string(), currency).map_err(BadPrice::Money)?, sign))
}

/// The text without the currency's sign or code, before the number, behind it, or both; a minus
/// before all of it stays.
fn without_currency(text: &str, currency: Currency) -> Result<String, BadPrice> {
    let (minus, rest) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("-", rest.trim_start()),
        None => ("", text),
    };
    let mut number = rest;
    for name in names(currency) {
        if let Some(rest) = strip_start(number, name) {
            number = rest.trim_start();
            break;
        }
    }
    for name in names(currency) {
        if let Some(rest) = strip_end(number, name) {
            number = rest.trim_end();
            break;
        }
    }

    let words = number.trim_matches(|it: char| it.is_ascii_digit() || " .,-−'’".contains(it));
    match words {
        "" => Ok(format!("{minus}{number}")),
        words if is_currency(words) => Err(BadPrice::Currency(words.chars().take(16).collect())),
        // Blanks and apostrophes between groups, or what is no number at all.
        _ => Ok(format!("{minus}{number}")),
    }
}

fn names(currency: Currency) -> impl Iterator<Item = &'static str> {
    let signs = SIGNS.iter().find(|(code, _)| *code == currency.code()).map(|(_, signs)| *signs);

    std::iter::once(currency.code()).chain(signs.unwrap_or_default().iter().copied())
}

fn is_currency(words: &str) -> bool {
    let is_sign = |signs: &[&str]| signs.iter().any(|sign| sign.eq_ignore_ascii_case(words));
    let code = words.to_ascii_uppercase();

    code.parse::<Currency>().is_ok() || SIGNS.iter().any(|(_, signs)| is_sign(signs))
}

fn strip_start<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(rest)
}

fn strip_end<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(name.len())?)?;
    tail.eq_ignore_ascii_case(name).then_some(rest)
}

/// A price as a number of JSON.
pub(crate) fn json_price(text: &str, currency: Currency) -> Result<Money, BadPrice> {
    let number = Number::of_json(text).ok_or(BadPrice::NotANumber)?;
    if number.is_negative() {
        return Err(BadPrice::Negative);
    }

    Money::from_decimal(&number.to_string(), currency).map_err(BadPrice::Money)
}
