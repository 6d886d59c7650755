//! Rows of a file of JSON lines: each line names its own columns.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, Seek};

use domain::Currency;
use domain::draft::IMAGES_MAX;

use super::{Warnings, named};
use crate::cell::{CellError, Draft};
use crate::json_record::{self, Value};
use crate::lines::{Lines, Taken};
use crate::{CatalogRow, Column, ErrorCode, FileError, Mapping, RowError, category_path};

/// A line needs not have every column; one that so many lines do not have, the file has not.
const LOOKED_AT: usize = 1_000;
/// So many distinct keys are remembered; a file with more has data for keys, and takes longer.
const KEYS_MAX: usize = 4_096;

#[derive(Debug)]
pub(super) struct JsonRows {
    mapping: Mapping,
    currency: Currency,
    /// What each key that came by gives us.
    known: HashMap<String, Vec<Column>>,
}

impl JsonRows {
    /// Looks at the first lines for the columns that the mapping and every row need, then goes
    /// back.
    pub(super) fn open<R: BufRead + Seek>(
        lines: &mut Lines<R>,
        mapping: &Mapping,
        currency: Currency,
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
        Ok(Self { mapping: mapping.clone(), currency, known: HashMap::new() })
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
                put(&mut draft, column, &value, self.currency)
                    .map_err(|error| named(line, error, &theirs))?;
            }
        }
        draft.finish(line).map_err(|error| {
            let ours = error.column.to_string();
            named(line, error, self.mapping.theirs(&ours))
        })
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

/// Puts a value where a cell goes; lists are for pictures and for the levels of a category.
fn put(
    draft: &mut Draft,
    column: &Column,
    value: &Value<'_>,
    currency: Currency,
) -> Result<(), CellError> {
    match (value, column) {
        (Value::Scalar(text), _) => draft.put(column, text, currency),
        (Value::List(levels), Column::Category) => {
            let path: Vec<String> = levels.iter().map(|level| level.trim().to_owned()).collect();
            draft.put(column, &category_path::to_text(&path), currency)
        }
        (Value::List(urls), Column::Image(0)) => put_list(draft, urls, Column::Image, currency),
        (Value::List(alts), Column::ImageAlt(0)) => {
            put_list(draft, alts, Column::ImageAlt, currency)
        }
        (Value::List(_) | Value::Other, _) => Err(CellError {
            column: column.clone(),
            code: ErrorCode::NotAValue,
            detail: "a list or an object stands where one value belongs".to_owned(),
        }),
    }
}

fn put_list(
    draft: &mut Draft,
    texts: &[Cow<'_, str>],
    column: fn(usize) -> Column,
    currency: Currency,
) -> Result<(), CellError> {
    if texts.len() > IMAGES_MAX {
        return Err(CellError {
            column: column(0),
            code: ErrorCode::TooLong,
            detail: format!("a product has at most {IMAGES_MAX} pictures"),
        });
    }
    if texts.is_empty() {
        return draft.put(&column(0), "", currency);
    }

    texts.iter().enumerate().try_for_each(|(at, text)| draft.put(&column(at), text, currency))
}
