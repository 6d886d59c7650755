//! A hit in the memory of the Worker's isolate against the least that Workers do.

use anyhow::{Result, ensure};

use super::Plan;
use super::hits::{self, Round, Sides};
use crate::answer::Answer;
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Ratio};
use crate::load::{Question, fetch, fetch_plain};
use crate::peers::{Script, Workers};
use crate::report::{Section, Target};
use crate::servers::SECRET;

/// Of a Worker in Rust that says hello.
const LIMIT: Ratio = Ratio::thousandths(1_350);

/// Of a documentation's network (RFC 5737).
const SHOPPER: &str = "192.0.2.1";

const HELLO: &str = r#"export default { fetch() { return new Response("hello"); } };"#;

struct Peer {
    name: &'static str,
    server: Server,
    rounds: Vec<Round>,
}

pub fn measure(plan: &Plan) -> Result<Section> {
    let title = "Worker hit";
    let Some(workers) = Workers::built() else {
        let mut section = Section::new(title, "Not measured.");
        section.note("`cargo xtask bench` builds the Workers first, and measures it.");
        return Ok(section);
    };
    let folder = tempfile::tempdir()?;
    let corpus = Corpus::retail()?;
    let mut section = Section::new(
        title,
        format!(
            "Ours: the Cloudflare Worker, a hit in its isolate's memory, {} products ({}), no \
             rate-limit binding but in the last lines. Peers: a Worker in Rust that says hello (`worker` 0.8), one in \
             JavaScript that says hello, and one in JavaScript that gives the same bytes and \
             headers out of a Map, with `Age` and `Cache-Status` of the moment. Each alone in a \
             `workerd serve` ({}); a round of each in turn.",
            Count(corpus.rows.len() as u64),
            corpus.name,
            workers.version()?
        ),
    );

    let store = fill(&corpus, folder.path(), plan.cores)?;
    let origin =
        Server::of_task(&["serve-origin", "--store", text(&store)?], Place::Aside, plan.cores)?;
    let script = |is_limited| {
        anyhow::Ok(Script::Edge { origin: origin.addr()?, secret: SECRET, is_limited })
    };
    let edge = workers.start("edge", &script(false)?, folder.path(), plan.cores)?;
    let limited = workers.start("limited", &script(true)?, folder.path(), plan.cores)?;
    let wanted = hit(&edge)?;
    let map = map(&wanted);
    let mut peers = Vec::new();
    for (name, script) in [
        ("Rust hello", Script::RustHello),
        ("JavaScript hello", Script::Source(HELLO)),
        ("JavaScript Map", Script::Source(&map)),
    ] {
        let at = name.replace(' ', "-");
        let server = workers.start(&at, &script, folder.path(), plan.cores)?;
        peers.push(Peer { name, server, rounds: Vec::new() });
    }

    let (mut ours, mut counted) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(round(&edge, &wanted.target, plan)?);
        counted.push(round(&limited, &wanted.target, plan)?);
        for peer in &mut peers {
            peer.rounds.push(round(&peer.server, &wanted.target, plan)?);
        }
    }
    for edge in [&edge, &limited] {
        fetch(edge.addr()?, &wanted.target)?.ensure_hit()?;
    }
    peers.iter().for_each(|peer| add_lines(&mut section, &ours, peer));
    let bound = "with a rate limit, against without";
    let sides = Sides { ours: &counted, theirs: &ours };
    section.line(sides.processor(bound, |_| Target::None));
    section.line(sides.rate(bound, |_| Target::None));
    section.note(
        "workerd has no rate-limit binding of its own: this one counts in a Map of the isolate, so \
         it is what the Worker pays for having one, most of it for the timer that bounds the wait; \
         what Cloudflare's own takes comes on top.",
    );
    Ok(section)
}

/// Of what the server answers now, asked as Cloudflare would ask.
fn round(server: &Server, target: &str, plan: &Plan) -> Result<Round> {
    let addr = server.addr()?;
    let answer = fetch(addr, target)?;

    hits::round_of(server, &[Question::of(addr, &answer).from(addr, SHOPPER)].into(), plan)
}

/// The first product's page, from the isolate's memory.
fn hit(edge: &Server) -> Result<Answer> {
    let addr = edge.addr()?;
    let list = fetch_plain(addr, "/products?limit=24&sort=name")?;
    let list: serde_json::Value = serde_json::from_slice(&list.body)?;
    let slug = list["data"][0]["slug"].as_str().unwrap_or_default().to_owned();
    ensure!(!slug.is_empty(), "the list has no products");
    let target = format!("/products/{slug}");

    fetch(addr, &target)?;
    let wanted = fetch(addr, &target)?;
    wanted.ensure_hit()?;
    Ok(wanted)
}

/// A Worker that keeps the answer in a Map.
fn map(wanted: &Answer) -> String {
    let fixed = ["content-type", "content-encoding", "etag", "vary", "cache-control"];
    let headers: Vec<_> =
        fixed.iter().filter_map(|name| Some((*name, wanted.header(name)?))).collect();

    format!(
        r#"const kept = new Map([[{target}, {{
  at: 0,
  headers: {headers},
  body: new Uint8Array({body}).buffer,
}}]]);
export default {{
  fetch(request) {{
    const url = new URL(request.url);
    const entry = kept.get(url.pathname + url.search);
    if (!entry) return new Response("not found", {{ status: 404 }});
    entry.at ||= Date.now();
    const age = Math.floor((Date.now() - entry.at) / 1000);
    const headers = new Headers(entry.headers);
    headers.set("age", String(age));
    headers.set("cache-status", `map; hit; ttl=${{600 - age}}`);
    return new Response(entry.body, {{ headers, encodeBody: "manual" }});
  }},
}};
"#,
        target = serde_json::json!(wanted.target),
        headers = serde_json::json!(headers),
        body = serde_json::json!(wanted.body),
    )
}

fn add_lines(section: &mut Section, ours: &[Round], peer: &Peer) {
    let sides = Sides { ours, theirs: &peer.rounds };

    section.line(sides.processor(peer.name, |ratio| match peer.name {
        "Rust hello" => Target::at_most(LIMIT, ratio),
        _ => Target::None,
    }));
    section.line(sides.rate(peer.name, |_| Target::None));
}
