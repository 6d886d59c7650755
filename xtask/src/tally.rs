//! How many tests a run had, read from what cargo's test runner prints.

use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`; `None` for any other line.
    pub fn of_line(line: &str) -> Option<Self> {
        let (_verdict, counts) =
            line.trim_start().strip_prefix("test result: ")?.split_once(". ")?;
        let count = |word: &str| {
            counts.split(';').find_map(|part| {
                let (number, name) = part.trim().split_once(' ')?;
                (name == word).then(|| number.parse().ok())?
            })
        };

        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            skipped: count("ignored")?,
        })
    }

    /// The line by which anybody, and any program, can tell how the run went.
    pub fn closing_line(self) -> String {
        let Self { passed, failed, skipped } = self;
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };

        format!("{passed} passed, {failed} failed{skipped}")
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_line_of_cargo_test_is_counted() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s";

        let tally = Tally::of_line(line);

        assert_eq!(tally, Some(Tally { passed: 12, failed: 2, skipped: 1 }));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["running 3 tests", "test result", "test result: ok", "test a::b ... ok", ""] {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_closing_line_names_skipped_tests_only_where_there_are_some() {
        let mut tally = Tally { passed: 2, failed: 0, skipped: 0 };
        assert_eq!(tally.closing_line(), "2 passed, 0 failed");

        tally += Tally { passed: 1, failed: 1, skipped: 1 };

        assert_eq!(tally.closing_line(), "3 passed, 1 failed, 1 skipped");
    }
}
