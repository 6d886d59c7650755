//! What is wrong with a file as a whole, and what is wrong with one row of it.

use std::fmt;
use std::io::{self, Write};

use domain::Currency;
use serde::{Deserialize, Serialize};

use crate::column::InvalidColumn;

/// As much of a bad row as is shown, in characters: enough to recognise it.
const RAW_MAX: usize = 500;

/// Nothing of the file, or nothing more of it, can be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{0}")]
    Column(#[from] InvalidColumn),
    #[error("--map takes OURS=THEIRS, not: {0}")]
    Mapping(String),
    #[error("--map names {0} twice")]
    MappedTwice(String),
    #[error("--map {ours}={theirs}: the file has no column {theirs} (it has {has})")]
    NoSuchColumn { ours: String, theirs: String, has: String },
    #[error("the file has no column for {missing} (it has {has}); name it with --map{hint}")]
    MissingColumns { missing: String, has: String, hint: String },
    #[error("the header names the column {0} twice")]
    RepeatedColumn(String),
    #[error("unknown file format: name the file .csv or .jsonl")]
    UnknownFormat,
    #[error(
        "the file is one JSON array; it must have one object a line (`jq -c '.[]'` makes it so)"
    )]
    JsonArray,
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    #[error("the header is not UTF-8")]
    HeaderEncoding,
    #[error("the header can't be read: {0}")]
    Header(&'static str),
    #[error("the file has more than {0} rows; split it")]
    TooManyRows(usize),
    #[error("no row begins at byte {0}: the file has changed since the import was started")]
    NotARow(u64),
    #[error("prices of {row} can't be written to a file in {file}")]
    Currency { row: Currency, file: Currency },
    #[error("column {0} was not announced before the first row")]
    UnannouncedColumn(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why a row was refused; its text is stable, for programs that read the file of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A required value is empty or absent.
    Missing,
    InvalidSku,
    InvalidSlug,
    InvalidCategory,
    InvalidPrice,
    /// As a warning: a price of zero, which may be meant.
    ZeroPrice,
    InvalidStock,
    /// A number that can be read in two ways.
    AmbiguousNumber,
    InvalidBoolean,
    InvalidStatus,
    InvalidImage,
    /// Longer, or more of them, than the shop keeps.
    TooLong,
    /// A character that can't be shown, or that turns the text around it.
    ControlCharacter,
    /// Nothing of the text can be seen.
    Invisible,
    /// A list or an object where one value belongs.
    NotAValue,
    /// Another row of the file has the SKU.
    DuplicateSku,
    /// One row gives the same column twice.
    DuplicateColumn,
    /// More or fewer cells than the header.
    ColumnCount,
    MalformedQuotes,
    MalformedJson,
    NotUtf8,
    /// As a warning: another row of the product says otherwise, and counts.
    DiffersFromProduct,
    /// The text was encoded as UTF-8 twice: `KÃ¤se` for `Käse`.
    WrongEncoding,
    RowTooLong,
    /// The row can't go in beside what is in the store.
    Conflict,
}

/// One row that was refused; or, as a warning, one that went in without the value of a column, or
/// with another one than it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Where the row begins in its file, from 1.
    pub line: u64,
    /// The column by its name in the file, where one is at fault.
    pub column: Option<String>,
    pub code: ErrorCode,
    pub detail: String,
    /// The beginning of the row as it stands in the file.
    pub raw: String,
}

impl RowError {
    pub fn new(line: u64, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { line, column: None, code, detail: detail.into(), raw: String::new() }
    }

    pub(crate) fn in_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    pub(crate) fn of_row(mut self, row: &[u8]) -> Self {
        self.raw = shown(row);
        self
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: ", self.line)?;
        if let Some(column) = &self.column {
            write!(formatter, "{column}: ")?;
        }
        formatter.write_str(&self.detail)
    }
}

/// The beginning of a row, as text.
pub(crate) fn shown(row: &[u8]) -> String {
    // Four bytes are the longest character; what is cut off is never shown.
    let head = &row[..row.len().min(RAW_MAX * 4)];

    String::from_utf8_lossy(head).trim_end().chars().take(RAW_MAX).collect()
}

/// Writes refused rows, or warnings, as JSON lines: `{"line","column","code","detail","raw"}`.
#[derive(Debug)]
pub struct RowErrors<W> {
    out: W,
    count: u64,
}

impl<W: Write> RowErrors<W> {
    pub const fn new(out: W) -> Self {
        Self { out, count: 0 }
    }

    /// Writes the line through to `out`'s end: a run that is killed has told what it has read.
    pub fn write(&mut self, error: &RowError) -> io::Result<()> {
        let mut line = serde_json::to_vec(error)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        self.count += 1;
        Ok(())
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_is_one_line_that_names_line_column_code_and_reason() {
        let mut errors = RowErrors::new(Vec::new());
        let error = RowError::new(7, ErrorCode::InvalidPrice, "not a decimal amount: $5")
            .in_column("Price")
            .of_row(b"A-1,\"two\nlines\",$5\r\n");

        errors.write(&error).unwrap();

        assert_eq!(error.to_string(), "line 7: Price: not a decimal amount: $5");
        assert_eq!(
            String::from_utf8(errors.finish().unwrap()).unwrap(),
            "{\"line\":7,\"column\":\"Price\",\"code\":\"invalid_price\",\
             \"detail\":\"not a decimal amount: $5\",\"raw\":\"A-1,\\\"two\\nlines\\\",$5\"}\n"
        );
    }

    #[test]
    fn only_the_beginning_of_a_long_row_is_kept() {
        let row = "é".repeat(1 << 20);

        let error = RowError::new(1, ErrorCode::RowTooLong, "").of_row(row.as_bytes());

        assert_eq!(error.raw.chars().count(), RAW_MAX);
    }
}
