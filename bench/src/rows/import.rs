//! Rows of a CSV file into a fresh store.

use std::time::Duration;

use anyhow::Result;

use super::Plan;
use crate::catalogue::{Imported, import_into_fresh};
use crate::corpus::Corpus;
use crate::figures::{Count, Megabytes, Spread, Time, nanos, per_second};
use crate::report::{Line, Section, Target};

/// A catalogue of a hundred thousand rows in twenty seconds: short enough to wait for.
const RATE_MIN: u64 = 5_000;

pub fn measure(plan: &Plan) -> Result<Section> {
    let corpus = Corpus::made_up(plan.import_rows);
    let count = corpus.rows.len();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("catalogue.csv");
    corpus.write_csv(&file)?;
    drop(corpus);

    let mut rounds = Vec::new();
    for _ in 0..plan.repeats {
        let fresh = tempfile::tempdir_in(folder.path())?;
        rounds.push(import_into_fresh(&file, count, fresh.path(), plan.cores)?.1);
    }
    Ok(section_of(&rounds))
}

fn section_of(rounds: &[Imported]) -> Section {
    let spread = |of: fn(&Imported) -> u64| Spread::of(rounds.iter().map(of));
    let rate = spread(|round| per_second(round.rows, round.took));
    let processor = spread(|round| {
        let thousands = (round.rows / 1_000).max(1);
        nanos(round.processor / u32::try_from(thousands).unwrap_or(u32::MAX))
    });
    let peak = spread(|round| round.peak);
    let took = Spread::of_times(rounds.iter().map(|round| round.took));
    let rows = Count(rounds.first().map_or(0, |round| round.rows));
    let mut section = Section::new(
        "Import",
        format!(
            "`catalog_files::Importer` brings {rows} new products of a CSV file into a fresh SQLite \
             store, each transaction on the disk before the next one, in a process on one core. No \
             peer stands beside it: it has a target."
        ),
    );

    let ranged = |what: String, least: String, most: String| format!("{what} ({least} to {most})");
    section.line(Line::alone(
        "rows a second",
        ranged(
            Count(rate.median).to_string(),
            Count(rate.least).to_string(),
            Count(rate.most).to_string(),
        ),
        Target::Set(format!("≥ {}", Count(RATE_MIN)), rate.median >= RATE_MIN),
    ));
    section.line(Line::alone(
        "CPU for 1,000 rows",
        ranged(
            Time(processor.median).to_string(),
            Time(processor.least).to_string(),
            Time(processor.most).to_string(),
        ),
        Target::None,
    ));
    section.line(Line::alone(
        "the whole file",
        format!("{:.1?}", Duration::from_nanos(took.median)),
        Target::None,
    ));
    section.line(Line::alone("peak memory", Megabytes(peak.most).to_string(), Target::None));
    section
}
