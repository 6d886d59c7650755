//! The native edge's hit against the caches that others use.

use anyhow::{Result, ensure};

use super::Plan;
use super::hits::{self, Round, Sides};
use crate::answer::Answer;
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Ratio};
use crate::load::fetch;
use crate::peers::{nginx_file, nginx_proxy, varnish, version};
use crate::report::{Section, Target};

/// Of nginx's `proxy_cache`: what the milestone asks of a hit's processor time and rate.
const PROCESSOR_MAX: Ratio = Ratio::thousandths(850);
const RATE_MIN: Ratio = Ratio::thousandths(1_200);
const NO_WORSE: Ratio = Ratio::thousandths(1_000);

struct Peer {
    name: &'static str,
    server: Server,
    rounds: Vec<Round>,
}

pub fn measure(plan: &Plan) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let corpus = Corpus::retail()?;
    let (nginx, varnishd) = (version("nginx", "-v")?, version("varnishd", "-V")?);
    let mut section = Section::new(
        "Edge hit against other caches",
        format!(
            "Ours: `edge_native::serve`, a hit in its memory, {} products ({}). Peers: {nginx}, one \
             worker, `proxy_cache` with `open_file_cache`, and the same giving files; {varnishd}, in \
             memory; an axum 0.8 handler. All give the same bytes of brotli; the caches stand in \
             front of the axum handler. A round of each in turn.",
            Count(corpus.rows.len() as u64),
            corpus.name
        ),
    );

    let store = fill(&corpus, folder.path(), plan.cores)?;
    let origin =
        Server::of_task(&["serve-origin", "--store", text(&store)?], Place::Aside, plan.cores)?;
    let url = format!("http://{}", origin.addr()?);
    let edge = Server::of_task(&["serve-edge", "--origin", &url], Place::Measured, plan.cores)?;
    let (answers, axum) = hits::peer(&edge, folder.path(), Place::Measured, plan)?;
    let upstream = axum.addr()?;
    let mut peers = [
        ("nginx proxy_cache", nginx_proxy(folder.path(), upstream, plan.cores)?),
        ("nginx file", nginx_file(folder.path(), &answers, plan.cores)?),
        ("Varnish", varnish(folder.path(), upstream, plan.cores)?),
        ("axum", axum),
    ]
    .map(|(name, server)| Peer { name, server, rounds: Vec::new() });

    for (name, wanted) in ["product page", "list of 24"].into_iter().zip(&answers) {
        peers.iter_mut().for_each(|peer| peer.rounds.clear());
        peers.iter().try_for_each(|peer| ensure_hit(peer, wanted))?;
        let mut ours = Vec::new();
        for _ in 0..plan.rounds {
            ours.push(hits::round(&edge, wanted, plan)?);
            for peer in &mut peers {
                peer.rounds.push(hits::round(&peer.server, wanted, plan)?);
            }
        }
        fetch(edge.addr()?, &wanted.target)?.ensure_hit()?;
        for peer in &peers {
            add_lines(&mut section, name, &ours, peer);
        }
    }
    section.note(
        "p99 is of the time from a request's first byte to its answer's last one, as the load saw \
         it with all of its connections busy.",
    );
    Ok(section)
}

/// The second fetch is one, and what a peer says of it is believed.
fn ensure_hit(peer: &Peer, wanted: &Answer) -> Result<()> {
    let addr = peer.server.addr()?;
    fetch(addr, &wanted.target)?;
    let answer = fetch(addr, &wanted.target)?;
    let is_hit = match peer.name {
        "nginx proxy_cache" => answer.header("x-cache-status") == Some("HIT"),
        "Varnish" => answer.header("x-hits").is_some_and(|hits| hits != "0"),
        _ => true,
    };

    ensure!(is_hit, "{}: {} was no hit", peer.name, wanted.target);
    ensure!(answer.body == wanted.body, "{}: {} has another body", peer.name, wanted.target);
    Ok(())
}

fn add_lines(section: &mut Section, what: &str, ours: &[Round], peer: &Peer) {
    let is_rival = peer.name == "nginx proxy_cache";
    let of_rival = |target: Target| if is_rival { target } else { Target::None };
    let what = format!("{what}, {}", peer.name);
    let sides = Sides { ours, theirs: &peer.rounds };

    section.line(sides.processor(&what, |ratio| of_rival(Target::at_most(PROCESSOR_MAX, ratio))));
    section.line(sides.rate(&what, |ratio| of_rival(Target::at_least(RATE_MIN, ratio))));
    section.line(sides.slow(&what, |ratio| of_rival(Target::at_most(NO_WORSE, ratio))));
}
