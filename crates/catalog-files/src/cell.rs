//! From the cells of a row to a [`CatalogRow`]: every value is checked here and nowhere later.
//!
//! A wrong value in a required column refuses the row; in any other column the value is left out, with
//! a warning. A number that can be read in two ways refuses the row in every column: the file may be
//! in another notation, and `--decimal` then settles all of its rows.

mod value;

use std::collections::{BTreeMap, BTreeSet};

use domain::draft::{ALT_MAX, ATTRIBUTES_MAX, IMAGES_MAX, NAME_MAX, VALUE_MAX};
use domain::{Image, ImageUrl, Money, Sku, Slug, Status};

use self::value::{Outcome, Stock, category_of, many_lines, one_line, parsed, slug, status};
use crate::encoding::undo_double_encoding;
use crate::number::DecimalSign;
use crate::{CatalogRow, Column, ErrorCode, Notation, RowError, pictures};

pub(crate) use self::value::status_text;

/// Size, colour and length are three; a shopper can't choose from more than a few.
const OPTIONS_MAX: usize = 8;

/// What is wrong with one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellError {
    pub(crate) column: Column,
    pub(crate) code: ErrorCode,
    pub(crate) detail: String,
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    /// A number of JSON, whose notation is known.
    Number(&'a str),
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
    /// Read at the end: the row's prices show how it writes its numbers.
    stock: Option<Stock>,
    /// The decimal signs that the row's prices can't do without.
    signs: BTreeSet<DecimalSign>,
    brand: Option<String>,
    images: BTreeMap<usize, Vec<ImageUrl>>,
    alts: BTreeMap<usize, String>,
    featured: Option<bool>,
    status: Option<Status>,
    options: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
    blank: BTreeSet<Column>,
    warnings: Vec<CellError>,
}

impl<'a> Cell<'a> {
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) => text.trim(),
        }
    }
}

impl Draft {
    /// Takes one cell; blanks around the text do not count, and a cell of blanks is empty.
    pub(crate) fn put(
        &mut self,
        column: &Column,
        cell: Cell<'_>,
        notation: Notation,
    ) -> Result<(), CellError> {
        if cell.text().is_empty() {
            self.blank.insert(column.clone());
            return Ok(());
        }

        let read = self.read(column, cell, notation);
        read.or_else(|(code, detail)| self.fault(column, code, detail))
    }

    /// What is wrong with a column costs the row, or the row goes in without it.
    pub(crate) fn fault(
        &mut self,
        column: &Column,
        code: ErrorCode,
        detail: String,
    ) -> Result<(), CellError> {
        let fault = CellError { column: column.clone(), code, detail };
        let costs_the_row = Column::REQUIRED.contains(column)
            || matches!(code, ErrorCode::AmbiguousNumber | ErrorCode::DuplicateColumn);

        if costs_the_row {
            return Err(fault);
        }
        self.warnings.push(CellError { detail: format!("left out: {}", fault.detail), ..fault });
        Ok(())
    }

    fn warn(&mut self, column: Column, code: ErrorCode, detail: impl Into<String>) {
        self.warnings.push(CellError { column, code, detail: detail.into() });
    }

    fn read(&mut self, column: &Column, cell: Cell<'_>, notation: Notation) -> Outcome<()> {
        let text = cell.text();
        if let Some(meant) = undo_double_encoding(text) {
            let detail = format!(
                "the file was saved in the wrong encoding ({} should be {}); export it again and save \
                 it as UTF-8",
                value::shown(text),
                value::shown(&meant)
            );
            return Err((ErrorCode::WrongEncoding, detail));
        }

        match column {
            Column::Sku => set(&mut self.sku, parsed(text, ErrorCode::InvalidSku)?),
            Column::Slug => self.put_slug(text),
            Column::Name => set(&mut self.name, one_line(text, NAME_MAX)?),
            Column::Description => set(&mut self.description, many_lines(text)?),
            Column::Category => self.put_category(text),
            Column::Price => {
                let price = self.amount(cell, notation)?;
                self.put_price(price)
            }
            Column::CompareAt => {
                let before = self.amount(cell, notation)?;
                set(&mut self.compare_at, before)
            }
            Column::Stock => set(&mut self.stock, Stock::of(cell, notation)),
            Column::Brand => set(&mut self.brand, one_line(text, VALUE_MAX)?),
            Column::Featured => set(&mut self.featured, value::boolean(text)?),
            Column::Status => self.put_status(text),
            Column::Image(at) => self.put_images(*at, text),
            Column::ImageAlt(at) => add(&mut self.alts, *at, one_line(text, ALT_MAX * IMAGES_MAX)?),
            Column::Option(name) => {
                let value = one_line(text, VALUE_MAX)?;
                room(&self.options, OPTIONS_MAX, "options")?;
                add(&mut self.options, name.clone(), value)
            }
            Column::Attribute(name) => {
                let value = one_line(text, VALUE_MAX)?;
                room(&self.attributes, ATTRIBUTES_MAX, "attributes")?;
                add(&mut self.attributes, name.clone(), value)
            }
        }
    }

    /// A price as an amount of the API: `{"amount":1999,"currency":"USD"}`.
    pub(crate) fn put_money(&mut self, column: &Column, money: Money) -> Result<(), CellError> {
        let put = match column {
            Column::CompareAt => set(&mut self.compare_at, money),
            _ => self.put_price(money),
        };
        put.or_else(|(code, detail)| self.fault(column, code, detail))
    }

    fn put_price(&mut self, price: Money) -> Outcome<()> {
        if price.amount == 0 {
            self.warn(Column::Price, ErrorCode::ZeroPrice, "the price is zero");
        }
        set(&mut self.price, price)
    }

