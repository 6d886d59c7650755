//! From the cells of a row to a [`CatalogRow`]: every value is checked here and nowhere later.

use std::collections::{BTreeMap, BTreeSet};

use domain::draft::{ALT_MAX, ATTRIBUTES_MAX, DESCRIPTION_MAX, NAME_MAX, URL_MAX, VALUE_MAX};
use domain::stock::STOCK_MAX;
use domain::{Currency, Image, Money, Sku, Slug, Status, category};

use crate::{CatalogRow, Column, ErrorCode, category_path};

/// Size, colour and length are three; more make a table that nobody can choose from.
const OPTIONS_MAX: usize = 8;

/// What is wrong with one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellError {
    pub(crate) column: Column,
    pub(crate) code: ErrorCode,
    pub(crate) detail: String,
}

/// A row in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    sku: Option<Sku>,
    slug: Option<Slug>,
    name: Option<String>,
    description: Option<String>,
    category: Option<Vec<String>>,
    price: Option<Money>,
    compare_at: Option<Money>,
    stock: Option<i64>,
    brand: Option<String>,
    images: BTreeMap<usize, String>,
    alts: BTreeMap<usize, String>,
    featured: Option<bool>,
    status: Option<Status>,
    options: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
    blank: BTreeSet<Column>,
}

type Outcome<T> = Result<T, (ErrorCode, String)>;

impl Draft {
    /// Takes one cell; blanks around the text do not count, and a cell of blanks is empty.
    pub(crate) fn put(
        &mut self,
        column: &Column,
        text: &str,
        currency: Currency,
    ) -> Result<(), CellError> {
        let text = text.trim();
        if text.is_empty() {
            self.blank.insert(column.clone());
            return Ok(());
        }

        self.read(column, text, currency).map_err(|(code, detail)| CellError {
            column: column.clone(),
            code,
            detail,
        })
    }

    fn read(&mut self, column: &Column, text: &str, currency: Currency) -> Outcome<()> {
        match column {
            Column::Sku => set(&mut self.sku, parsed(text, ErrorCode::InvalidSku)?),
            Column::Slug => set(&mut self.slug, parsed(text, ErrorCode::InvalidSlug)?),
            Column::Name => set(&mut self.name, one_line(text, NAME_MAX)?),
            Column::Description => set(&mut self.description, many_lines(text)?),
            Column::Category => set(&mut self.category, category_of(text)?),
            Column::Price => set(&mut self.price, price(text, currency)?),
            Column::CompareAt => set(&mut self.compare_at, price(text, currency)?),
            Column::Stock => set(&mut self.stock, stock(text)?),
            Column::Brand => set(&mut self.brand, one_line(text, VALUE_MAX)?),
            Column::Featured => set(&mut self.featured, boolean(text)?),
            Column::Status => set(&mut self.status, status(text)?),
            Column::Image(at) => add(&mut self.images, *at, address(text)?),
            Column::ImageAlt(at) => add(&mut self.alts, *at, one_line(text, ALT_MAX)?),
            Column::Option(name) => {
                add(&mut self.options, name.clone(), one_line(text, VALUE_MAX)?)?;
                at_most(self.options.len(), OPTIONS_MAX, "options")
            }
            Column::Attribute(name) => {
                add(&mut self.attributes, name.clone(), one_line(text, VALUE_MAX)?)?;
                at_most(self.attributes.len(), ATTRIBUTES_MAX, "attributes")
            }
        }
    }

    /// The row, if it has what every row must have. An alternative text without its picture is
    /// dropped: it describes nothing.
    pub(crate) fn finish(mut self, line: u64) -> Result<CatalogRow, CellError> {
        let images = self
            .images
            .into_iter()
            .map(|(at, url)| Image { url, alt: self.alts.remove(&at).unwrap_or_default() })
            .collect();

        let price = required(self.price, Column::Price)?;
        if self.compare_at.is_some_and(|before| before.amount <= price.amount) {
            return Err(CellError {
                column: Column::CompareAt,
                code: ErrorCode::InvalidPrice,
                detail: "the price before a reduction is above the price, or empty".to_owned(),
            });
        }

        Ok(CatalogRow {
            line,
            sku: required(self.sku, Column::Sku)?,
            slug: self.slug,
            name: required(self.name, Column::Name)?,
            description: self.description,
            category: required(self.category, Column::Category)?,
            price,
            compare_at: self.compare_at,
            stock: self.stock,
            brand: self.brand,
            images,
            featured: self.featured,
            status: self.status,
            options: self.options,
            attributes: self.attributes,
            blank: self.blank,
        })
    }
}

fn required<T>(value: Option<T>, column: Column) -> Result<T, CellError> {
    value.ok_or_else(|| CellError {
        detail: format!("a row must have a {column}"),
        code: ErrorCode::Missing,
        column,
    })
}

fn set<T>(field: &mut Option<T>, value: T) -> Outcome<()> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(given_twice()),
    }
}

fn add<K: Ord>(fields: &mut BTreeMap<K, String>, key: K, value: String) -> Outcome<()> {
    match fields.insert(key, value) {
        None => Ok(()),
        Some(_) => Err(given_twice()),
    }
}

fn given_twice() -> (ErrorCode, String) {
    (ErrorCode::DuplicateColumn, "the row gives it twice".to_owned())
}

fn at_most(count: usize, most: usize, what: &str) -> Outcome<()> {
    if count > most {
        return Err((ErrorCode::TooLong, format!("a row has at most {most} {what}")));
    }
    Ok(())
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str, code: ErrorCode) -> Outcome<T> {
    text.parse().map_err(|error: T::Err| (code, error.to_string()))
}

