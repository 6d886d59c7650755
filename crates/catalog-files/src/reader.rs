//! Reads a catalogue file row by row.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use domain::Currency;
use domain::draft::IMAGES_MAX;

use crate::cell::{CellError, Draft};
use crate::csv_record::{self, Record, TOO_LONG};
use crate::error::shown;
use crate::json_record::{self, Value};
use crate::lines::{Lines, Taken, without_end};
use crate::mapping::{Mapping, Warning};
use crate::seen::SeenSkus;
use crate::{CatalogRow, Column, ErrorCode, FileError, Format, RowError, category_path};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// A JSON line needs not have every column; one that so many rows do not have, the file has not.
const LOOKED_AT: usize = 1_000;
/// So many distinct names of JSON keys are remembered; a file with more has data for keys.
const KEYS_MAX: usize = 4_096;
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
    columns: Columns,
    mapping: Mapping,
    currency: Currency,
    seen: SeenSkus,
    buffer: Vec<u8>,
    warnings: Vec<Warning>,
    warned: usize,
}

#[derive(Debug)]
enum Columns {
    Csv {
        delimiter: u8,
        bound: Vec<Bound>,
        width: usize,
    },
    /// What each key that came by gives us.
    Json(HashMap<String, Vec<Column>>),
}

/// A column of the file that gives us something.
#[derive(Debug)]
struct Bound {
    at: usize,
    theirs: String,
    ours: Vec<Column>,
}

impl CatalogReader<BufReader<File>> {
    /// Opens a file whose prices are in `currency`. Everything that is wrong with the file or the
    /// mapping as a whole is found here.
    pub fn open(path: &Path, mapping: &Mapping, currency: Currency) -> Result<Self, FileError> {
        let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
        let format = Format::of(path, input.fill_buf()?)?;

        Self::new(input, format, mapping, currency)
    }

    /// Opens a file where an earlier reader stopped at `position`. The rows before it are looked
    /// through again for their SKUs, which takes a second for some hundred thousand of them.
    pub fn open_at(
        path: &Path,
        mapping: &Mapping,
        currency: Currency,
        position: u64,
    ) -> Result<Self, FileError> {
        let mut reader = Self::open(path, mapping, currency)?;

        reader.skip_to(position)?;
        Ok(reader)
    }
}

impl<R: BufRead + Seek> CatalogReader<R> {
    pub fn new(
        mut input: R,
        format: Format,
        mapping: &Mapping,
        currency: Currency,
    ) -> Result<Self, FileError> {
        let size_bytes = input.seek(SeekFrom::End(0))?;
        input.seek(SeekFrom::Start(0))?;
        let start = start_of_text(&mut input)?;
        input.seek(SeekFrom::Start(start))?;
        let mut reader = Self {
            lines: Lines::new(input, start),
            size_bytes,
            columns: Columns::Json(HashMap::new()),
            mapping: mapping.clone(),
            currency,
            seen: SeenSkus::default(),
            buffer: Vec::new(),
            warnings: Vec::new(),
            warned: 0,
        };

        match format {
            Format::Csv => reader.read_header()?,
            Format::JsonLines => reader.look_ahead()?,
        }
        Ok(reader)
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
        std::mem::take(&mut self.warnings)
    }

    /// The beginning of the last row as it stands in the file.
    pub fn raw(&self) -> String {
        shown(&self.buffer)
    }

    /// The next row: as it was read, or why it is refused. `None` at the end of the file.
    pub fn next_row(&mut self) -> Result<Option<Result<CatalogRow, RowError>>, FileError> {
        loop {
            let line = self.lines.place().line;
            let mut buffer = std::mem::take(&mut self.buffer);
            let record = self.take_record(&mut buffer)?;
            let row = match record {
                Record::End => None,
                Record::Bad(code, detail) => Some(Err(RowError::new(line, code, detail))),
                Record::Row if buffer.trim_ascii().is_empty() => {
                    self.buffer = buffer;
                    continue;
                }
                Record::Row => Some(self.read_row(line, without_end(&buffer))),
            };
            let row = row.map(|row| row.map_err(|error| error.of_row(&buffer)));

            self.buffer = buffer;
            return match row {
                Some(Ok(row)) => self.once(row).map(Some),
                other => Ok(other),
            };
        }
    }

