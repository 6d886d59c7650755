//! The required tests that are known not to pass, as the tables of `docs/cache-tests.md` list them:
//! a row for each, with its reason.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

use super::outcome::{Outcome, Verdict};

pub struct Expected {
    reasons: BTreeMap<String, String>,
}

impl Expected {
    /// Reads rows such as ``| `test-id` | reason |``.
    pub fn read(text: &str) -> Result<Self> {
        let mut reasons = BTreeMap::new();

        for line in text.lines() {
            let Some((id, rest)) = line.strip_prefix("| `").and_then(|row| row.split_once('`'))
            else {
                continue;
            };
            let reason = rest.trim_matches([' ', '|']);
            ensure!(!reason.is_empty(), "{id} has no reason");
            if reasons.insert(id.to_owned(), reason.to_owned()).is_some() {
                bail!("{id} is listed twice");
            }
        }
        Ok(Self { reasons })
    }

    /// The same list where some tests go the other way.
    pub fn but(mut self, differing: Self) -> Self {
        for (id, reason) in differing.reasons {
            if self.reasons.remove(&id).is_none() {
                self.reasons.insert(id, reason);
            }
        }
        self
    }

    pub fn len(&self) -> usize {
        self.reasons.len()
    }

    /// What two runs agree on and the list does not, either way: a sentence each.
    pub fn surprises(&self, one: &Outcome, other: &Outcome) -> Vec<String> {
        let both = |id: &str, passes: bool| {
            [one, other].iter().all(|run| (run.verdict(id) == Some(Verdict::Passes)) == passes)
        };
        let unlisted = one
            .required()
            .filter(|test| !self.reasons.contains_key(&test.id) && both(&test.id, false))
            .map(|test| format!("{} does not pass and is not listed: {}", test.id, test.said));
        let listed = self.reasons.keys().filter_map(|id| match one.verdict(id) {
            None => Some(format!("{id} is listed, and the suite has no such test")),
            Some(_) if both(id, true) => Some(format!("{id} passes and is listed: take it off")),
            Some(_) => None,
        });

        unlisted.chain(listed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::test;
    use super::*;

    const TABLE: &str = "# Title\n| test | why |\n|---|---|\n| `a` | because |\n| `b` | so |\n";

    fn outcome(a: bool, b: bool, c: bool) -> Outcome {
        Outcome::of(vec![test("a", &[], a), test("b", &[], b), test("c", &[], c)])
    }

    fn surprises(one: &Outcome, other: &Outcome) -> Vec<String> {
        Expected::read(TABLE).unwrap().surprises(one, other)
    }

    #[test]
    fn a_run_that_goes_as_listed_is_no_surprise() {
        let run = outcome(false, false, true);

        assert_eq!(surprises(&run, &run), [""; 0]);
    }

    #[test]
    fn a_failure_that_is_not_listed_is_one_and_so_is_a_pass_that_is() {
        let run = outcome(true, false, false);

        let found = surprises(&run, &run);

        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("c does not pass"), "{}", found[0]);
        assert!(found[1].starts_with("a passes"), "{}", found[1]);
    }

    #[test]
    fn what_one_of_two_runs_shows_is_no_surprise() {
        let found = surprises(&outcome(true, false, false), &outcome(false, false, true));

        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_list_that_names_what_is_not_there_is_one() {
        let run = Outcome::of(vec![test("a", &[], false)]);

        assert_eq!(surprises(&run, &run), ["b is listed, and the suite has no such test"]);
    }

    #[test]
    fn what_differs_elsewhere_is_listed_there_or_not_at_all() {
        let differing = Expected::read("| `b` | passes |\n| `c` | does not |").unwrap();
        let elsewhere = Expected::read(TABLE).unwrap().but(differing);
        let run = outcome(false, true, false);

        assert_eq!(elsewhere.surprises(&run, &run), [""; 0]);
        assert_eq!(elsewhere.len(), 2);
    }

    #[test]
    fn a_row_has_a_reason_and_is_there_once() {
        assert!(Expected::read("| `a` | |").is_err());
        assert!(Expected::read("| `a` | x |\n| `a` | y |").is_err());
        assert_eq!(Expected::read(TABLE).unwrap().len(), 2);
    }
}
