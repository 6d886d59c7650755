//! Writes catalogue rows with just the columns that import reads by itself.
//!
//! A cell is written as it is, also one that begins with `=`, `+`, `-` or `@`. A spreadsheet may take
//! such a text for a formula; a mark before it would come back as part of the text at the next
//! import, and what is written here must read back equal.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use domain::{Money, Sku, Slug};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cell::status_text;
use crate::{CatalogRow, Column, FileError, Format, category_path, pictures};

/// What a CSV file needs to know of all of its rows before it writes the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvColumns {
    images: usize,
    options: BTreeSet<String>,
    attributes: BTreeSet<String>,
}

/// Writes rows, CSV or JSON lines.
#[derive(Debug)]
pub struct RowWriter<W: Write>(Shape<W>);

#[derive(Debug)]
enum Shape<W: Write> {
    Csv { out: Box<csv::Writer<W>>, columns: Vec<Column> },
    JsonLines(W),
}

impl CsvColumns {
    pub fn observe(&mut self, row: &CatalogRow) {
        self.observe_fields(row.images.len(), [&row.attributes], [&row.options]);
    }

    pub(crate) fn observe_fields<'a>(
        &mut self,
        images: usize,
        attributes: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
        options: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
    ) {
        self.images = self.images.max(images);
        attributes.into_iter().for_each(|values| extend(&mut self.attributes, values));
        options.into_iter().for_each(|values| extend(&mut self.options, values));
    }

    fn all(self) -> Vec<Column> {
        let mut columns = vec![
            Column::Sku,
            Column::Slug,
            Column::Name,
            Column::Description,
            Column::Category,
            Column::Price,
            Column::CompareAt,
            Column::Stock,
            Column::Brand,
        ];

        for at in 0..self.images.max(1) {
            columns.extend([Column::Image(at), Column::ImageAlt(at)]);
        }
        columns.extend([Column::Featured, Column::Status]);
        columns.extend(self.options.into_iter().map(Column::Option));
        columns.extend(self.attributes.into_iter().map(Column::Attribute));
        columns
    }
}

fn extend(names: &mut BTreeSet<String>, values: &BTreeMap<String, String>) {
    for name in values.keys() {
        if !names.contains(name) {
            names.insert(name.clone());
        }
    }
}

impl<W: Write> RowWriter<W> {
    /// Begins a file. `columns` must have observed every row that a CSV file will hold; JSON lines
    /// do without.
    pub fn new(out: W, format: Format, columns: CsvColumns) -> Result<Self, FileError> {
        match format {
            Format::Csv => Self::csv(out, columns),
            Format::JsonLines => Ok(Self::json_lines(out)),
        }
    }

    pub fn csv(out: W, columns: CsvColumns) -> Result<Self, FileError> {
        let mut out = Box::new(csv::Writer::from_writer(out));
        let columns = columns.all();

        out.write_record(columns.iter().map(Column::to_string)).map_err(io)?;
        Ok(Self(Shape::Csv { out, columns }))
    }

    pub const fn json_lines(out: W) -> Self {
        Self(Shape::JsonLines(out))
    }

    pub fn write(&mut self, row: &CatalogRow) -> Result<(), FileError> {
        match &mut self.0 {
            Shape::Csv { out, columns } => {
                announced(row, columns)?;
                for column in columns.iter() {
                    out.write_field(cell(row, column)).map_err(io)?;
                }
                out.write_record(None::<&[u8]>).map_err(io)
            }
            Shape::JsonLines(out) => {
                serde_json::to_writer(&mut *out, &Line::of(row)).map_err(std::io::Error::from)?;
                Ok(out.write_all(b"\n")?)
            }
        }
    }

    pub fn finish(self) -> Result<W, FileError> {
        match self.0 {
            Shape::Csv { out, .. } => {
                out.into_inner().map_err(|error| FileError::Io(error.into_error()))
            }
            Shape::JsonLines(mut out) => {
                out.flush()?;
                Ok(out)
            }
        }
    }
}

fn io(error: csv::Error) -> FileError {
    FileError::Io(error.into())
}

