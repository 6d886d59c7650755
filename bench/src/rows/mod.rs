//! The rows of the benchmark.

mod caches;
mod crowded;
mod edge;
mod flat;
mod hits;
mod import;
mod memory;
mod origin;
mod refresh;
mod search;
mod start;
mod visible;
mod worker;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::cores::Cores;
use crate::report::Report;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// A hit in the origin's memory against axum.
    Origin,
    /// A hit in the edge's memory against axum.
    Edge,
    /// The same against nginx and Varnish, which must be installed.
    Caches,
    /// The same with more and more answers in memory.
    Flat,
    /// The same while one client holds thousands of connections.
    Crowded,
    /// A hit in the Worker's memory against other Workers; `cargo xtask bench` builds them.
    Worker,
    /// What following the change log costs an isolate of the Worker.
    Refresh,
    /// Rows of a file into a fresh store.
    Import,
    /// Queries and changes against tantivy.
    Search,
    /// An origin's memory and start by the size of its catalogue.
    Memory,
    /// The second start of the shop.
    Start,
    /// How soon an edge shows an admin's change.
    Visible,
}

impl Row {
    pub const ALL: [Self; 12] = [
        Self::Origin,
        Self::Edge,
        Self::Caches,
        Self::Flat,
        Self::Crowded,
        Self::Worker,
        Self::Refresh,
        Self::Import,
        Self::Search,
        Self::Memory,
        Self::Start,
        Self::Visible,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Edge => "edge",
            Self::Caches => "caches",
            Self::Flat => "flat",
            Self::Crowded => "crowded",
            Self::Worker => "worker",
            Self::Refresh => "refresh",
            Self::Import => "import",
            Self::Search => "search",
            Self::Memory => "memory",
            Self::Start => "start",
            Self::Visible => "visible",
        }
    }

    pub fn measure(self, plan: &Plan, report: &mut Report) -> Result<()> {
        report.add(match self {
            Self::Origin => origin::measure(plan)?,
            Self::Edge => edge::measure(plan)?,
            Self::Caches => caches::measure(plan)?,
            Self::Flat => flat::measure(plan)?,
            Self::Crowded => crowded::measure(plan)?,
            Self::Worker => worker::measure(plan)?,
            Self::Refresh => refresh::measure(plan)?,
            Self::Import => import::measure(plan)?,
            Self::Search => search::measure(plan)?,
            Self::Memory => memory::measure(plan)?,
            Self::Start => start::measure(plan)?,
            Self::Visible => visible::measure(plan)?,
        });
        Ok(())
    }
}

/// How much is measured, and where.
pub struct Plan {
    pub cores: Cores,
    /// Of two sides in turn. Odd, so that one round is the median.
    pub rounds: usize,
    /// Of what takes many seconds; odd as well.
    pub repeats: usize,
    /// Of a server under load.
    pub round: Duration,
    /// Before each round: caches, branch predictors and connections.
    pub warm_up: Duration,
    pub connections: usize,
    pub import_rows: u32,
    /// Changes that edges are told of by pushes, and changes that they must find by themselves.
    pub told: u32,
    pub untold: u32,
    /// Sizes of catalogues.
    pub sizes: &'static [u32],
    quick: bool,
}

impl Plan {
    pub fn new(quick: bool) -> Result<Self> {
        let cores = Cores::choose()?;
        let connections = 32;

        Ok(if quick {
            Self {
                cores,
                rounds: 5,
                repeats: 3,
                round: Duration::from_millis(300),
                warm_up: Duration::from_millis(100),
                connections,
                import_rows: 10_000,
                told: 200,
                untold: 10,
                sizes: &[1_000, 10_000],
                quick,
            }
        } else {
            Self {
                cores,
                // Many short ones: other work on the machine comes and goes within seconds.
                rounds: 11,
                repeats: 5,
                // A hundred ticks of the clock that counts processor time.
                round: Duration::from_secs(1),
                warm_up: Duration::from_millis(300),
                connections,
                import_rows: 100_000,
                told: 400,
                untold: 60,
                sizes: &[1_000, 10_000, 100_000],
                quick,
            }
        })
    }

    pub fn describe(&self) -> String {
        let Self { rounds, repeats, round, warm_up, connections, .. } = self;
        let look = if self.quick { " **A quick look, not a result.**" } else { "" };

        format!(
            "{}; medians of {rounds} rounds, ours and the peer's in turn, or of {repeats} where no \
             peer stands beside it; servers in processes of their own under {connections} \
             keep-alive connections of HTTP/1.1 on the loopback, rounds of {round:?} after \
             {warm_up:?} of warming up.{look}",
            self.cores.describe()
        )
    }
}