    fn take_record(&mut self, buffer: &mut Vec<u8>) -> Result<Record, FileError> {
        if let Columns::Csv { delimiter, .. } = self.columns {
            return Ok(csv_record::take(&mut self.lines, buffer, delimiter)?);
        }
        buffer.clear();

        Ok(match self.lines.append(buffer)? {
            Taken::End => Record::End,
            Taken::Line => Record::Row,
            Taken::TooLong => Record::Bad(ErrorCode::RowTooLong, TOO_LONG),
        })
    }

    fn read_row(&mut self, line: u64, row: &[u8]) -> Result<CatalogRow, RowError> {
        let Ok(text) = str::from_utf8(row) else {
            return Err(RowError::new(line, ErrorCode::NotUtf8, "the row is not UTF-8"));
        };

        match &self.columns {
            Columns::Csv { delimiter, bound, width } => {
                csv_row(text, line, *delimiter, bound, *width, self.currency)
            }
            Columns::Json(_) => self.json_row(text, line),
        }
    }

    fn json_row(&mut self, text: &str, line: u64) -> Result<CatalogRow, RowError> {
        let malformed = |detail: String| RowError::new(line, ErrorCode::MalformedJson, detail);
        let columns = json_record::columns(text, &self.mapping).map_err(malformed)?;
        let mut draft = Draft::default();
        let mut names = HashMap::new();

        for (theirs, raw) in columns {
            let Some(ours) = self.ours(&theirs) else { continue };
            let value = json_record::value(raw)
                .map_err(|detail| malformed(detail).in_column(theirs.clone()))?;
            for column in &ours {
                put_value(&mut draft, column, &value, self.currency)
                    .map_err(|error| named(line, error, &theirs))?;
                names.insert(column.clone(), theirs.clone());
            }
        }
        draft.finish(line).map_err(|error| {
            let theirs =
                names.get(&error.column).map_or(Cow::Owned(error.column.to_string()), Cow::clone);
            named(line, error, &theirs)
        })
    }

    /// What a key of a JSON line gives us; the first row that has an ignored one warns of it.
    fn ours(&mut self, theirs: &str) -> Option<Vec<Column>> {
        let Columns::Json(known) = &mut self.columns else { return None };
        if let Some(ours) = known.get(theirs) {
            return (!ours.is_empty()).then(|| ours.clone());
        }
        let room = known.len() < KEYS_MAX;

        match self.mapping.columns_of(theirs) {
            Ok(ours) => {
                if room {
                    known.insert(theirs.to_owned(), ours.clone());
                }
                Some(ours)
            }
            Err(warning) => {
                if room {
                    known.insert(theirs.to_owned(), Vec::new());
                    self.warn(warning);
                }
                None
            }
        }
    }

    fn warn(&mut self, warning: Warning) {
        self.warned += 1;
        match self.warned {
            ..=WARNINGS_MAX => self.warnings.push(warning),
            count if count == WARNINGS_MAX + 1 => self.warnings.push(Warning::IgnoredMore),
            _ => {}
        }
    }

    /// Refuses the row if its SKU came before.
    fn once(&mut self, row: CatalogRow) -> Result<Result<CatalogRow, RowError>, FileError> {
        if self.seen.insert(&row.sku)? {
            return Ok(Ok(row));
        }
        let detail = format!("an earlier row of the file has the SKU {}", row.sku);

        Ok(Err(RowError::new(row.line, ErrorCode::DuplicateSku, detail)
            .in_column(Column::Sku.to_string())
            .of_row(&self.buffer)))
    }

    fn read_header(&mut self) -> Result<(), FileError> {
        let mut buffer = Vec::new();
        let start = self.lines.place();
        self.lines.append(&mut buffer)?;
        let delimiter = csv_record::delimiter_of(&buffer);
        self.lines.go_to(start)?;

        match csv_record::take(&mut self.lines, &mut buffer, delimiter)? {
            Record::End => return Err(FileError::Header("the file is empty")),
            Record::Bad(_, detail) => return Err(FileError::Header(detail)),
            Record::Row => {}
        }
        let header = str::from_utf8(without_end(&buffer)).map_err(|_| FileError::HeaderEncoding)?;
        let mut cells = Vec::new();
        csv_record::split(header, delimiter, &mut cells)
            .map_err(|_| FileError::Header("text stands behind a closing quote"))?;
        if cells.iter().any(|cell| cell.contains('\r')) {
            return Err(FileError::Header(
                "its lines end with CR alone; save it with LF or CRLF line ends",
            ));
        }

        self.bind(&cells, delimiter)
    }

