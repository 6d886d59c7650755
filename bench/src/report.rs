//! The table: what was measured, against whom, how many times as much.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::figures::Ratio;
use crate::machine::Machine;
use crate::rows::Plan;

pub struct Report {
    machine: Machine,
    how: String,
    sections: Vec<Section>,
}

/// One row of the benchmark, as a table of its own.
pub struct Section {
    title: String,
    /// Who stands on which side, and what they do.
    sides: String,
    lines: Vec<Line>,
    notes: Vec<String>,
}

pub struct Line {
    pub what: String,
    pub ours: String,
    /// Nothing where the row has a target alone.
    pub peer: String,
    pub ratio: Option<Compared>,
    pub target: Target,
}

/// The ratio of the medians, and the rounds that were farthest from it.
#[derive(Clone, Copy)]
pub struct Compared {
    pub ratio: Ratio,
    pub least: Ratio,
    pub most: Ratio,
}

pub enum Target {
    None,
    /// The text says it; whether it was met.
    Set(String, bool),
}

impl Report {
    pub fn new(plan: &Plan) -> Self {
        Self { machine: Machine::describe(), how: plan.describe(), sections: Vec::new() }
    }

    pub fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    pub fn write_to(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, self.to_string())?)
    }
}

impl Section {
    pub fn new(title: impl Into<String>, sides: impl Into<String>) -> Self {
        let (lines, notes) = (Vec::new(), Vec::new());

        Self { title: title.into(), sides: sides.into(), lines, notes }
    }

    pub fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Line {
    /// A figure of ours that no peer has a counterpart of.
    pub fn alone(what: impl Into<String>, ours: impl Into<String>, target: Target) -> Self {
        Self { what: what.into(), ours: ours.into(), peer: "–".into(), ratio: None, target }
    }
}

impl Compared {
    pub fn of(ratio: Ratio, rounds: impl IntoIterator<Item = Ratio>) -> Self {
        let rounds: Vec<_> = rounds.into_iter().collect();
        let least = rounds.iter().min().copied().unwrap_or(ratio);
        let most = rounds.iter().max().copied().unwrap_or(ratio);

        Self { ratio, least, most }
    }
}

impl Target {
    pub fn at_most(limit: Ratio, measured: Ratio) -> Self {
        Self::Set(format!("≤ {limit}"), measured <= limit)
    }

    pub fn at_least(limit: Ratio, measured: Ratio) -> Self {
        Self::Set(format!("≥ {limit}"), measured >= limit)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { model, cores, kernel, commit, at } = &self.machine;

        writeln!(out, "# Benchmarks\n")?;
        writeln!(
            out,
            "`cargo xtask bench --write` measured this; `cargo xtask bench --help` says how to measure \
             a part of it. A ratio is ours over the peer's: below 1.00× we take less. Behind it stand the \
             lowest and the highest of the rounds.\n"
        )?;
        writeln!(out, "- When, and what: {at}, commit {commit}")?;
        writeln!(out, "- Machine: {model}, {cores} cores, Linux {kernel}")?;
        writeln!(out, "- How: {}", self.how)?;
        writeln!(out, "- Load of the machine at the end: {}", Machine::busyness())?;
        self.sections.iter().try_for_each(|section| write!(out, "\n{section}"))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "## {}\n\n{}", self.title, self.sides)?;
        if !self.lines.is_empty() {
            writeln!(out, "\n| what | ours | peer | ratio | target |\n|---|---|---|---|---|")?;
            self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        if !self.notes.is_empty() {
            writeln!(out)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "- {note}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, ours, peer, ratio, target } = self;
        let ratio = ratio.map_or("–".to_owned(), |ratio| ratio.to_string());

        write!(out, "| {what} | {ours} | {peer} | {ratio} | {target} |")
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "**{}** ({} to {})", self.ratio, self.least, self.most)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => out.write_str("–"),
            Self::Set(text, true) => write!(out, "{text}: met"),
            Self::Set(text, false) => write!(out, "{text}: **missed**"),
        }
    }
}