    fn amount(&mut self, cell: Cell<'_>, notation: Notation) -> Outcome<Money> {
        let (money, sign) = value::price(cell, notation)?;
        self.signs.extend(sign);
        Ok(money)
    }

    fn put_slug(&mut self, text: &str) -> Outcome<()> {
        let read = slug(text)?;
        if read.as_str() != text {
            let detail = format!("read as {read}: {}", value::shown(text));
            self.warn(Column::Slug, ErrorCode::InvalidSlug, detail);
        }
        set(&mut self.slug, read)
    }

    fn put_category(&mut self, text: &str) -> Outcome<()> {
        let cell = category_of(text)?;
        if !cell.further.is_empty() {
            let further = value::shown(&cell.further.join(", "));
            let detail = format!("only the first category is used; ignored: {further}");
            self.warn(Column::Category, ErrorCode::InvalidCategory, detail);
        }
        if cell.may_be_a_list {
            let detail = format!(
                "read as one category name; if it is a list, keep only the first: {}",
                value::shown(text)
            );
            self.warn(Column::Category, ErrorCode::InvalidCategory, detail);
        }
        set(&mut self.category, cell.path)
    }

    fn put_status(&mut self, text: &str) -> Outcome<()> {
        let read = status(text);
        if read.is_none() {
            let detail =
                format!("unknown status, so the product is a draft: {}", value::shown(text));
            self.warn(Column::Status, ErrorCode::InvalidStatus, detail);
        }
        set(&mut self.status, read.unwrap_or(Status::Draft))
    }

    fn put_images(&mut self, at: usize, text: &str) -> Outcome<()> {
        let mut urls = Vec::new();
        for address in pictures::split(text) {
            match address.parse() {
                Ok(url) => urls.push(url),
                Err(error) => {
                    let error: domain::InvalidImageUrl = error;
                    self.warn(
                        Column::Image(at),
                        ErrorCode::InvalidImage,
                        format!("left out: {error}"),
                    );
                }
            }
        }
        match self.images.insert(at, urls) {
            None => Ok(()),
            Some(_) => Err(given_twice()),
        }
    }

    /// The row, if it has what every row must have; its warnings by our names of the columns.
    pub(crate) fn finish(mut self, line: u64) -> Result<(CatalogRow, Vec<CellError>), CellError> {
        let price = required(self.price, Column::Price)?;
        let stock = self.counted()?;
        self.check_reduction(price);
        let images = self.pictures();

        let row = CatalogRow {
            line,
            sku: required(self.sku, Column::Sku)?,
            slug: self.slug,
            name: required(self.name, Column::Name)?,
            description: self.description,
            category: required(self.category, Column::Category)?,
            price,
            compare_at: self.compare_at,
            stock,
            brand: self.brand,
            images,
            featured: self.featured,
            status: self.status,
            options: self.options,
            attributes: self.attributes,
            blank: self.blank,
            warnings: Vec::new(),
        };
        Ok((row, self.warnings))
    }

    fn counted(&mut self) -> Result<Option<i64>, CellError> {
        let Some(stock) = self.stock.take() else { return Ok(None) };

        let shown = if self.signs.len() == 1 { self.signs.first().copied() } else { None };
        match stock.count(shown) {
            Ok((count, None)) => Ok(Some(count)),
            Ok((count, Some(warning))) => {
                self.warn(Column::Stock, ErrorCode::InvalidStock, warning);
                Ok(Some(count))
            }
            Err((code, detail)) => self.fault(&Column::Stock, code, detail).map(|()| None),
        }
    }

    /// A price before a reduction that is not higher than the price means that there is no reduction.
    fn check_reduction(&mut self, price: Money) {
        let Some(before) = self.compare_at.filter(|before| before.amount <= price.amount) else {
            return;
        };
        self.compare_at = None;
        self.blank.insert(Column::CompareAt);
        let detail = format!(
            "left out: {} is not higher than the price, {}",
            before.to_decimal(),
            price.to_decimal()
        );
        self.warn(Column::CompareAt, ErrorCode::InvalidPrice, detail);
    }

    /// Each with its alternative text; a text without a picture is dropped.
    fn pictures(&mut self) -> Vec<Image> {
        let mut images = Vec::new();
        let mut alts = std::mem::take(&mut self.alts);
        for (at, urls) in std::mem::take(&mut self.images) {
            let alt = alts.remove(&at).unwrap_or_default();
            let alts = pictures::split_alts(&alt, urls.len()).unwrap_or_else(|| vec![alt]);
            let alts = alts.into_iter().chain(std::iter::repeat(String::new()));
            images.extend(urls.into_iter().zip(alts).map(|(url, alt)| (at, Image { url, alt })));
        }

        for (at, image) in &mut images {
            if !image.alt.is_empty()
                && let Err((code, detail)) = one_line(&image.alt, ALT_MAX)
            {
                image.alt.clear();
                self.warn(Column::ImageAlt(*at), code, format!("left out: {detail}"));
            }
        }
        if images.len() > IMAGES_MAX {
            let detail =
                format!("a product has at most {IMAGES_MAX} pictures: the rest is left out");
            self.warn(Column::Image(0), ErrorCode::TooLong, detail);
        }
        images.into_iter().take(IMAGES_MAX).map(|(_, image)| image).collect()
    }
}

impl CellError {
    /// As an error of its row, with the column as the file calls it.
    pub(crate) fn of_row(self, line: u64, theirs: &str) -> RowError {
        RowError::new(line, self.code, self.detail).in_column(theirs)
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
    (ErrorCode::DuplicateColumn, "given twice in this row".to_owned())
}

fn room<K>(fields: &BTreeMap<K, String>, most: usize, what: &str) -> Outcome<()> {
    if fields.len() >= most {
        return Err((ErrorCode::TooLong, format!("a row has at most {most} {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
