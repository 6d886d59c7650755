//! What ran, how long it took and how it ended.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::tally::Tally;

#[derive(Default)]
pub struct Report {
    stages: Vec<Ended>,
}

struct Ended {
    name: &'static str,
    took: Duration,
    tally: Tally,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Report {
    /// Runs one stage and prints how it ended; `true` when it passed. The rest goes on after a
    /// failure, so that one run tells everything that is wrong.
    pub fn stage(&mut self, name: &'static str, work: impl FnOnce() -> Result<Tally>) -> bool {
        println!("\n== {name}");
        let began = Instant::now();
        let (mut tally, error) = match work() {
            Ok(tally) => (tally, None),
            Err(error) => (Tally::default(), Some(error)),
        };
        let took = began.elapsed();

        if let Some(error) = &error {
            println!("error: {error:#}");
            // A stage that broke before it could count must not look like nothing went wrong.
            tally.failed += 1;
        }
        let verdict = if tally.failed == 0 { Verdict::Passed } else { Verdict::Failed };
        let ended = Ended { name, took, tally, verdict };
        println!("== {}", ended.line());
        self.stages.push(ended);

        verdict == Verdict::Passed
    }

    /// Notes a stage that could not run because one before it failed; that one counts.
    pub fn skip(&mut self, name: &'static str, why: &str) {
        println!("\n== {name}\nskipped: {why}");
        let took = Duration::ZERO;
        self.stages.push(Ended { name, took, tally: Tally::default(), verdict: Verdict::Skipped });
    }

    /// Prints the table and the closing line; `true` when nothing failed.
    pub fn close(&self) -> bool {
        let mut sum = Tally::default();
        let mut took = Duration::ZERO;

        println!("\n{}", "-".repeat(72));
        for ended in &self.stages {
            println!("{}", ended.line());
            sum += ended.tally;
            took += ended.took;
        }
        println!("{:<26} {:<7} {:>9}", "everything", "", seconds(took));
        println!("{}", sum.closing_line());

        sum.failed == 0
    }
}

impl Ended {
    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Passed => "ok",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        };
        let counted = match self.tally {
            tally if tally == Tally::default() => String::new(),
            tally => tally.closing_line(),
        };
        let line = format!("{:<26} {verdict:<7} {:>9}  {counted}", self.name, seconds(self.took));

        line.trim_end().to_owned()
    }
}

/// `75.3 s`, in integers.
fn seconds(duration: Duration) -> String {
    format!("{}.{} s", duration.as_secs(), duration.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_stage_that_breaks_before_counting_fails_the_run() {
        let mut report = Report::default();

        let first = report.stage("counts", || Ok(Tally { passed: 3, ..Tally::default() }));
        let second = report.stage("breaks", || bail!("does not compile"));

        assert!(first);
        assert!(!second);
        assert!(!report.close());
    }

    #[test]
    fn a_failed_test_fails_its_stage() {
        let mut report = Report::default();

        let passed = report.stage("tests", || Ok(Tally { passed: 9, failed: 1, skipped: 0 }));

        assert!(!passed);
        assert!(!report.close());
    }

    #[test]
    fn a_stage_that_counts_nothing_passes() {
        let mut report = Report::default();

        report.stage("build", || Ok(Tally::default()));

        assert!(report.close());
    }
}
