//! The origin's hit.

use anyhow::Result;

use super::{Plan, hits};
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Ratio};
use crate::report::Section;

/// Half as much again as a handler that does nothing but answer: routing, ids, counters, the cache.
const LIMIT: Ratio = Ratio::thousandths(1_500);

pub fn measure(plan: &Plan) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let corpus = Corpus::retail()?;
    let sides = format!(
        "Ours: `origin::serve` over SQLite with {} products ({}), a hit in its memory. Peer: an \
         axum 0.8 handler under `axum::serve` that gives the same bytes and headers.",
        Count(corpus.rows.len() as u64),
        corpus.name
    );
    let mut section = Section::new("Origin hit", sides);

    let store = fill(&corpus, folder.path(), plan.cores)?;
    let arguments = ["serve-origin", "--store", text(&store)?];
    let origin = Server::of_task(&arguments, Place::Measured, plan.cores)?;
    hits::measure(&mut section, &origin, folder.path(), LIMIT, plan)?;

    section.note(
        "On our side alone: a fresh request id, counters and a histogram, the parse of the request \
         into its cache key, the check of the entry against the change log, the log's poll.",
    );
    Ok(section)
}
