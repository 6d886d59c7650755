//! Finds denied names in code, and denied phrases in prose and in the parts of identifiers.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Finding;
use super::denied::{ALLOWED, NAMES, PHRASES};
use super::source::{self, Kind, Piece};

/// The word, what to use instead, and the path that it is denied below.
type Name = (&'static str, &'static str, &'static str);
type Phrase = (&'static str, &'static str);

// A workspace has some hundred thousand identifiers, each of which is looked up here.
static BY_NAME: LazyLock<HashMap<&str, Vec<Name>>> =
    LazyLock::new(|| grouped(NAMES, |(word, ..)| word.trim_end_matches('(')));
static BY_FIRST_WORD: LazyLock<HashMap<&str, Vec<Phrase>>> =
    LazyLock::new(|| grouped(PHRASES, |(phrase, _)| phrase.split(' ').next().unwrap_or(phrase)));

fn grouped<T: Copy>(
    entries: &[T],
    key: impl Fn(T) -> &'static str,
) -> HashMap<&'static str, Vec<T>> {
    let mut groups: HashMap<_, Vec<T>> = HashMap::new();
    for entry in entries {
        groups.entry(key(*entry)).or_default().push(*entry);
    }
    groups
}

/// Words that follow on each other: a sentence's, over all its lines, or an identifier's parts.
#[derive(Default)]
struct Run {
    /// In lower case, each with its line.
    words: Vec<(String, usize)>,
}

/// In the order of the lines, without the allowed ones.
pub fn findings(path: &str, text: &str) -> Vec<Finding> {
    let pieces = source::pieces(path, text);
    let mut found = Vec::new();

    for piece in pieces.iter().filter(|piece| piece.kind == Kind::Code) {
        for (name, is_called) in identifiers(&piece.text) {
            // A name that is denied as a whole is one finding, whatever its parts are.
            match denied_name(path, name, is_called, piece.line) {
                Some(finding) => found.push(finding),
                None => found.extend(denied_phrases(&Run::of_identifier(name, piece.line))),
            }
        }
    }
    for run in sentences(&pieces) {
        found.extend(denied_phrases(&run));
    }
    found.retain(|finding| !is_allowed(ALLOWED, path, finding.word));
    found.sort_by_key(|finding| finding.line);
    found
}

fn is_allowed(list: &[(&str, &str, &str)], path: &str, word: &str) -> bool {
    list.iter().any(|(prefix, allowed, _)| *allowed == word && path.starts_with(prefix))
}

/// Each with whether an opening parenthesis follows.
fn identifiers(code: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_part = |part: char| part.is_alphanumeric() || part == '_';
    let parts = code.split_inclusive(move |part: char| !is_part(part));
    let names =
        parts.map(move |part| (part.trim_end_matches(|end| !is_part(end)), part.ends_with('(')));

    names.filter(|(name, _)| !name.is_empty())
}

fn denied_name(path: &str, name: &str, is_called: bool, line: usize) -> Option<Finding> {
    let is_denied =
        |(word, _, scope): &&Name| (is_called || !word.ends_with('(')) && path.starts_with(scope);
    let (word, instead, _) = BY_NAME.get(name)?.iter().find(is_denied)?;

    Some(Finding { line, word, instead })
}

/// A phrase is on the line of its first word.
fn denied_phrases(run: &Run) -> Vec<Finding> {
    let mut found = Vec::new();

    for (index, (first, line)) in run.words.iter().enumerate() {
        for (word, instead) in BY_FIRST_WORD.get(first.as_str()).into_iter().flatten() {
            if run.has_at(index, word) {
                found.push(Finding { line: *line, word, instead });
            }
        }
    }
    found
}

impl Run {
    /// The parts of `snake_case`, `CamelCase` or both.
    fn of_identifier(name: &str, line: usize) -> Self {
        let mut words: Vec<(String, usize)> = Vec::new();
        let mut before = '_';

        for next in name.chars() {
            let begins = before == '_' || next.is_uppercase() && !before.is_uppercase();
            if next != '_' && begins {
                words.push((String::new(), line));
            }
            if let Some((word, _)) = words.last_mut().filter(|_| next != '_') {
                word.extend(next.to_lowercase());
            }
            before = next;
        }
        Self { words }
    }

    fn has_at(&self, index: usize, phrase: &str) -> bool {
        let mut words = self.words[index..].iter().map(|(word, _)| word.as_str());

        phrase.split(' ').all(|wanted| words.next() == Some(wanted))
    }
}

