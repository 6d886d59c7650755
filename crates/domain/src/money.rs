//! Money: integer minor units of one currency. No float ever touches an amount.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Far above any price or order, far below where sums of a hundred lines could overflow an `i64`.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// An ISO 4217 currency that the shop can sell in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Currency(&'static str);

/// `{"amount":1999,"currency":"USD"}`: 19.99 dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Money {
    /// Minor units: cents for USD, yen for JPY.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1_000_000_000_000_i64))]
    #[serde(deserialize_with = "amount")]
    pub amount: i64,
    pub currency: Currency,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    #[error("not a currency that the shop sells in: {0}")]
    Currency(String),
    #[error("not a decimal amount: {0}")]
    Decimal(String),
    #[error("{currency} has {exponent} decimals, and {text} has more")]
    Precision { currency: Currency, exponent: u32, text: String },
    #[error("an amount is between 0 and {AMOUNT_MAX} minor units: {0}")]
    Range(String),
}

/// Code and number of decimals, from ISO 4217. Currencies whose providers disagree on the number of
/// decimals (UGX, ISK, HUF, TWD) are left out until a test pins what each provider means.
const CURRENCIES: &[(&str, u32)] = &[
    ("AED", 2),
    ("AUD", 2),
    ("BGN", 2),
    ("BHD", 3),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CNY", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("IDR", 2),
    ("ILS", 2),
    ("INR", 2),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("MXN", 2),
    ("MYR", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("PHP", 2),
    ("PLN", 2),
    ("RON", 2),
    ("SAR", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TND", 3),
    ("TRY", 2),
    ("USD", 2),
    ("VND", 0),
    ("ZAR", 2),
];

impl Currency {
    pub const USD: Self = Self("USD");
    pub const EUR: Self = Self("EUR");
    pub const JPY: Self = Self("JPY");

    /// How many decimals its major unit has.
    pub fn exponent(self) -> u32 {
        let row = CURRENCIES.iter().find(|(code, _)| *code == self.0);

        row.expect("a currency is made from this table alone").1
    }

    pub const fn code(self) -> &'static str {
        self.0
    }
}

impl Money {
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Reads `19.99` in major units, exactly: a dot, no sign, no thousands separator, and no more
    /// decimals than the currency has (zeros behind them are harmless).
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let shown = || text.chars().take(32).collect::<String>();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());

        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err(InvalidMoney::Decimal(shown()));
        }
        let exponent = currency.exponent();
        let kept = fraction.trim_end_matches('0');
        if kept.len() > exponent as usize {
            return Err(InvalidMoney::Precision { currency, exponent, text: shown() });
        }
        let padded = format!("{whole}{kept:0<width$}", width = exponent as usize);
        let amount = padded.parse().map_err(|_| InvalidMoney::Range(shown()))?;

        if amount > AMOUNT_MAX {
            return Err(InvalidMoney::Range(shown()));
        }
        Ok(Self { amount, currency })
    }

    /// `19.99`: major units, with all the decimals of the currency.
    pub fn to_decimal(self) -> String {
        let exponent = self.currency.exponent();
        let unit = 10_i64.pow(exponent);
        if exponent == 0 {
            return self.amount.to_string();
        }

        format!("{}.{:0width$}", self.amount / unit, self.amount % unit, width = exponent as usize)
    }
}

crate::object::from_objects_alone!(Money + Serialize);

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;

    if (0..=AMOUNT_MAX).contains(&amount) {
        Ok(amount)
    } else {
        Err(serde::de::Error::custom(InvalidMoney::Range(amount.to_string())))
    }
}

impl FromStr for Currency {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let row = CURRENCIES.iter().find(|(code, _)| *code == text);

        row.map(|(code, _)| Self(code))
            .ok_or_else(|| InvalidMoney::Currency(text.chars().take(16).collect()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;

        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .enum_values(Some(CURRENCIES.iter().map(|(code, _)| *code)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Currency {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_is_read_exactly_and_without_a_float() {
        let usd = |text| Money::from_decimal(text, Currency::USD).map(|money| money.amount);

        assert_eq!(usd("1999.0"), Ok(199_900));
        assert_eq!(usd("0.29"), Ok(29));
        assert_eq!(usd("24999.99"), Ok(2_499_999));
        assert_eq!(usd("19.9900"), Ok(1_999));
        assert_eq!(Money::from_decimal("100", Currency::JPY).map(|m| m.amount), Ok(100));
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused_by_name() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,000.00", "$5", " 5", "NaN", "٣"] {
            assert!(
                matches!(Money::from_decimal(text, Currency::USD), Err(InvalidMoney::Decimal(_))),
                "{text}"
            );
        }
        assert!(matches!(
            Money::from_decimal("1.999", Currency::USD),
            Err(InvalidMoney::Precision { .. })
        ));
        assert!(matches!(
            Money::from_decimal("99999999999999999999", Currency::USD),
            Err(InvalidMoney::Range(_))
        ));
    }

    proptest! {
        #[test]
        fn every_amount_reads_back_as_it_was_printed(amount in 0..AMOUNT_MAX, row in 0..CURRENCIES.len()) {
            let money = Money::new(amount, CURRENCIES[row].0.parse().unwrap());

            prop_assert_eq!(Money::from_decimal(&money.to_decimal(), money.currency), Ok(money));
        }
    }
}
