//! What a hit at the native edge costs while one client holds as many connections as it is let.

use anyhow::Result;

use super::Plan;
use super::hits::{self, Sides};
use crate::answer::{Answer, request};
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::crowd::Crowd;
use crate::figures::{Count, Ratio};
use crate::load::fetch;
use crate::report::{Section, Target};

/// As many as one address once held against everybody else.
const CROWD: usize = 10_300;
/// Of the same server's without a crowd.
const LIMIT: Ratio = Ratio::thousandths(2_000);
const PAGE: &str = "/products?limit=24&sort=name";

pub fn measure(plan: &Plan) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let store = fill(&Corpus::made_up(1_000), folder.path(), plan.cores)?;
    let arguments = ["serve-origin", "--store", text(&store)?];
    let origin = Server::of_task(&arguments, Place::Aside, plan.cores)?;
    let url = format!("http://{}", origin.addr()?);
    let edge = || Server::of_task(&["serve-edge", "--origin", &url], Place::Measured, plan.cores);
    let (besieged, quiet) = (edge()?, edge()?);
    let (wanted, same) = (hit(&besieged)?, hit(&quiet)?);

    let crowd = Crowd::at(besieged.addr()?, CROWD, request(besieged.addr()?, PAGE))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(hits::round(&besieged, &wanted, plan)?);
        theirs.push(hits::round(&quiet, &same, plan)?);
    }
    let held = crowd.held();

    let mut section = Section::new(
        "Edge hit beside a crowd",
        format!(
            "`edge_native::serve` while one address tries to hold {} connections, each asking for a \
             page every 15 s and coming back a second after it was closed. The peer is the same \
             server without them, a round of each in turn.",
            Count(CROWD as u64)
        ),
    );
    let sides = Sides { ours: &ours, theirs: &theirs };
    section.line(sides.slow("list of 24", |ratio| Target::at_most(LIMIT, ratio)));
    section.line(sides.processor("list of 24", |_| Target::None));
    section.note(format!("At the end {} of them held a place.", Count(held as u64)));
    Ok(section)
}

/// The first fetch fills, the second is the hit.
fn hit(edge: &Server) -> Result<Answer> {
    fetch(edge.addr()?, PAGE)?;
    let hit = fetch(edge.addr()?, PAGE)?;

    hit.ensure_hit()?;
    Ok(hit)
}