    fn bind(&mut self, header: &[Cow<'_, str>], delimiter: u8) -> Result<(), FileError> {
        let names: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        let mut file = BTreeSet::new();
        let mut bound = Vec::new();

        // Spreadsheets leave nameless columns at the end.
        for name in names.iter().filter(|name| !name.is_empty()) {
            if !file.insert((*name).to_owned()) {
                return Err(FileError::RepeatedColumn((*name).to_owned()));
            }
        }
        self.mapping.check(&file)?;
        for (at, theirs) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            match self.mapping.columns_of(theirs) {
                Ok(ours) => bound.push(Bound { at, theirs: (*theirs).to_owned(), ours }),
                Err(warning) => self.warn(warning),
            }
        }

        self.columns = Columns::Csv { delimiter, bound, width: header.len() };
        Ok(())
    }

    /// Looks at the first rows for the columns that the mapping and every row need, then goes back.
    fn look_ahead(&mut self) -> Result<(), FileError> {
        let start = self.lines.place();
        let mut file = BTreeSet::new();
        let (mut buffer, mut objects) = (Vec::new(), 0);

        for _ in 0..LOOKED_AT {
            buffer.clear();
            if self.lines.append(&mut buffer)? == Taken::End {
                break;
            }
            if file.is_empty() && buffer.trim_ascii_start().starts_with(b"[") {
                return Err(FileError::JsonArray);
            }
            let text = str::from_utf8(&buffer).unwrap_or("");
            let Ok(columns) = json_record::columns(text, &self.mapping) else { continue };
            objects += 1;
            let room = KEYS_MAX.saturating_sub(file.len());
            file.extend(columns.into_iter().take(room).map(|(theirs, _)| theirs.into_owned()));
        }
        // Where no row can be read each of them is refused by itself, which says more.
        if objects > 0 {
            self.mapping.check(&file)?;
        }

        Ok(self.lines.go_to(start)?)
    }

    fn skip_to(&mut self, position: u64) -> Result<(), FileError> {
        while self.position() < position && self.next_row()?.is_some() {}

        if self.position() == position { Ok(()) } else { Err(FileError::NotARow(position)) }
    }
}

fn csv_row(
    text: &str,
    line: u64,
    delimiter: u8,
    bound: &[Bound],
    width: usize,
    currency: Currency,
) -> Result<CatalogRow, RowError> {
    let mut cells = Vec::with_capacity(width);
    csv_record::split(text, delimiter, &mut cells).map_err(|_| {
        let detail = "text stands behind a closing quote, or a quote is not closed";
        RowError::new(line, ErrorCode::MalformedQuotes, detail)
    })?;
    let extra = cells.iter().skip(width).any(|cell| !cell.trim().is_empty());
    if cells.len() < width || extra {
        let detail = format!("the row has {} cells, and the header has {width}", cells.len());
        return Err(RowError::new(line, ErrorCode::ColumnCount, detail));
    }
    let mut draft = Draft::default();

    for Bound { at, theirs, ours } in bound {
        for column in ours {
            draft.put(column, &cells[*at], currency).map_err(|error| named(line, error, theirs))?;
        }
    }
    draft.finish(line).map_err(|error| {
        let theirs = bound.iter().find(|bound| bound.ours.contains(&error.column));
        let theirs = theirs.map_or_else(|| error.column.to_string(), |bound| bound.theirs.clone());
        named(line, error, &theirs)
    })
}

/// Puts a JSON value where a cell goes; lists are for pictures and for the levels of a category.
fn put_value(
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
        (Value::List(urls), Column::Image(0)) => put_pictures(draft, urls, Column::Image, currency),
        (Value::List(alts), Column::ImageAlt(0)) => {
            put_pictures(draft, alts, Column::ImageAlt, currency)
        }
        (Value::List(_) | Value::Other, _) => Err(CellError {
            column: column.clone(),
            code: ErrorCode::NotAValue,
            detail: "a list or an object stands where one value belongs".to_owned(),
        }),
    }
}

fn put_pictures(
    draft: &mut Draft,
    texts: &[Cow<'_, str>],
    column: fn(usize) -> Column,
    currency: Currency,
) -> Result<(), CellError> {
    if texts.len() > IMAGES_MAX {
        return Err(CellError {
            column: column(0),
            code: ErrorCode::TooLong,
            detail: format!("a product has at most {} pictures", IMAGES_MAX),
        });
    }
    for (at, text) in texts.iter().enumerate() {
        draft.put(&column(at), text, currency)?;
    }
    Ok(())
}

fn named(line: u64, error: CellError, theirs: &str) -> RowError {
    RowError::new(line, error.code, error.detail).in_column(theirs)
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
