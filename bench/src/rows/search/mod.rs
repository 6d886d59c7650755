//! Queries with facets, and changes made visible, against tantivy over the same products.

mod ours;
mod peer;
mod products;
mod queries;

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};

use self::ours::Ours;
use self::peer::Peer;
use self::products::Products;
use self::queries::{Wanted, queries};
use super::Plan;
use crate::corpus::Corpus;
use crate::figures::{Count, Ratio, Spread, Time, nanos};
use crate::process::{own_thread_time, own_time};
use crate::report::{Compared, Line, Section, Target};

/// In nanoseconds: what a miss may add to an answer without anybody noticing.
const QUERY_MAX: u64 = 1_000_000;
/// Of each query in a round; the median of them is the round's figure.
const QUERIES: usize = 101;
/// Changes of each kind in a round.
const CHANGES: u64 = 10;

/// Medians of the rounds, one side each.
#[derive(Default)]
struct Rounds {
    ours: Vec<u64>,
    peer: Vec<u64>,
}

pub fn measure(plan: &Plan) -> Result<Section> {
    let corpus = Corpus::retail()?;
    // Threads that tantivy starts stay on the core of this one.
    plan.cores.measured(|| measure_here(&corpus, plan))?
}

fn measure_here(corpus: &Corpus, plan: &Plan) -> Result<Section> {
    let products = Products::of(corpus)?;
    let mut ours = Ours::new(&products);
    let mut peer = Peer::new(&products, &ours)?;
    let mut section = Section::new(
        "Search",
        format!(
            "Ours: `search::CatalogSnapshot::list` and its JSON. Peer: tantivy 0.27 in memory, BM25 over the \
             same fields with an English stemmer, the same filters, the best 24 with their cards, \
             the total, and terms aggregations of category, brand, style and availability. {} \
             products ({}), one thread; nothing is cached. CPU time of a query is the median of \
             {QUERIES} in a round. In brackets what either finds.",
            Count(products.listed.len() as u64),
            corpus.name
        ),
    );

    let (mut slowest, mut bytes) = (0, Vec::new());
    for wanted in queries(&products)? {
        let rounds = of_query(&wanted, &ours, &peer, plan)?;
        slowest = slowest.max(Spread::of(rounds.ours.iter().copied()).median);
        let (mine, theirs) = (ours.answer(&wanted)?, peer.answer(&wanted)?);
        let sizes = [mine.json.len(), theirs.json.len()];
        let (found, theirs) = (mine.total, theirs.total);
        ensure!(found > 0 && theirs > 0, "nothing is found by: {}", wanted.name);
        bytes.push(sizes);
        ensure!(found == theirs || wanted.text.is_some(), "{}: {found}, {theirs}", wanted.name);
        section.line(rounds.line(format!("{} [{found}, {theirs}]", wanted.name)));
    }
    section.line(Line::alone(
        "slowest of these",
        Time(slowest).to_string(),
        Target::Set(format!("≤ {}", Time(QUERY_MAX)), slowest <= QUERY_MAX),
    ));
    changes(&mut section, &products, &mut ours, &mut peer, plan)?;

    let size = |side: usize| Count(Spread::of(bytes.iter().map(|both| both[side] as u64)).median);
    section.note(format!("An answer has {} bytes of JSON, the peer's {}.", size(0), size(1)));
    section.note(
        "Ours also looks for prefixes and slips by itself, weighs fields, and counts a facet \
         without its own filter; tantivy does none of these here, except where a query says so.",
    );
    section.note(
        "A change is visible when the next query shows it: ours makes the next snapshot; tantivy \
         deletes, adds, commits and reloads, with its own merges in its figure (all threads).",
    );
    Ok(section)
}

fn of_query(wanted: &Wanted, ours: &Ours, peer: &Peer, plan: &Plan) -> Result<Rounds> {
    let mut rounds = Rounds::default();

    for _ in 0..plan.rounds {
        rounds.ours.push(median(|| {
            black_box(ours.answer(wanted)?);
            Ok(())
        })?);
        rounds.peer.push(median(|| {
            black_box(peer.answer(wanted)?);
            Ok(())
        })?);
    }
    Ok(rounds)
}

/// Of the processor time of this thread, in nanoseconds.
fn median(mut query: impl FnMut() -> Result<()>) -> Result<u64> {
    let mut times = Vec::with_capacity(QUERIES);
    for _ in 0..QUERIES {
        let before = own_thread_time();
        query()?;
        times.push(own_thread_time() - before);
    }

    Ok(Spread::of_times(times).median)
}

fn changes(
    section: &mut Section,
    products: &Products,
    ours: &mut Ours,
    peer: &mut Peer,
    plan: &Plan,
) -> Result<()> {
    let size = products.listed.len() as u64;
    for what in ["price", "text"] {
        let mut rounds = Rounds::default();
        for round in 0..plan.rounds as u64 {
            let changed: Vec<_> = (0..CHANGES)
                .map(|turn| {
                    let turn = round * CHANGES + turn;
                    // A prime stride, so that each is another product.
                    let before = &products.listed[(turn * 7_919 % size) as usize];
                    if what == "price" {
                        products::repriced(before, 1_000 + turn as i64)
                    } else {
                        products::renamed(before, &format!("Renamed Thing {turn}"))
                    }
                })
                .collect();
            // Ours works on this thread alone. Whatever tantivy still merges must not count for it.
            let (mut mine, before) = (Duration::ZERO, own_time());
            for product in &changed {
                let before = own_thread_time();
                ours.change(product);
                mine += own_thread_time() - before;
            }
            let between = own_time();
            for product in &changed {
                peer.change(product, ours)?;
            }
            let theirs = own_time() - between;
            ensure!(between > before, "the clock of processor time stands");
            rounds.ours.push(nanos(mine) / CHANGES);
            rounds.peer.push(nanos(theirs) / CHANGES);
        }
        section.line(rounds.line(format!("one {what} changed, and visible")));
    }
    Ok(())
}

impl Rounds {
    fn line(&self, what: String) -> Line {
        let (ours, peer) =
            (Spread::of(self.ours.iter().copied()), Spread::of(self.peer.iter().copied()));
        let rounds = self.ours.iter().zip(&self.peer).map(|(ours, peer)| Ratio::of(*ours, *peer));

        Line {
            what,
            ours: Time(ours.median).to_string(),
            peer: Time(peer.median).to_string(),
            ratio: Some(Compared::of(Ratio::of(ours.median, peer.median), rounds)),
            target: Target::None,
        }
    }
}
