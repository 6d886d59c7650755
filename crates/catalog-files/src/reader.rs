//! Reads a catalogue file row by row.

mod csv_rows;
mod json_rows;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use self::csv_rows::CsvRows;
use self::json_rows::JsonRows;
use crate::csv_record::{self, Record, TOO_LONG};
use crate::error::shown;
use crate::format::BOM;
use crate::lines::{Lines, Taken, without_end};
use crate::mapping::{Mapping, Warning};
use crate::seen::SeenSkus;
use crate::{CatalogFile, CatalogRow, Column, ErrorCode, FileError, Format, Notation, RowError};

/// So many ignored columns are named.
const WARNINGS_MAX: usize = 100;

/// A catalogue file, open for reading.
///
/// Memory is bounded by the longest row (1 MiB) and 16 bytes for each row read so far, by which a SKU
/// that comes twice is found.
#[derive(Debug)]
pub struct CatalogReader<R> {
    lines: Lines<R>,
    size_bytes: u64,
    rows: Rows,
    seen: SeenSkus,
    buffer: Vec<u8>,
    warnings: Warnings,
}

#[derive(Debug)]
enum Rows {
    Csv(CsvRows),
    Json(JsonRows),
}

/// Warnings that were not taken yet.
#[derive(Debug, Default)]
struct Warnings {
    waiting: Vec<Warning>,
    count: usize,
}

impl CatalogReader<BufReader<File>> {
    /// Opens a file that writes its numbers in `notation`. Everything that is wrong with the file or
    /// the mapping as a whole is found here.
    pub fn open(
        path: &Path,
        mapping: &Mapping,
        notation: impl Into<Notation>,
    ) -> Result<Self, FileError> {
        Self::open_file(&CatalogFile::At(path.to_owned()), mapping, notation)
    }

    pub(crate) fn open_file(
        file: &CatalogFile,
        mapping: &Mapping,
        notation: impl Into<Notation>,
    ) -> Result<Self, FileError> {
        let mut input = BufReader::with_capacity(1 << 16, file.open()?);
        let format = match file {
            CatalogFile::At(path) => Format::of(path, input.fill_buf()?)?,
            CatalogFile::Open(_, format) => *format,
        };

        Self::new(input, format, mapping, notation)
    }

    /// Opens a file where an earlier reader stopped at `position`. The rows before it are looked
    /// through again for their SKUs, which takes a second for some hundred thousand of them.
    pub fn open_at(
        path: &Path,
        mapping: &Mapping,
        notation: impl Into<Notation>,
        position: u64,
    ) -> Result<Self, FileError> {
        Self::open(path, mapping, notation)?.gone_on(position)
    }

    pub(crate) fn gone_on(self, position: u64) -> Result<Self, FileError> {
        let mut reader = self;

        while reader.position() < position && reader.next_row()?.is_some() {}
        if reader.position() == position { Ok(reader) } else { Err(FileError::NotARow(position)) }
    }
}

impl<R: BufRead + Seek> CatalogReader<R> {
    pub fn new(
        mut input: R,
        format: Format,
        mapping: &Mapping,
        notation: impl Into<Notation>,
    ) -> Result<Self, FileError> {
        let notation = notation.into();
        let size_bytes = input.seek(SeekFrom::End(0))?;
        input.seek(SeekFrom::Start(0))?;
        let start = start_of_text(&mut input)?;
        input.seek(SeekFrom::Start(start))?;
        let mut lines = Lines::new(input, start);
        let mut warnings = Warnings::default();

        let rows = match format {
            Format::Csv => Rows::Csv(CsvRows::open(&mut lines, mapping, notation, &mut warnings)?),
            Format::JsonLines => Rows::Json(JsonRows::open(&mut lines, mapping, notation)?),
        };
        let (seen, buffer) = (SeenSkus::default(), Vec::new());
        Ok(Self { lines, size_bytes, rows, seen, buffer, warnings })
    }

    /// The byte behind the last row that was read: where [`Self::open_at`] goes on.
    pub const fn position(&self) -> u64 {
        self.lines.place().offset
    }

    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The warnings since the last call; each column is named once.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings.waiting)
    }

    /// The beginning of the last row as it stands in the file.
    pub fn raw(&self) -> String {
        shown(&self.buffer)
    }

    /// The next row: as it was read, or why it is refused. `None` at the end of the file.
    pub fn next_row(&mut self) -> Result<Option<Result<CatalogRow, RowError>>, FileError> {
        loop {
            let line = self.lines.place().line;
            let row = match self.take_record()? {
                Record::End => return Ok(None),
                Record::Row if self.is_blank() => continue,
                Record::Row => self.read_row(line)?,
                Record::Bad(code, detail) => Err(RowError::new(line, code, detail)),
            };

            return Ok(Some(match row {
                Ok(mut row) => {
                    for warning in &mut row.warnings {
                        warning.raw = shown(&self.buffer);
                    }
                    Ok(row)
                }
                Err(error) => Err(error.of_row(&self.buffer)),
            }));
        }
    }

    /// A line without text, or a row whose cells are all empty: spreadsheets leave both behind.
    fn is_blank(&self) -> bool {
        let delimiter = match &self.rows {
            Rows::Csv(rows) => rows.delimiter(),
            Rows::Json(_) => b' ',
        };
        self.buffer.iter().all(|byte| byte.is_ascii_whitespace() || *byte == delimiter)
    }

    fn take_record(&mut self) -> Result<Record, FileError> {
        if let Rows::Csv(rows) = &self.rows {
            return Ok(csv_record::take(&mut self.lines, &mut self.buffer, rows.delimiter())?);
        }
        self.buffer.clear();

        Ok(match self.lines.append(&mut self.buffer)? {
            Taken::End => Record::End,
            Taken::Line => Record::Row,
            Taken::TooLong => Record::Bad(ErrorCode::RowTooLong, TOO_LONG),
        })
    }

    fn read_row(&mut self, line: u64) -> Result<Result<CatalogRow, RowError>, FileError> {
        let Ok(text) = str::from_utf8(without_end(&self.buffer)) else {
            return Ok(Err(RowError::new(line, ErrorCode::NotUtf8, "the row is not UTF-8")));
        };
        let row = match &mut self.rows {
            Rows::Csv(rows) => rows.read(text, line),
            Rows::Json(rows) => rows.read(text, line, &mut self.warnings),
        };

        match row {
            Ok(row) if !self.seen.insert(&row.sku)? => Ok(Err(RowError::new(
                line,
                ErrorCode::DuplicateSku,
                format!("an earlier row of the file has the SKU {}", row.sku),
            )
            .in_column(Column::Sku.to_string()))),
            row => Ok(row),
        }
    }
}

impl Warnings {
    fn add(&mut self, warning: Warning) {
        self.count += 1;
        match self.count {
            ..=WARNINGS_MAX => self.waiting.push(warning),
            count if count == WARNINGS_MAX + 1 => self.waiting.push(Warning::IgnoredMore),
            _ => {}
        }
    }
}

/// The offset behind a byte order mark.
fn start_of_text(input: &mut impl Read) -> Result<u64, FileError> {
    let mut head = Vec::new();
    input.take(BOM.len() as u64).read_to_end(&mut head)?;

    match head.as_slice() {
        BOM => Ok(BOM.len() as u64),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(FileError::Utf16),
        _ => Ok(0),
    }
}
