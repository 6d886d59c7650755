//! A hit in the memory of a server of ours against axum giving the same answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::Plan;
use crate::answer::{self, Answer};
use crate::catalogue::text;
use crate::child::{Place, Server};
use crate::figures::{Count, Ratio, Spread, Time, each, nanos, per_second};
use crate::load::{Clients, Question, fetch, fetch_plain};
use crate::report::{Compared, Line, Section, Target};

/// What a round of one side gave.
pub struct Round {
    /// Of the server for each request, in nanoseconds.
    pub processor: u64,
    pub rate: u64,
    /// Of the load for each request, in nanoseconds.
    pub load: u64,
    /// 99 of 100 answers came within so many nanoseconds.
    pub slow: u64,
}

/// Measures a page of a product and a list of 24 at `server`.
pub fn measure(
    section: &mut Section,
    server: &Server,
    folder: &Path,
    limit: Ratio,
    plan: &Plan,
) -> Result<()> {
    let addr = server.addr()?;
    let (answers, peer) = peer(server, folder, Place::Measured, plan)?;

    let mut load = Vec::new();
    for (name, wanted) in ["product page", "list of 24"].into_iter().zip(answers) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            ours.push(round(server, &wanted, plan)?);
            theirs.push(round(&peer, &wanted, plan)?);
        }
        fetch(addr, &wanted.target)?.ensure_hit()?;

        let name = format!("{name}, {} bytes in brotli", Count(wanted.body.len() as u64));
        load.extend(ours.iter().chain(&theirs).map(|round| round.load));
        let sides = Sides { ours: &ours, theirs: &theirs };
        section.line(sides.processor(&name, |ratio| Target::at_most(limit, ratio)));
        section.line(sides.rate(&name, |_| Target::None));
    }
    let load = Time(Spread::of(load).median);
    section.note(format!(
        "The load itself took {load} of its own core for a request (median): requests a second are \
         bounded by the busier of the two, CPU for a request is not."
    ));
    Ok(())
}

/// The hits of `server` (a product page and a list of 24), and an axum handler that gives the same.
pub fn peer(
    server: &Server,
    folder: &Path,
    place: Place,
    plan: &Plan,
) -> Result<(Vec<Answer>, Server)> {
    let addr = server.addr()?;
    // The first fetch fills, the second is the hit.
    let answers: Vec<_> = targets(addr)?
        .iter()
        .map(|target| fetch(addr, target).and_then(|_| fetch(addr, target)))
        .collect::<Result<_>>()?;
    answers.iter().try_for_each(Answer::ensure_hit)?;
    let recorded = folder.join("answers.json");
    answer::save(&answers, &recorded)?;
    let arguments = ["serve-axum", "--answers", text(&recorded)?];

    Ok((answers, Server::of_task(&arguments, place, plan.cores)?))
}

pub fn round(server: &Server, wanted: &Answer, plan: &Plan) -> Result<Round> {
    let addr = server.addr()?;

    round_of(server, &[Question::of(addr, wanted)].into(), plan)
}

pub fn round_of(server: &Server, questions: &Arc<[Question]>, plan: &Plan) -> Result<Round> {
    let mut clients = Clients::connect(server.addr()?, plan.connections)?;
    clients.run(questions, plan.warm_up)?;

    let before = server.processor_time()?;
    let done = clients.run(questions, plan.round)?;
    let used = server.processor_time()? - before;

    Ok(Round {
        processor: nanos(each(used, done.requests)),
        rate: per_second(done.requests, done.took),
        load: nanos(each(done.processor, done.requests)),
        slow: nanos(done.slow),
    })
}

/// The first product of a list, and the list of its category.
fn targets(addr: SocketAddr) -> Result<[String; 2]> {
    let first = read(addr, "/products?limit=24&sort=name")?;
    let card = &first["data"][0];
    let (slug, category) = (card["slug"].as_str(), card["category"]["slug"].as_str());
    let (Some(slug), Some(category)) = (slug, category) else {
        bail!("the list has no products: {first}");
    };
    let list = format!("/products?category={category}");
    let cards = read(addr, &list)?["data"].as_array().map_or(0, Vec::len);

    ensure!(cards == 24, "{list} shows {cards} products");
    Ok([format!("/products/{slug}"), list])
}

fn read(addr: SocketAddr, target: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&fetch_plain(addr, target)?.body)?)
}

/// The rounds of two servers that took turns.
pub struct Sides<'a> {
    pub ours: &'a [Round],
    pub theirs: &'a [Round],
}

impl Sides<'_> {
    pub fn processor(&self, what: &str, target: impl FnOnce(Ratio) -> Target) -> Line {
        let what = format!("{what}: CPU for a request");

        self.line(what, |round| round.processor, |time| Time(time).to_string(), target)
    }

    pub fn rate(&self, what: &str, target: impl FnOnce(Ratio) -> Target) -> Line {
        let what = format!("{what}: requests a second");

        self.line(what, |round| round.rate, |rate| Count(rate).to_string(), target)
    }

    pub fn slow(&self, what: &str, target: impl FnOnce(Ratio) -> Target) -> Line {
        self.line(format!("{what}: p99"), |round| round.slow, |time| Time(time).to_string(), target)
    }

    fn line(
        &self,
        what: String,
        of: fn(&Round) -> u64,
        written: fn(u64) -> String,
        target: impl FnOnce(Ratio) -> Target,
    ) -> Line {
        let median = |rounds: &[Round]| Spread::of(rounds.iter().map(of)).median;
        let (ours, theirs) = (median(self.ours), median(self.theirs));
        let pairs = self.ours.iter().zip(self.theirs);
        let compared =
            Compared::of(Ratio::of(ours, theirs), pairs.map(|(a, b)| Ratio::of(of(a), of(b))));

        Line {
            what,
            ours: written(ours),
            peer: written(theirs),
            target: target(compared.ratio),
            ratio: Some(compared),
        }
    }
}
