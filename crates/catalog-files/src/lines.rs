//! Physical lines of a bounded length, and the byte at which each begins.

use std::io::{self, BufRead, Seek, SeekFrom};

/// A row is a few hundred bytes and at most a long description; a mebibyte is a broken file.
pub(crate) const ROW_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    /// The byte at which the next line begins.
    offset: u64,
    /// Its number, from 1.
    line: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The file is at its end.
    End,
    Line,
    /// The line did not fit; its beginning was kept and the rest skipped.
    TooLong,
}

/// A place to come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) line: u64,
}

impl<R: BufRead + Seek> Lines<R> {
    pub(crate) const fn new(input: R, start: u64) -> Self {
        Self { input, offset: start, line: 1 }
    }

    pub(crate) const fn place(&self) -> Place {
        Place { offset: self.offset, line: self.line }
    }

    pub(crate) fn go_to(&mut self, place: Place) -> io::Result<()> {
        self.input.seek(SeekFrom::Start(place.offset))?;
        self.offset = place.offset;
        self.line = place.line;
        Ok(())
    }

    /// Appends the next line with its end to `buffer`, which never grows past
    /// [`ROW_BYTES_MAX`].
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>) -> io::Result<Taken> {
        let mut taken = Taken::End;

        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(taken);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let length = end.unwrap_or(chunk.len());
            let room = ROW_BYTES_MAX - buffer.len().min(ROW_BYTES_MAX);

            buffer.extend_from_slice(&chunk[..length.min(room)]);
            if length > room {
                taken = Taken::TooLong;
            } else if taken == Taken::End {
                taken = Taken::Line;
            }
            self.input.consume(length);
            self.offset += length as u64;
            if end.is_some() {
                self.line += 1;
                return Ok(taken);
            }
        }
    }
}

/// The line without `\n` or `\r\n` at its end.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);

    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    #[test]
    fn a_line_knows_its_number_and_its_first_byte() {
        let mut lines = Lines::new(BufReader::with_capacity(3, Cursor::new("ab\r\n\ncd")), 0);
        let mut found = Vec::new();

        loop {
            let (place, mut buffer) = (lines.place(), Vec::new());
            if lines.append(&mut buffer).unwrap() == Taken::End {
                break;
            }
            found.push((place.line, place.offset, buffer));
        }

        assert_eq!(
            found,
            [(1, 0, b"ab\r\n".to_vec()), (2, 4, b"\n".to_vec()), (3, 5, b"cd".to_vec())]
        );
    }

    #[test]
    fn an_endless_line_takes_no_more_memory_than_the_longest_row() {
        let text = format!("{}\nnext\n", "x".repeat(3 * ROW_BYTES_MAX));
        let mut lines = Lines::new(Cursor::new(text), 0);
        let (mut first, mut second) = (Vec::new(), Vec::new());

        let taken = lines.append(&mut first).unwrap();
        lines.append(&mut second).unwrap();

        assert_eq!((taken, first.len()), (Taken::TooLong, ROW_BYTES_MAX));
        assert_eq!(second, b"next\n");
    }
}
