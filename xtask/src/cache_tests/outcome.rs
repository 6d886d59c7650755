//! How a run of the suite went, judged as the suite judges itself.

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Test {
    pub id: String,
    /// `required`, `optimal` or `check`, which only looks.
    pub kind: String,
    /// Unless these pass, the test is inconclusive.
    pub depends_on: Vec<String>,
    pub passed: bool,
    pub said: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passes,
    Fails,
    /// A test that it depends on does not pass.
    Skipped,
}

pub struct Outcome {
    tests: Vec<Test>,
    by_id: HashMap<String, usize>,
}

impl Outcome {
    pub fn of(tests: Vec<Test>) -> Self {
        let by_id = tests.iter().enumerate().map(|(at, test)| (test.id.clone(), at)).collect();

        Self { tests, by_id }
    }

    pub fn required(&self) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(|test| test.kind == "required")
    }

    /// `None` for a test that the suite does not have.
    pub fn verdict(&self, id: &str) -> Option<Verdict> {
        let test = &self.tests[*self.by_id.get(id)?];
        let stands = |id: &String| self.verdict(id) == Some(Verdict::Passes);

        Some(match test.passed {
            _ if !test.depends_on.iter().all(stands) => Verdict::Skipped,
            true => Verdict::Passes,
            false => Verdict::Fails,
        })
    }

    pub fn all(&self, kind: &str) -> usize {
        self.tests.iter().filter(|test| test.kind == kind).count()
    }

    pub fn passed(&self, kind: &str) -> usize {
        self.count(kind, Verdict::Passes)
    }

    pub fn failed(&self, kind: &str) -> usize {
        self.count(kind, Verdict::Fails)
    }

    pub fn skipped(&self, kind: &str) -> usize {
        self.count(kind, Verdict::Skipped)
    }

    fn count(&self, kind: &str, verdict: Verdict) -> usize {
        let of_kind = self.tests.iter().filter(|test| test.kind == kind);

        of_kind.filter(|test| self.verdict(&test.id) == Some(verdict)).count()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn test(id: &str, depends_on: &[&str], passed: bool) -> Test {
        Test {
            id: id.to_owned(),
            kind: "required".to_owned(),
            depends_on: depends_on.iter().map(|id| (*id).to_owned()).collect(),
            passed,
            said: String::new(),
        }
    }

    #[test]
    fn a_test_is_inconclusive_if_one_that_it_depends_on_fails() {
        let outcome = Outcome::of(vec![
            test("stands", &[], true),
            test("falls", &[], false),
            test("on-a-pass", &["stands"], true),
            test("on-a-failure", &["stands", "falls"], true),
            test("on-a-skip", &["on-a-failure"], true),
        ]);

        assert_eq!(outcome.verdict("on-a-pass"), Some(Verdict::Passes));
        assert_eq!(outcome.verdict("falls"), Some(Verdict::Fails));
        assert_eq!(outcome.verdict("on-a-failure"), Some(Verdict::Skipped));
        assert_eq!(outcome.verdict("on-a-skip"), Some(Verdict::Skipped));
        assert_eq!(outcome.verdict("unheard-of"), None);
        assert_eq!((outcome.passed("required"), outcome.skipped("required")), (2, 2));
    }
}
