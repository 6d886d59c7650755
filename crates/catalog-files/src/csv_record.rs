//! CSV records (RFC 4180): where one ends, and its cells.
//!
//! The splitting is our own because a reader that follows an open quote to the end of the file holds
//! the file in memory and silently loses every row of it. Here such a row is refused and reading
//! goes on at the next line.

use std::borrow::Cow;
use std::io::{self, BufRead, Seek};

use crate::ErrorCode;
use crate::lines::{Lines, Taken};

const UNCLOSED: &str = "a quote is never closed";
pub(crate) const TOO_LONG: &str = "a row has at most 1 MiB";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    End,
    Row,
    Bad(ErrorCode, &'static str),
}

/// Something stands behind a closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MalformedQuotes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote that either closes the cell or is the first of two.
    QuoteSeen,
}

/// Takes the next record, which may span lines, into `buffer`.
pub(crate) fn take<R: BufRead + Seek>(
    lines: &mut Lines<R>,
    buffer: &mut Vec<u8>,
    delimiter: u8,
) -> io::Result<Record> {
    buffer.clear();
    let mut state = State::CellStart;
    let mut first_line = None;

    loop {
        let from = buffer.len();
        match (lines.append(buffer)?, first_line) {
            (Taken::End, None) => return Ok(Record::End),
            (Taken::TooLong, None) => return Ok(Record::Bad(ErrorCode::RowTooLong, TOO_LONG)),
            (Taken::End | Taken::TooLong, Some((length, behind))) => {
                buffer.truncate(length);
                lines.go_to(behind)?;
                return Ok(Record::Bad(ErrorCode::MalformedQuotes, UNCLOSED));
            }
            (Taken::Line, _) => {}
        }
        state = follow(state, &buffer[from..], delimiter);
        if state != State::Quoted {
            return Ok(Record::Row);
        }
        first_line.get_or_insert((buffer.len(), lines.place()));
    }
}

fn follow(state: State, line: &[u8], delimiter: u8) -> State {
    if state != State::Quoted && !line.contains(&b'"') {
        return State::Plain;
    }

    line.iter().fold(state, |state, byte| match (state, *byte) {
        (State::Quoted, b'"') => State::QuoteSeen,
        (State::Quoted, _) => State::Quoted,
        (State::CellStart | State::QuoteSeen, b'"') => State::Quoted,
        (_, byte) if byte == delimiter => State::CellStart,
        _ => State::Plain,
    })
}

/// Parts a record, without its line end, into cells.
pub(crate) fn split<'a>(
    record: &'a str,
    delimiter: u8,
    cells: &mut Vec<Cow<'a, str>>,
) -> Result<(), MalformedQuotes> {
    let delimiter = char::from(delimiter);
    let mut rest = record;

    loop {
        let (cell, behind) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted).ok_or(MalformedQuotes)?;
                (unescaped(&quoted[..end]), &quoted[end + 1..])
            }
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        cells.push(cell);
        if behind.is_empty() {
            return Ok(());
        }
        rest = behind.strip_prefix(delimiter).ok_or(MalformedQuotes)?;
    }
}

fn closing_quote(quoted: &str) -> Option<usize> {
    let bytes = quoted.as_bytes();
    let mut at = 0;

    loop {
        at += quoted[at..].find('"')?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

fn unescaped(quoted: &str) -> Cow<'_, str> {
    if quoted.contains('"') {
        Cow::Owned(quoted.replace("\"\"", "\""))
    } else {
        Cow::Borrowed(quoted)
    }
}

/// What parts the cells of a header: whichever of comma, semicolon (spreadsheets in countries with a
/// decimal comma) and tab it has most of.
pub(crate) fn delimiter_of(header: &[u8]) -> u8 {
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();

    // `max_by_key` takes the last of equals: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn records(text: &str) -> Vec<Result<Vec<String>, ErrorCode>> {
        let mut lines = Lines::new(Cursor::new(text), 0);
        let (mut buffer, mut found) = (Vec::new(), Vec::new());

        loop {
            match take(&mut lines, &mut buffer, b',').unwrap() {
                Record::End => return found,
                Record::Bad(code, _) => found.push(Err(code)),
                Record::Row => {
                    let row = crate::lines::without_end(&buffer);
                    let mut cells = Vec::new();
                    let split = split(str::from_utf8(row).unwrap(), b',', &mut cells);
                    found.push(match split {
                        Ok(()) => Ok(cells.into_iter().map(Cow::into_owned).collect()),
                        Err(MalformedQuotes) => Err(ErrorCode::MalformedQuotes),
                    });
                }
            }
        }
    }

    fn row(cells: &[&str]) -> Result<Vec<String>, ErrorCode> {
        Ok(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn a_quoted_cell_keeps_its_commas_quotes_and_lines() {
        let text = "1,\"a, \"\"b\"\"\r\nc\",3\r\n4,,\"\"\r\n";

        assert_eq!(records(text), [row(&["1", "a, \"b\"\r\nc", "3"]), row(&["4", "", ""])]);
    }

    #[test]
    fn a_quote_inside_a_plain_cell_is_an_inch() {
        assert_eq!(
            records("1,5\" pipe,x\n2,y,z\n"),
            [row(&["1", "5\" pipe", "x"]), row(&["2", "y", "z"])]
        );
    }

    #[test]
    fn text_behind_a_closing_quote_is_refused_and_the_next_row_is_read() {
        assert_eq!(
            records("1,\"a\"b,c\n2,d,e\n"),
            [Err(ErrorCode::MalformedQuotes), row(&["2", "d", "e"])]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_row() {
        assert_eq!(
            records("1,\"a\n2,b\n3,c\n"),
            [Err(ErrorCode::MalformedQuotes), row(&["2", "b"]), row(&["3", "c"])]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_in_a_long_file_costs_one_row() {
        let text = format!("1,\"a\n{}", "2,b\n".repeat(300_000));

        let found = records(&text);

        assert_eq!(found[0], Err(ErrorCode::MalformedQuotes));
        assert_eq!(found.len(), 300_001);
        assert!(found[1..].iter().all(|found| *found == row(&["2", "b"])));
    }

    #[test]
    fn the_header_shows_what_parts_the_cells() {
        assert_eq!(delimiter_of(b"sku,name;x,price"), b',');
        assert_eq!(delimiter_of(b"sku;name;price"), b';');
        assert_eq!(delimiter_of(b"sku\tname\tprice"), b'\t');
        assert_eq!(delimiter_of(b"sku"), b',');
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_as_it_was(
            rows in prop::collection::vec(
                prop::collection::vec("[a\", \r\n]{0,6}", 3..=3), 1..8),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();

            let found: Vec<_> = records(&text).into_iter().map(Result::unwrap).collect();

            prop_assert_eq!(found, rows);
        }

        #[test]
        fn no_input_is_lost_or_panics(text in "[a\",\r\n]{0,40}") {
            let lines = text.split_inclusive('\n').count();

            let found = records(&text);

            prop_assert!(found.len() <= lines);
            prop_assert!(text.is_empty() || !found.is_empty());
        }
    }
}
