use domain::{Currency, Money};
use proptest::prelude::*;

use super::*;

const SIGNS: [DecimalSign; 2] = [DecimalSign::Dot, DecimalSign::Comma];

fn plain(text: &str) -> Result<String, Unread> {
    read(text, None).map(|read| read.number.to_string())
}

fn euros(text: &str, sign: Option<DecimalSign>) -> Result<i64, BadPrice> {
    price(text, Currency::EUR, sign).map(|(money, _)| money.amount)
}

#[test]
fn a_number_that_reads_in_one_way_is_read_whatever_its_signs() {
    for (text, number) in [
        ("12", "12"),
        ("012", "12"),
        ("12.5", "12.5"),
        ("12,5", "12.5"),
        ("12.", "12"),
        (".99", "0.99"),
        (",99", "0.99"),
        ("0.500", "0.5"),
        ("0,500", "0.5"),
        ("12.5000", "12.5"),
        ("12,3456", "12.3456"),
        ("1,299.00", "1299"),
        ("1.299,00", "1299"),
        ("1 234,50", "1234.5"),
        ("1\u{202f}234,50", "1234.5"),
        ("1\u{a0}234.50", "1234.5"),
        ("1'234.50", "1234.5"),
        ("1’234,50", "1234.5"),
        ("1 234", "1234"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1,234,567.891", "1234567.891"),
        ("12,34,567.50", "1234567.5"),
        ("1234.567", "1234.567"),
        ("-3", "-3"),
        ("−3,5", "-3.5"),
        ("-0", "0"),
        (" 7 ", "7"),
    ] {
        assert_eq!(plain(text), Ok(number.to_owned()), "{text}");
    }
}

#[test]
fn a_number_that_reads_in_two_ways_is_ambiguous_with_both() {
    for (text, dot, comma) in [
        ("1.000", "1", "1000"),
        ("1,000", "1000", "1"),
        ("1,234", "1234", "1.234"),
        ("500.000", "500", "500000"),
        ("12.345", "12.345", "12345"),
        ("-1.500", "-1.5", "-1500"),
    ] {
        let Err(Unread::Ambiguous { dot: left, comma: right }) = read(text, None) else {
            panic!("{text} is read as one number");
        };

        assert_eq!((left.to_string(), right.to_string()), (dot.to_owned(), comma.to_owned()));
        assert_eq!(read(text, Some(DecimalSign::Dot)).unwrap().number.to_string(), dot);
        assert_eq!(read(text, Some(DecimalSign::Comma)).unwrap().number.to_string(), comma);
    }
}

#[test]
fn what_is_no_number_is_none() {
    for text in [
        "",
        ".",
        ",",
        "-",
        "+1",
        "--1",
        "1e3",
        "1.2E+1",
        "NaN",
        "٣",
        "1..2",
        "1,,2",
        "1.2.3",
        "1.23.456",
        "1,23",
        "1,2,3",
        "12 34",
        "1 234 5",
        "1.234'567",
        "0,123,456",
        "1.234,567,890",
        "1'",
        "'1",
        "1 ,5",
        "1_000",
        "0x10",
        "twelve",
        "1\n000",
        "½",
    ] {
        // With a sign of its own `1,23` is a number; here it is none with a dot.
        let sign = (text == "1,23").then_some(DecimalSign::Dot);
        assert_eq!(read(text, sign), Err(Unread::NotANumber), "{text}");
    }
}

#[test]
fn a_price_may_carry_its_currency_and_no_other() {
    for text in ["€12.50", "12,50 €", "EUR 12.50", "12,50EUR", "12.50 eur", "€ 12,50 EUR"] {
        assert_eq!(euros(text, None), Ok(1_250), "{text}");
    }
    for (text, named) in [("$12.50", "$"), ("12.50 USD", "USD"), ("12,50 zł", "zł")] {
        assert_eq!(euros(text, None), Err(BadPrice::Currency(named.to_owned())), "{text}");
    }
    let of =
        |text, code: &str| price(text, code.parse().unwrap(), None).map(|(money, _)| money.amount);
    assert_eq!(of("US$1,299.00", "USD"), Ok(129_900));
    assert_eq!(of("Fr. 1'299.50", "CHF"), Ok(129_950));
    assert_eq!(of("1.299.000₫", "VND"), Ok(1_299_000));
    assert_eq!(of("Rp 1.299.000", "IDR"), Ok(129_900_000));
    assert_eq!(of("￥12000", "JPY"), Ok(12_000));
    assert_eq!(of("₹12,34,567.50", "INR"), Ok(123_456_750));
    assert!(matches!(of("500.000 ₫", "VND"), Err(BadPrice::Ambiguous(_))));
    assert!(matches!(of("1.250", "KWD"), Err(BadPrice::Ambiguous(_))));
    assert!(matches!(of("12.5", "JPY"), Err(BadPrice::Money(_))));
    assert_eq!(of("-$5", "USD"), Err(BadPrice::Negative));
    assert_eq!(of("free", "USD"), Err(BadPrice::NotANumber));
}

#[test]
fn a_price_is_never_guessed_and_the_sign_settles_it() {
    assert!(matches!(euros("1.000", None), Err(BadPrice::Ambiguous(_))));
    assert_eq!(euros("1.000", Some(DecimalSign::Comma)), Ok(100_000));
    assert_eq!(euros("1.000", Some(DecimalSign::Dot)), Ok(100));
    assert_eq!(euros("12.50", Some(DecimalSign::Comma)), Err(BadPrice::NotANumber));
}

#[test]
fn a_number_of_json_is_its_digits_with_a_dot() {
    for (text, number) in [
        ("1.000", "1"),
        ("1999.0", "1999"),
        ("1.5e1", "15"),
        ("15E-1", "1.5"),
        ("1e3", "1000"),
        ("5e-3", "0.005"),
        ("-0.50", "-0.5"),
    ] {
        assert_eq!(
            Number::of_json(text).map(|it| it.to_string()),
            Some(number.to_owned()),
            "{text}"
        );
    }
    for text in ["1e99", "1e999999999999", "true", "", ".5", "1e"] {
        assert_eq!(Number::of_json(text), None, "{text}");
    }
}

/// The plain model: walks the text once with the sign that is said, and counts digits.
fn model(text: &str, decimal: char, grouping: &[char]) -> Option<String> {
    let (mut whole, mut fraction) = (String::new(), None::<String>);
    let (mut group, mut groups, mut used) = (0, Vec::new(), None);
    for character in text.chars() {
        match (&mut fraction, character) {
            (None, '0'..='9') => {
                whole.push(character);
                group += 1;
            }
            (Some(fraction), '0'..='9') => fraction.push(character),
            (None, it) if it == decimal => fraction = Some(String::new()),
            (None, it) if grouping.contains(&it) && used.is_none_or(|used| used == it) => {
                used = Some(it);
                groups.push(group);
                group = 0;
            }
            _ => return None,
        }
    }
    let fraction = fraction.unwrap_or_default();
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if used.is_some() {
        let inner = &groups[1..];
        let thousands = (1..=3).contains(&groups[0]) && inner.iter().all(|it| *it == 3);
        let lakhs =
            used == Some(',') && (1..=2).contains(&groups[0]) && inner.iter().all(|it| *it == 2);
        if group != 3 || !(thousands || lakhs) || whole.starts_with('0') {
            return None;
        }
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

/// How a shop in some country prints a number.
fn printed(amount: i64, decimal: char, grouping: Option<char>) -> String {
    let (whole, cents) = (amount / 100, amount % 100);
    let digits = whole.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.extend(grouping);
        }
        text.push(digit);
    }
    format!("{text}{decimal}{cents:02}")
}

proptest! {
    #[test]
    fn with_a_sign_said_every_text_is_what_the_plain_model_says(
        text in r"[0-9.,' ]{1,12}|[0-9]{1,3}([.,][0-9]{3}){0,2}([.,][0-9]{0,4})?",
    ) {
        let text = text.trim();
        for (sign, decimal, other) in [(DecimalSign::Dot, '.', ','), (DecimalSign::Comma, ',', '.')] {
            let model = model(text, decimal, &[other, '\'', ' ']);

            let read = read(text, Some(sign)).ok().map(|read| read.number.to_string());

            prop_assert_eq!(read, model, "{} with {}", text, sign);
        }
    }

    #[test]
    fn without_a_sign_a_text_is_read_if_and_only_if_its_readings_agree(
        text in r"-?[0-9.,' ]{1,12}|[0-9]{1,3}([.,][0-9]{3}){0,2}([.,][0-9]{0,4})?",
    ) {
        let [dot, comma] = SIGNS.map(|sign| read(&text, Some(sign)).ok().map(|it| it.number));

        match read(&text, None) {
            Ok(read) => {
                for number in [dot, comma].into_iter().flatten() {
                    prop_assert_eq!(&number, &read.number);
                }
            }
            Err(Unread::NotANumber) => prop_assert_eq!((dot, comma), (None, None)),
            Err(Unread::Ambiguous { dot: left, comma: right }) => {
                prop_assert_ne!(&left, &right);
                prop_assert_eq!((dot, comma), (Some(left), Some(right)));
            }
        }
    }

    #[test]
    fn a_price_that_is_accepted_is_printed_as_the_same_amount(
        text in r"(\$|USD )?[0-9]{0,7}[.,' ]?[0-9]{0,4}[.,]?[0-9]{0,4}( ?USD)?",
        sign in prop::option::of(prop::sample::select(SIGNS.to_vec())),
    ) {
        if let Ok((money, _)) = price(&text, Currency::USD, sign) {
            let again = price(&money.to_decimal(), Currency::USD, None).unwrap().0;

            prop_assert_eq!(again, money);
        }
    }

    #[test]
    fn every_amount_reads_back_from_every_countrys_notation(amount in 0..100_000_000_000_i64) {
        for (decimal, grouping) in [
            ('.', None), ('.', Some(',')), ('.', Some('\'')), ('.', Some(' ')),
            (',', None), (',', Some('.')), (',', Some('\u{a0}')), (',', Some('\u{202f}')),
        ] {
            let text = printed(amount, decimal, grouping);

            let read = price(&text, Currency::USD, None).map(|(money, _)| money);

            prop_assert_eq!(read, Ok(Money::new(amount, Currency::USD)), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,24}") {
        for sign in [None, Some(DecimalSign::Dot), Some(DecimalSign::Comma)] {
            for code in ["USD", "VND", "KWD", "CHF"] {
                let _ = price(&text, code.parse().unwrap(), sign);
            }
        }
        let _ = Number::of_json(&text);
    }
}