/// The runs of prose. A sentence goes on in the piece that follows, in the same or in the next line;
/// code in between ends it.
fn sentences(pieces: &[Piece]) -> Vec<Run> {
    let mut runs = vec![Run::default()];
    let mut ended_on = 0;

    for piece in pieces {
        if piece.kind == Kind::Code || piece.line > ended_on + 1 {
            runs.push(Run::default());
        }
        ended_on = piece.line;
        if piece.kind == Kind::Prose {
            read_sentence(&piece.text, piece.line, &mut runs);
        }
    }
    runs
}

/// A space, a hyphen, a quotation mark, an apostrophe and an underscore part words; any other mark
/// ends the run. In JSON a line break is a backslash and an n.
fn read_sentence(text: &str, line: usize, runs: &mut Vec<Run>) {
    for clause in text.replace("\\n", ".").split_inclusive(ends_run) {
        let words = clause.split(|part: char| !part.is_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        let run = runs.last_mut().expect("there is always a run");

        run.words.extend(words.map(|word| (word.to_lowercase(), line)));
        if clause.ends_with(ends_run) {
            runs.push(Run::default());
        }
    }
}

fn ends_run(mark: char) -> bool {
    !mark.is_alphanumeric() && !" -\"'_\t".contains(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        findings(path, text).into_iter().map(|found| (found.line, found.word)).collect()
    }

    #[test]
    fn a_name_is_found_in_code_and_in_backticks_and_not_in_a_sentence() {
        let source = "use limits::Gate;\n// Gate and gate are words here.\n/// Of a [`Gate`].";

        assert_eq!(words("lib.rs", source), [(1, "Gate"), (3, "Gate")]);
    }

    #[test]
    fn a_name_is_the_whole_identifier() {
        assert_eq!(
            words("lib.rs", "fn at_once() { gate.take_at_once(GateKeeper) }"),
            [(1, "at_once")]
        );
    }

    #[test]
    fn a_function_is_found_where_it_is_called_or_defined() {
        let source = "fn told(error: &E) {}\nlet told = source.told();\nassert(told.is_empty());";

        assert_eq!(words("lib.rs", source), [(1, "told("), (2, "told(")]);
    }

    #[test]
    fn a_name_may_be_denied_in_one_place_only() {
        assert_eq!(words("crates/store/src/plan.rs", "struct Plan;"), [(1, "Plan")]);
        assert!(words("bench/src/plan.rs", "struct Plan;").is_empty());
    }

    #[test]
    fn a_phrase_is_found_in_every_case_and_across_lines() {
        let source = "// Whoever asks finds that it is not to be\n// had.\nlet x = \"Nobody's\";";

        let expected = [(1, "whoever"), (1, "to be had"), (3, "nobody")];
        assert_eq!(words("lib.rs", source), expected);
    }

    #[test]
    fn a_phrase_is_found_in_the_parts_of_an_identifier() {
        let source = "fn nobody_asks() {}\nstruct ToBeHad;\nlet the_theme = there;";

        assert_eq!(words("lib.rs", source), [(1, "nobody"), (2, "to be had")]);
    }

    #[test]
    fn a_mark_ends_a_phrase_and_so_does_code() {
        let source = "// It seems to be. Had it been so, `to` be had it would.";

        assert!(words("lib.rs", source).is_empty());
    }

    #[test]
    fn a_word_is_allowed_below_a_path_only() {
        let list = [("crates/cache/", "pilot", "the name of a product")];

        assert!(is_allowed(&list, "crates/cache/src/lib.rs", "pilot"));
        assert!(!is_allowed(&list, "crates/cache/src/lib.rs", "vault"));
        assert!(!is_allowed(&list, "crates/search/src/lib.rs", "pilot"));
    }

    #[test]
    fn a_document_is_read_as_one() {
        let document = "He asks\n\nand `Gate` and the hero.\n";

        assert_eq!(words("docs/api.md", document), [(1, "he"), (3, "Gate")]);
        assert_eq!(words("docs/openapi.json", r#""one\nnobody""#), [(1, "nobody")]);
    }

    #[test]
    fn every_denied_word_can_be_found() {
        for (word, _, scope) in NAMES {
            let path = format!("{scope}x/lib.rs");
            assert!(words(&path, word).iter().any(|(_, found)| found == word), "{word}");
        }
        for (phrase, _) in PHRASES {
            let comment = format!("// {phrase}");
            assert!(words("x.rs", &comment).iter().any(|(_, found)| found == phrase), "{phrase}");
        }
    }
}
