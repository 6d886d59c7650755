//! The native edge's hit.

use anyhow::Result;

use super::{Plan, hits};
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Ratio};
use crate::report::Section;

/// An edge is on every shopper's way; a fifth is what keys, counters and freshness may take.
const LIMIT: Ratio = Ratio::thousandths(1_200);

pub fn measure(plan: &Plan) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let corpus = Corpus::retail()?;
    let sides = format!(
        "Ours: `edge_native::serve` in front of an origin with {} products ({}), a hit in its \
         memory. Peer: an axum 0.8 handler under `axum::serve` that gives the same bytes and \
         headers.",
        Count(corpus.rows.len() as u64),
        corpus.name
    );
    let mut section = Section::new("Edge hit", sides);

    let store = fill(&corpus, folder.path(), plan.cores)?;
    let arguments = ["serve-origin", "--store", text(&store)?];
    let origin = Server::of_task(&arguments, Place::Aside, plan.cores)?;
    let url = format!("http://{}", origin.addr()?);
    let edge = Server::of_task(&["serve-edge", "--origin", &url], Place::Measured, plan.cores)?;
    hits::measure(&mut section, &edge, folder.path(), LIMIT, plan)?;

    section.note(
        "On our side alone: the look-up of the request as it is spelt, the negotiation of the \
         encoding, the freshness rule, the check against the change log, the shopper's limit, `Age`, \
         `Cache-Status` and `RateLimit` of the moment, counters, the log's poll.",
    );
    Ok(section)
}
