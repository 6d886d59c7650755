//! Rows of a CSV file: the header binds its columns to ours, once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{BufRead, Seek};

use super::Warnings;
use crate::cell::{Cell, CellError, Draft};
use crate::csv_record::{self, Record};
use crate::lines::{Lines, Taken, without_end};
use crate::{CatalogRow, Column, ErrorCode, FileError, Mapping, Notation, RowError};

#[derive(Debug)]
pub(super) struct CsvRows {
    delimiter: u8,
    bound: Vec<Bound>,
    /// Cells of a row.
    width: usize,
    notation: Notation,
}

/// A column of the file that gives us something.
#[derive(Debug)]
struct Bound {
    at: usize,
    theirs: String,
    ours: Vec<Column>,
}

impl CsvRows {
    /// Reads the header.
    pub(super) fn open<R: BufRead + Seek>(
        lines: &mut Lines<R>,
        mapping: &Mapping,
        notation: Notation,
        warnings: &mut Warnings,
    ) -> Result<Self, FileError> {
        let mut buffer = Vec::new();
        let mut start = lines.place();
        // Blank lines before the header mean nothing.
        while lines.append(&mut buffer)? == Taken::Line && buffer.trim_ascii().is_empty() {
            start = lines.place();
            buffer.clear();
        }
        let delimiter = csv_record::delimiter_of(&buffer);
        lines.go_to(start)?;

        match csv_record::take(lines, &mut buffer, delimiter)? {
            Record::End => return Err(FileError::Header("the file is empty")),
            Record::Bad(_, detail) => return Err(FileError::Header(detail)),
            Record::Row => {}
        }
        let header = str::from_utf8(without_end(&buffer)).map_err(|_| FileError::HeaderEncoding)?;
        let mut cells = Vec::new();
        csv_record::split(header, delimiter, &mut cells)
            .map_err(|_| FileError::Header("text after a closing quote"))?;
        if cells.iter().any(|cell| cell.contains('\r')) {
            return Err(FileError::Header(
                "its lines end with CR alone; save it with LF or CRLF line ends",
            ));
        }

        let bound = bind(&cells, mapping, warnings)?;
        Ok(Self { delimiter, bound, width: cells.len(), notation })
    }

    pub(super) const fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn read(&self, text: &str, line: u64) -> Result<CatalogRow, RowError> {
        let cells = self.cells(text, line)?;
        let mut draft = Draft::default();

        for Bound { at, theirs, ours } in &self.bound {
            for column in ours {
                draft
                    .put(column, Cell::Text(&cells[*at]), self.notation)
                    .map_err(|error| error.of_row(line, theirs))?;
            }
        }
        let named = |error: CellError| {
            let theirs = self.bound.iter().find(|bound| bound.ours.contains(&error.column));
            let theirs =
                theirs.map_or_else(|| error.column.to_string(), |bound| bound.theirs.clone());
            error.of_row(line, &theirs)
        };
        let (row, warnings) = draft.finish(line).map_err(named)?;

        Ok(CatalogRow { warnings: warnings.into_iter().map(named).collect(), ..row })
    }

    /// As many as the header has; further ones may stand there if they are empty.
    fn cells<'a>(&self, text: &'a str, line: u64) -> Result<Vec<Cow<'a, str>>, RowError> {
        let mut cells = Vec::with_capacity(self.width);
        csv_record::split(text, self.delimiter, &mut cells).map_err(|_| {
            let detail = "text after a closing quote, or a quote that is never closed";
            RowError::new(line, ErrorCode::MalformedQuotes, detail)
        })?;
        let extra = cells.iter().skip(self.width).any(|cell| !cell.trim().is_empty());

        if cells.len() < self.width || extra {
            let detail =
                format!("the row has {} cells, and the header has {}", cells.len(), self.width);
            return Err(RowError::new(line, ErrorCode::ColumnCount, detail));
        }
        Ok(cells)
    }
}

fn bind(
    header: &[Cow<'_, str>],
    mapping: &Mapping,
    warnings: &mut Warnings,
) -> Result<Vec<Bound>, FileError> {
    // Spreadsheets leave nameless columns at the end.
    let names = header.iter().map(|name| name.trim()).enumerate().filter(|(_, it)| !it.is_empty());
    let mut file = BTreeSet::new();
    let mut bound = Vec::new();

    for (_, name) in names.clone() {
        if !file.insert(name.to_owned()) {
            return Err(FileError::RepeatedColumn(name.to_owned()));
        }
    }
    mapping.check(&file)?;
    for (at, theirs) in names {
        match mapping.columns_of(theirs) {
            Ok(ours) => bound.push(Bound { at, theirs: theirs.to_owned(), ours }),
            Err(warning) => warnings.add(warning),
        }
    }
    Ok(bound)
}