fn price(text: &str, currency: Currency) -> Outcome<Money> {
    Money::from_decimal(text, currency)
        .map_err(|error| (ErrorCode::InvalidPrice, error.to_string()))
}

/// A count; programs that know floats alone write `15.0`.
fn stock(text: &str) -> Outcome<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let count = whole.parse::<i64>().ok().filter(|count| *count <= STOCK_MAX);

    count.filter(|_| digits && zeros).ok_or_else(|| {
        let detail = format!("not a count between 0 and {STOCK_MAX}: {}", shown(text));
        (ErrorCode::InvalidStock, detail)
    })
}

fn boolean(text: &str) -> Outcome<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err((
            ErrorCode::InvalidBoolean,
            format!("not one of true, false, 1, 0, yes, no: {}", shown(text)),
        )),
    }
}

fn status(text: &str) -> Outcome<Status> {
    match text {
        "published" => Ok(Status::Published),
        "draft" => Ok(Status::Draft),
        _ => {
            Err((ErrorCode::InvalidStatus, format!("not one of published, draft: {}", shown(text))))
        }
    }
}

pub(crate) const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Published => "published",
        Status::Draft => "draft",
    }
}

/// A URL, a path or a file's name; never what a browser would run rather than fetch.
fn address(text: &str) -> Outcome<String> {
    let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();

    if ["javascript", "data", "vbscript"].contains(&scheme.as_str()) {
        return Err((ErrorCode::InvalidImage, "a picture is an http(s) URL or a path".to_owned()));
    }
    one_line(text, URL_MAX)
}

fn category_of(text: &str) -> Outcome<Vec<String>> {
    let path = category_path::from_text(text);

    if path.len() > category::DEPTH_MAX {
        let detail = format!("a category is at most {} levels deep", category::DEPTH_MAX);
        return Err((ErrorCode::InvalidCategory, detail));
    }
    for name in &path {
        if name.is_empty() {
            let detail = format!("a level of the path has no name: {}", shown(text));
            return Err((ErrorCode::InvalidCategory, detail));
        }
        one_line(name, NAME_MAX)?;
    }
    Ok(path)
}

fn one_line(text: &str, characters_max: usize) -> Outcome<String> {
    bounded(text, characters_max, char::is_control)
}

fn many_lines(text: &str) -> Outcome<String> {
    bounded(text, DESCRIPTION_MAX, |character| {
        character.is_control() && !matches!(character, '\n' | '\r' | '\t')
    })
}

fn bounded(text: &str, characters_max: usize, forbidden: fn(char) -> bool) -> Outcome<String> {
    if let Some(character) = text.chars().find(|character| forbidden(*character)) {
        let detail = format!("the control character {} can't be shown", character.escape_default());
        return Err((ErrorCode::ControlCharacter, detail));
    }
    let count = text.chars().count();
    if count > characters_max {
        let detail = format!("{count} characters, and at most {characters_max} are kept");
        return Err((ErrorCode::TooLong, detail));
    }

    Ok(text.to_owned())
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(column: &str, text: &str) -> Result<Draft, ErrorCode> {
        let mut draft = Draft::default();

        draft
            .put(&column.parse().unwrap(), text, Currency::USD)
            .map(|()| draft)
            .map_err(|error| error.code)
    }

    #[test]
    fn a_price_is_read_as_its_text() {
        assert_eq!(put("price", " 1999.0 ").unwrap().price.unwrap().amount, 199_900);
        assert_eq!(put("price", "$5").unwrap_err(), ErrorCode::InvalidPrice);
        assert_eq!(put("compare_at", "1.999").unwrap_err(), ErrorCode::InvalidPrice);
    }

    #[test]
    fn a_count_is_whole_and_not_below_zero() {
        assert_eq!(put("stock", "15.0").unwrap().stock, Some(15));
        assert_eq!(put("stock", "0").unwrap().stock, Some(0));
        for text in ["-1", "+1", "1.5", "1.", ".", ".0", "many", "99999999999999999999"] {
            assert_eq!(put("stock", text).unwrap_err(), ErrorCode::InvalidStock, "{text}");
        }
    }

    #[test]
    fn a_boolean_has_six_spellings() {
        for (text, value) in [
            ("true", true),
            ("YES", true),
            ("1", true),
            ("False", false),
            ("no", false),
            ("0", false),
        ] {
            assert_eq!(put("featured", text).unwrap().featured, Some(value), "{text}");
        }
        assert_eq!(put("featured", "maybe").unwrap_err(), ErrorCode::InvalidBoolean);
    }

    #[test]
    fn an_empty_cell_is_absent_and_known_to_be_empty() {
        let draft = put("brand", "  ").unwrap();

        assert_eq!(draft.brand, None);
        assert!(draft.blank.contains(&Column::Brand));
    }

    #[test]
    fn what_no_page_could_show_is_refused() {
        assert_eq!(put("name", "a\nb").unwrap_err(), ErrorCode::ControlCharacter);
        assert_eq!(put("description", "a\u{0}b").unwrap_err(), ErrorCode::ControlCharacter);
        assert!(put("description", "a\r\n\tb").is_ok());
        assert_eq!(put("image", "javascript:alert(1)").unwrap_err(), ErrorCode::InvalidImage);
        assert_eq!(put("name", &"é".repeat(201)).unwrap_err(), ErrorCode::TooLong);
        assert_eq!(put("category", "A > > B").unwrap_err(), ErrorCode::InvalidCategory);
        assert_eq!(
            put("category", "a > ".repeat(9).as_str()).unwrap_err(),
            ErrorCode::InvalidCategory
        );
    }
}