fn announced(row: &CatalogRow, columns: &[Column]) -> Result<(), FileError> {
    let options = row.options.keys().map(|name| Column::Option(name.clone()));
    let attributes = row.attributes.keys().map(|name| Column::Attribute(name.clone()));
    let last_picture = row.images.len().checked_sub(1).map(Column::Image);
    let mut needed = options.chain(attributes).chain(last_picture);

    match needed.find(|column| !columns.contains(column)) {
        Some(column) => Err(FileError::UnannouncedColumn(column.to_string())),
        None => Ok(()),
    }
}

fn cell(row: &CatalogRow, column: &Column) -> String {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();

    match column {
        Column::Sku => row.sku.to_string(),
        Column::Slug => text(row.slug.as_ref().map(Slug::as_str)),
        Column::Name => row.name.clone(),
        Column::Description => text(row.description.as_deref()),
        Column::Category => category_path::to_text(&row.category),
        Column::Price => decimal(row.price),
        Column::CompareAt => row.compare_at.map(decimal).unwrap_or_default(),
        Column::Stock => row.stock.map(|count| count.to_string()).unwrap_or_default(),
        Column::Brand => text(row.brand.as_deref()),
        Column::Image(at) => {
            row.images.get(*at).map(|image| pictures::to_cell(&image.url)).unwrap_or_default()
        }
        Column::ImageAlt(at) => text(row.images.get(*at).map(|image| image.alt.as_str())),
        Column::Featured => row.featured.map(|featured| featured.to_string()).unwrap_or_default(),
        Column::Status => text(row.status.map(status_text)),
        Column::Option(name) => text(row.options.get(name).map(String::as_str)),
        Column::Attribute(name) => text(row.attributes.get(name).map(String::as_str)),
    }
}

/// An amount that reads in one way: behind exactly three decimals, which could be taken for a group
/// of thousands (`1.250` dinars), stands a zero more.
fn decimal(money: Money) -> String {
    let text = money.to_decimal();

    if money.currency.exponent() == 3 { format!("{text}0") } else { text }
}

/// A row as a JSON line; what is absent is left out.
#[derive(Serialize)]
struct Line<'a> {
    sku: &'a Sku,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'a Slug>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    category: String,
    price: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare_at: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stock: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<&'a str>,
    #[serde(skip_serializing_if = "Pictures::is_empty")]
    image: Pictures<'a>,
    #[serde(skip_serializing_if = "Pictures::is_empty")]
    image_alt: Pictures<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    featured: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
}

/// One text for one picture, a list for several.
#[derive(Serialize)]
#[serde(untagged)]
enum Pictures<'a> {
    One(Cow<'a, str>),
    Several(Vec<Cow<'a, str>>),
}

impl<'a> Pictures<'a> {
    fn of(texts: Vec<Cow<'a, str>>) -> Self {
        match <[_; 1]>::try_from(texts) {
            Ok([one]) => Self::One(one),
            Err(texts) => Self::Several(texts),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::One(text) => text.is_empty(),
            Self::Several(texts) => texts.iter().all(|text| text.is_empty()),
        }
    }
}

impl<'a> Line<'a> {
    fn of(row: &'a CatalogRow) -> Self {
        Self {
            sku: &row.sku,
            slug: row.slug.as_ref(),
            name: &row.name,
            description: row.description.as_deref(),
            category: category_path::to_text(&row.category),
            price: number(row.price),
            compare_at: row.compare_at.map(number),
            stock: row.stock,
            brand: row.brand.as_deref(),
            image: Pictures::of(
                row.images.iter().map(|image| pictures::to_cell(&image.url).into()).collect(),
            ),
            image_alt: Pictures::of(
                row.images.iter().map(|image| image.alt.as_str().into()).collect(),
            ),
            featured: row.featured,
            status: row.status.map(status_text),
            options: &row.options,
            attributes: &row.attributes,
        }
    }
}

/// A JSON number with the decimals of its currency.
fn number(money: Money) -> Box<RawValue> {
    RawValue::from_string(money.to_decimal()).expect("a decimal of digits and a dot is JSON")
}
