//! Splits a file into code and prose: denied names are looked for in code only, since "try" or
//! "seen" are ordinary words in a sentence.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Code,
    /// A comment, a string literal, or a document.
    Prose,
}

/// A part of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub kind: Kind,
    /// From 1.
    pub line: usize,
    pub text: String,
}

/// The pieces of a file, in their order, without empty ones.
pub fn pieces(path: &str, text: &str) -> Vec<Piece> {
    if path.ends_with(".rs") {
        return Splitter::new(text).run();
    }
    let lines = text.lines().enumerate();

    lines.flat_map(|(index, line)| quoted_code(index + 1, line)).collect()
}

/// Splits prose at backticks: what is between two of them is code.
fn quoted_code(line: usize, prose: &str) -> impl Iterator<Item = Piece> {
    let parts = prose.split('`').enumerate();
    let pieces = parts.map(move |(index, part)| {
        let kind = if index % 2 == 0 { Kind::Prose } else { Kind::Code };
        Piece { kind, line, text: part.to_owned() }
    });

    pieces.filter(|piece| !piece.text.trim().is_empty())
}

/// Knows Rust's comments and literals, and nothing else of its grammar.
struct Splitter<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    text: String,
    pieces: Vec<Piece>,
}

impl<'a> Splitter<'a> {
    fn new(source: &'a str) -> Self {
        Self { rest: source.chars().peekable(), line: 1, text: String::new(), pieces: Vec::new() }
    }

    fn run(mut self) -> Vec<Piece> {
        while let Some(next) = self.rest.next() {
            match next {
                '/' if self.rest.peek() == Some(&'/') => self.comment(),
                '"' => self.string(),
                'r' if self.is_raw_string() => self.raw_string(),
                '\'' => self.character(),
                other => self.push(other, Kind::Code),
            }
        }
        self.end(Kind::Code);
        self.pieces
    }

    fn comment(&mut self) {
        self.end(Kind::Code);
        while let Some(next) = self.rest.next_if(|next| *next != '\n') {
            self.text.push(next);
        }
        self.text = self.text.trim_start_matches(['/', '!']).to_owned();
        self.end(Kind::Prose);
    }

    fn string(&mut self) {
        self.end(Kind::Code);
        while let Some(next) = self.rest.next() {
            match next {
                '"' => break,
                '\\' => self.escape(),
                other => self.push(other, Kind::Prose),
            }
        }
        self.end(Kind::Prose);
    }

    /// An escaped line break continues the sentence; any other escape ends a word.
    fn escape(&mut self) {
        match self.rest.next() {
            Some('\n') => self.push('\n', Kind::Prose),
            _ => self.text.push(' '),
        }
    }

    /// `r"…"` or `r#"…"#`, and not an identifier that ends in r.
    fn is_raw_string(&self) -> bool {
        let is_in_a_name = self.text.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let mut ahead = self.rest.clone();
        while ahead.next_if_eq(&'#').is_some() {}

        !is_in_a_name && ahead.next() == Some('"')
    }

    fn raw_string(&mut self) {
        self.end(Kind::Code);
        let mut end = String::from("\"");
        while self.rest.next_if_eq(&'#').is_some() {
            end.push('#');
        }
        self.rest.next();
        let mut body = String::new();
        while !body.ends_with(&end)
            && let Some(next) = self.rest.next()
        {
            body.push(next);
        }
        let text = body.strip_suffix(&end).unwrap_or(&body);
        text.chars().for_each(|next| self.push(next, Kind::Prose));
        self.end(Kind::Prose);
    }

    /// A character literal, which may be a quotation mark, or a lifetime, which has no end.
    fn character(&mut self) {
        let mut ahead = self.rest.clone();
        let length = match (ahead.next(), ahead.next()) {
            (Some('\\'), _) => {
                let escaped = ahead.position(|next| next == '\'');
                escaped.map_or(0, |position| position + 3)
            }
            (Some(_), Some('\'')) => 2,
            _ => 0,
        };
        for _ in 0..length {
            self.rest.next();
        }
        self.text.push(' ');
    }

    fn push(&mut self, next: char, kind: Kind) {
        if next == '\n' {
            self.end(kind);
            self.line += 1;
        } else {
            self.text.push(next);
        }
    }

    fn end(&mut self, kind: Kind) {
        let text = std::mem::take(&mut self.text);
        match kind {
            Kind::Code if text.trim().is_empty() => {}
            Kind::Code => self.pieces.push(Piece { kind, line: self.line, text }),
            Kind::Prose => self.pieces.extend(quoted_code(self.line, &text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(source: &str) -> Vec<(Kind, usize, String)> {
        let pieces = pieces("lib.rs", source).into_iter();

        pieces.map(|piece| (piece.kind, piece.line, piece.text.trim().to_owned())).collect()
    }

    fn prose(source: &str) -> Vec<String> {
        let prose = split(source).into_iter().filter(|(kind, ..)| *kind == Kind::Prose);

        prose.map(|(_, _, text)| text).collect()
    }

    #[test]
    fn comments_and_strings_are_prose_and_the_rest_is_code() {
        let source = "/// Takes a `Gate`.\nlet one = f(\"two\"); // three";

        let split = split(source);

        let expected = [
            (Kind::Prose, 1, "Takes a"),
            (Kind::Code, 1, "Gate"),
            (Kind::Prose, 1, "."),
            (Kind::Code, 2, "let one = f("),
            (Kind::Prose, 2, "two"),
            (Kind::Code, 2, ");"),
            (Kind::Prose, 2, "three"),
        ];
        assert_eq!(split, expected.map(|(kind, line, text)| (kind, line, text.to_owned())));
    }

    #[test]
    fn a_quotation_mark_within_a_literal_does_not_end_it() {
        assert_eq!(prose(r#"f("one \" two", '"', '\'', "three")"#), ["one   two", "three"]);
        assert_eq!(prose("f(r#\"one \" two\"#, \"three\")"), ["one \" two", "three"]);
        assert_eq!(prose("fn f<'a>(x: &'a str) { g(\"one\") }"), ["one"]);
    }

    #[test]
    fn lines_are_counted_through_strings_of_several_lines() {
        let source = "f(\"one \\\n   two\",\n r\"three\n four\");\n// five";

        let lines: Vec<(usize, String)> = split(source)
            .into_iter()
            .filter(|(kind, ..)| *kind == Kind::Prose)
            .map(|(_, line, text)| (line, text))
            .collect();

        let expected = [(1, "one"), (2, "two"), (3, "three"), (4, "four"), (5, "five")];
        assert_eq!(lines, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_document_is_prose_with_code_in_backticks() {
        let pieces = pieces("README.md", "One\n\nuses `two` here");

        let kinds: Vec<(Kind, usize)> =
            pieces.iter().map(|piece| (piece.kind, piece.line)).collect();
        let expected = [(Kind::Prose, 1), (Kind::Prose, 3), (Kind::Code, 3), (Kind::Prose, 3)];
        assert_eq!(kinds, expected);
    }
}
