//! Rows of a file of JSON lines: each line names its own columns.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, Seek};

use domain::Money;
use domain::draft::IMAGES_MAX;
use serde_json::value::RawValue;

use super::Warnings;
use crate::cell::{Cell, CellError, Draft};
use crate::json_record::{self, Value};
use crate::lines::{Lines, Taken};
use crate::{CatalogRow, Column, ErrorCode, FileError, Mapping, Notation, RowError, category_path};

/// A line needs not have every column; one that so many lines do not have, the file has not.
const LOOKED_AT: usize = 1_000;
/// So many distinct keys are remembered; a file with more has data for keys, and takes longer.
const KEYS_MAX: usize = 4_096;

#[derive(Debug)]
pub(super) struct JsonRows {
    mapping: Mapping,
    notation: Notation,
    /// What each key that came by gives us.
    known: HashMap<String, Vec<Column>>,
}

impl JsonRows {
    /// Looks at the first lines for the columns that the mapping and every row need, then goes
    /// back.
    pub(super) fn open<R: BufRead + Seek>(
        lines: &mut Lines<R>,
        mapping: &Mapping,
        notation: Notation,
    ) -> Result<Self, FileError> {
        let start = lines.place();
        let mut file = BTreeSet::new();
        let (mut buffer, mut objects) = (Vec::new(), 0);

        for _ in 0..LOOKED_AT {
            buffer.clear();
            if lines.append(&mut buffer)? == Taken::End {
                break;
            }
            if objects == 0 && buffer.trim_ascii_start().starts_with(b"[") {
                return Err(FileError::JsonArray);
            }
            let text = str::from_utf8(&buffer).unwrap_or("");
            let Ok(columns) = json_record::columns(text, mapping) else { continue };
            objects += 1;
            let room = KEYS_MAX.saturating_sub(file.len());
            file.extend(columns.into_iter().take(room).map(|(theirs, _)| theirs.into_owned()));
        }
        // Where no row can be read each of them is refused by itself, which says more.
        if objects > 0 {
            mapping.check(&file)?;
        }

        lines.go_to(start)?;
        Ok(Self { mapping: mapping.clone(), notation, known: HashMap::new() })
    }

    pub(super) fn read(
        &mut self,
        text: &str,
        line: u64,
        warnings: &mut Warnings,
    ) -> Result<CatalogRow, RowError> {
        let malformed = |detail: String| RowError::new(line, ErrorCode::MalformedJson, detail);
        let columns = json_record::columns(text, &self.mapping).map_err(malformed)?;
        let mut draft = Draft::default();

        for (theirs, raw) in columns {
            let ours = self.ours(&theirs, warnings);
            if ours.is_empty() {
                continue;
            }
            let value = json_record::value(raw)
                .map_err(|detail| malformed(detail).in_column(theirs.clone()))?;
            for column in &ours {
                put(&mut draft, column, (raw, &value), self.notation)
                    .map_err(|error| error.of_row(line, &theirs))?;
            }
        }
        let named = |error: CellError| {
            let ours = error.column.to_string();
            error.of_row(line, self.mapping.theirs(&ours))
        };
        let (row, warnings) = draft.finish(line).map_err(named)?;

        Ok(CatalogRow { warnings: warnings.into_iter().map(named).collect(), ..row })
    }

    /// What a key gives us; the first row that has an ignored one warns of it.
    fn ours(&mut self, theirs: &str, warnings: &mut Warnings) -> Vec<Column> {
        if let Some(ours) = self.known.get(theirs) {
            return ours.clone();
        }
        let ours = self.mapping.columns_of(theirs).unwrap_or_else(|warning| {
            warnings.add(warning);
            Vec::new()
        });

        if self.known.len() < KEYS_MAX {
            self.known.insert(theirs.to_owned(), ours.clone());
        }
        ours
    }
}

/// Puts a value where a cell goes. Lists are for pictures and for the levels of a category, objects
/// for prices as the API writes them and for pictures with their texts.
fn put(
    draft: &mut Draft,
    column: &Column,
    (raw, value): (&RawValue, &Value<'_>),
    notation: Notation,
) -> Result<(), CellError> {
    match (value, column) {
        (Value::Scalar(text), _) => draft.put(column, Cell::Text(text), notation),
        (Value::Number(text), _) => draft.put(column, Cell::Number(text), notation),
        (Value::List(levels), Column::Category) => {
            let path: Vec<String> = levels.iter().map(|level| level.trim().to_owned()).collect();
            draft.put(column, Cell::Text(&category_path::to_text(&path)), notation)
        }
        (Value::List(urls), Column::Image(0)) => put_list(draft, urls, Column::Image, notation),
        (Value::List(alts), Column::ImageAlt(0)) => {
            put_list(draft, alts, Column::ImageAlt, notation)
        }
        (Value::Other, Column::Image(0)) => match json_record::pictures(raw) {
            Some((urls, alts)) => {
                put_list(draft, &urls, Column::Image, notation)?;
                put_list(draft, &alts, Column::ImageAlt, notation)
            }
            None => not_a_value(draft, column),
        },
        (Value::Other, Column::Price | Column::CompareAt) => {
            match serde_json::from_str::<Money>(raw.get()) {
                Ok(money) if money.currency == notation.currency => draft.put_money(column, money),
                _ => not_a_value(draft, column),
            }
        }
        (Value::List(_) | Value::Other, _) => not_a_value(draft, column),
    }
}

fn not_a_value(draft: &mut Draft, column: &Column) -> Result<(), CellError> {
    let detail = "expected one value, found a list or an object".to_owned();

    draft.fault(column, ErrorCode::NotAValue, detail)
}

fn put_list(
    draft: &mut Draft,
    texts: &[Cow<'_, str>],
    column: fn(usize) -> Column,
    notation: Notation,
) -> Result<(), CellError> {
    if texts.is_empty() {
        return draft.put(&column(0), Cell::Text(""), notation);
    }
    if texts.len() > IMAGES_MAX {
        let detail = format!("a product has at most {IMAGES_MAX} pictures: the rest");
        draft.fault(&column(0), ErrorCode::TooLong, detail)?;
    }

    let mut kept = texts.iter().take(IMAGES_MAX).enumerate();
    kept.try_for_each(|(at, text)| draft.put(&column(at), Cell::Text(text), notation))
}
