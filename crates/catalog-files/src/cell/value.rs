//! One value from one cell.

use domain::draft::DESCRIPTION_MAX;
use domain::stock::STOCK_MAX;
use domain::text::{InvalidText, faults_of_line};
use domain::{Money, Slug, Status, category};

use super::Cell;
use crate::category_path::{self, CategoryCell};
use crate::number::{self, BadPrice, DecimalSign, Number, Unread};
use crate::{ErrorCode, Notation, words};

pub(super) type Outcome<T> = Result<T, (ErrorCode, String)>;

const TEXT_SHOWN: usize = 64;

/// A count whose text is read when the row's notation is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stock {
    text: String,
    is_json: bool,
    decimal: Option<DecimalSign>,
}

impl Stock {
    pub(super) fn of(cell: Cell<'_>, notation: Notation) -> Self {
        let is_json = matches!(cell, Cell::Number(_));

        Self { text: cell.text().to_owned(), is_json, decimal: notation.decimal }
    }

    /// The count, and what to warn of. `shown` is the decimal sign that the row's prices show.
    pub(super) fn count(&self, shown: Option<DecimalSign>) -> Outcome<(i64, Option<String>)> {
        if words::is_sold_out(&self.text) {
            return Ok((0, None));
        }
        let invalid = || {
            let detail =
                format!("not a count between 0 and {STOCK_MAX}: {}", self::shown(&self.text));
            (ErrorCode::InvalidStock, detail)
        };

        match self.number(shown)?.and_then(|number| number.to_count()).ok_or_else(invalid)? {
            count if count > STOCK_MAX => Err(invalid()),
            count if count < 0 => {
                Ok((0, Some(format!("read as 0: stock is never negative ({count})"))))
            }
            count => Ok((count, None)),
        }
    }

    /// A count has no decimals. Where a text may be thousands, and the row's prices say that it is,
    /// it is; where they say that it has three decimals, it may be a notation of yet another kind.
    fn number(&self, shown: Option<DecimalSign>) -> Outcome<Option<Number>> {
        if self.is_json {
            return Ok(Number::of_json(&self.text));
        }

        match (number::read(&self.text, self.decimal), shown) {
            (Ok(read), _) => Ok(Some(read.number)),
            (Err(Unread::NotANumber), _) => Ok(None),
            (Err(Unread::Ambiguous { dot, .. }), Some(DecimalSign::Dot)) if self.has(',') => {
                Ok(Some(dot))
            }
            (Err(Unread::Ambiguous { comma, .. }), Some(DecimalSign::Comma)) if self.has('.') => {
                Ok(Some(comma))
            }
            (Err(unread), _) => Err(ambiguous(&self.text, &unread)),
        }
    }

    fn has(&self, sign: char) -> bool {
        self.text.contains(sign)
    }
}

/// The price, and the decimal sign that its text can't do without.
pub(super) fn price(cell: Cell<'_>, notation: Notation) -> Outcome<(Money, Option<DecimalSign>)> {
    let Notation { currency, decimal } = notation;
    let text = cell.text();

    let read = match cell {
        Cell::Number(_) => number::json_price(text, currency).map(|money| (money, None)),
        Cell::Text(_) => number::price(text, currency, decimal),
    };
    read.map_err(|bad| match bad {
        BadPrice::Ambiguous(unread) => ambiguous(text, &unread),
        bad => (ErrorCode::InvalidPrice, price_error(text, &bad, notation)),
    })
}

fn price_error(text: &str, bad: &BadPrice, notation: Notation) -> String {
    let text = shown(text);

    match (bad, notation.decimal) {
        (BadPrice::Currency(named), _) => {
            format!("its currency is {named}, but the file is in {}: {text}", notation.currency)
        }
        (BadPrice::Negative, _) => format!("a price cannot be negative: {text}"),
        (BadPrice::Money(error), _) => error.to_string(),
        (_, Some(sign)) => format!("not an amount with {sign} as the decimal sign: {text}"),
        (_, None) => format!("not an amount: {text}"),
    }
}

fn ambiguous(text: &str, unread: &Unread) -> (ErrorCode, String) {
    let Unread::Ambiguous { dot, comma } = unread else {
        return (ErrorCode::InvalidPrice, format!("not a number: {}", shown(text)));
    };
    let detail = format!(
        "{} is {dot} with a decimal point and {comma} with a decimal comma; choose one with \
         --decimal . or --decimal , (decimal= over HTTP)",
        shown(text)
    );

    (ErrorCode::AmbiguousNumber, detail)
}

pub(super) fn boolean(text: &str) -> Outcome<bool> {
    words::boolean(text).ok_or_else(|| {
        (ErrorCode::InvalidBoolean, format!("not a yes or no value: {}", shown(text)))
    })
}

pub(super) fn status(text: &str) -> Option<Status> {
    words::status(text)
}

pub(crate) const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Published => "published",
        Status::Draft => "draft",
    }
}

/// As it stands, or what a slug can keep of it. Equal texts give equal slugs: rows of one product
/// stay together.
pub(super) fn slug(text: &str) -> Outcome<Slug> {
    let slug = text.parse().ok().or_else(|| Slug::of_name(text));

    slug.ok_or_else(|| {
        (ErrorCode::InvalidSlug, format!("no slug can be made of it: {}", shown(text)))
    })
}

pub(super) fn category_of(text: &str) -> Outcome<CategoryCell> {
    let cell = category_path::from_text(text);

    if cell.path.len() > category::DEPTH_MAX {
        let detail = format!("a category is at most {} levels deep", category::DEPTH_MAX);
        return Err((ErrorCode::InvalidCategory, detail));
    }
    for name in &cell.path {
        if name.is_empty() {
            let detail = format!("a level of the path has no name: {}", shown(text));
            return Err((ErrorCode::InvalidCategory, detail));
        }
        one_line(name, domain::draft::NAME_MAX)?;
    }
    Ok(cell)
}

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
    code: ErrorCode,
) -> Outcome<T> {
    text.parse().map_err(|error: T::Err| (code, error.to_string()))
}

pub(super) fn one_line(text: &str, characters_max: usize) -> Outcome<String> {
    let faults = faults_of_line(text, 1..=characters_max);
    let Some(fault) = faults.first() else { return Ok(text.to_owned()) };
    let code = match fault {
        InvalidText::Length(_) => ErrorCode::TooLong,
        InvalidText::ControlCharacter(_) | InvalidText::BidiControl(_) => {
            ErrorCode::ControlCharacter
        }
        InvalidText::Blank | InvalidText::Invisible => ErrorCode::Invisible,
    };

    Err((code, fault.to_string()))
}

pub(super) fn many_lines(text: &str) -> Outcome<String> {
    let is_hidden = |it: &char| it.is_control() && !matches!(it, '\n' | '\r' | '\t');
    if let Some(character) = text.chars().find(is_hidden) {
        let detail = format!("holds the control character {}", character.escape_unicode());
        return Err((ErrorCode::ControlCharacter, detail));
    }
    let count = text.chars().count();
    if count > DESCRIPTION_MAX {
        let detail = format!("{count} characters, and at most {DESCRIPTION_MAX} are kept");
        return Err((ErrorCode::TooLong, detail));
    }

    Ok(text.to_owned())
}

pub(super) fn shown(text: &str) -> String {
    text.chars().take(TEXT_SHOWN).collect()
}
