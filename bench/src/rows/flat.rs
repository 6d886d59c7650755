//! What a hit at the native edge costs by the number of answers that it keeps.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Plan;
use super::hits::{self, Round, Sides};
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Ratio};
use crate::load::{Clients, Question, fetch_plain};
use crate::report::{Line, Section, Target};

/// Of the smallest catalogue's.
const LIMIT: Ratio = Ratio::thousandths(1_100);
/// More than 100,000 product pages take.
const CAPACITY_MB: &str = "1024";

struct Size {
    products: u32,
    // Held, or the edge's origin is gone.
    _origin: Server,
    edge: Server,
    questions: Arc<[Question]>,
    rounds: Vec<Round>,
}

pub fn measure(plan: &Plan) -> Result<Section> {
    let mut section = Section::new(
        "Edge hit by the size of the catalogue",
        "`edge_native::serve` with the page of every product in its memory; the load asks for all \
         of them in turn. The peer is ours with the smallest catalogue, a round of each in turn.",
    );
    let mut sizes: Vec<_> =
        plan.sizes.iter().map(|products| Size::warm(*products, plan)).collect::<Result<_>>()?;

    for _ in 0..plan.rounds {
        for size in &mut sizes {
            size.rounds.push(hits::round_of(&size.edge, &size.questions, plan)?);
        }
    }
    let (least, others) = sizes.split_first().context("there are sizes")?;
    for size in others {
        section.line(line(size, least));
    }
    Ok(section)
}

impl Size {
    fn warm(products: u32, plan: &Plan) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = fill(&Corpus::made_up(products), folder.path(), plan.cores)?;
        let arguments = ["serve-origin", "--store", text(&store)?];
        let origin = Server::of_task(&arguments, Place::Aside, plan.cores)?;
        let url = format!("http://{}", origin.addr()?);
        let arguments = ["serve-edge", "--origin", &url, "--capacity-mb", CAPACITY_MB];
        let edge = Server::of_task(&arguments, Place::Measured, plan.cores)?;
        let addr = edge.addr()?;
        let questions: Arc<[_]> = pages(&origin)?
            .iter()
            .map(|slug| Question::about(addr, &format!("/products/{slug}")))
            .collect();
        ensure!(questions.len() == products as usize, "{} pages", questions.len());

        let mut clients = Clients::connect(addr, plan.connections)?;
        clients.once(&questions)?;
        Ok(Self { products, _origin: origin, edge, questions, rounds: Vec::new() })
    }
}

/// The slug of every product.
fn pages(origin: &Server) -> Result<Vec<String>> {
    let mut slugs = Vec::new();
    let mut cursor = String::new();

    loop {
        let target = format!("/products?limit=100&sort=name{cursor}");
        let page: Value = serde_json::from_slice(&fetch_plain(origin.addr()?, &target)?.body)?;
        let cards = page["data"].as_array().context("a list")?;
        slugs.extend(cards.iter().filter_map(|card| card["slug"].as_str()).map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(slugs),
        }
    }
}

fn line(size: &Size, least: &Size) -> Line {
    let (products, fewer) = (u64::from(size.products), u64::from(least.products));
    let what = format!("{} pages against {}", Count(products), Count(fewer));
    let sides = Sides { ours: &size.rounds, theirs: &least.rounds };

    sides.processor(&what, |ratio| Target::at_most(LIMIT, ratio))
}
