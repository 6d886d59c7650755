//! What it costs an isolate of the Worker to read the change log on, which it does once a second
//! while it serves.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use domain::access::Role;
use edge_core::decision::LOG_FRESH;
use embedded::{SqliteItems, SystemWorld};
use serde_json::{Value, json};
use store::schema::TABLES;
use store::{AdminKeys, Db};

use super::Plan;
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Spread, Time, each, nanos};
use crate::load::{Clients, Question, fetch, fetch_plain};
use crate::peers::{Script, Workers};
use crate::report::{Line, Section, Target};
use crate::servers::{self, SECRET};

/// In one process, so that what one refresh takes is far above what can be measured.
const ISOLATES: usize = 16;
const PRODUCTS: u32 = 1_000;
/// What a bulk write may change at once; a row of the log each.
const CHANGES: usize = 100;
/// A page that shows no product, so that no change of one makes it invalid.
const PAGE: &str = "/featured";
/// From one refresh to the next: the log has to be due.
const EVERY: Duration = Duration::from_millis(LOG_FRESH.as_millis() as u64 + 100);
/// For whatever goes on behind the answers.
const SETTLED_AFTER: Duration = Duration::from_millis(300);
/// The isolates' code is compiled meanwhile.
const WARM_UP: usize = 5;

pub fn measure(plan: &Plan) -> Result<Section> {
    let title = "Reading the change log on, in the Worker";
    let Some(workers) = Workers::built() else {
        let mut section = Section::new(title, "Not measured.");
        section.note("`cargo xtask bench` builds the Workers first, and measures it.");
        return Ok(section);
    };
    let mut section = Section::new(
        title,
        format!(
            "{ISOLATES} isolates of the Worker in one `workerd serve` ({}), each asked for a page \
             in its memory twice in {EVERY:?}: when its log is due, so that it reads on behind the \
             answer, and when it is young. What the process takes in that time, less twice what \
             the second request takes (median), is the refresh: a signed request to the origin, \
             its answer, the table.",
            workers.version()?
        ),
    );
    let folder = tempfile::tempdir()?;
    let store = fill(&Corpus::made_up(PRODUCTS), folder.path(), plan.cores)?;
    let key = admin_key(&store)?;
    let origin =
        Server::of_task(&["serve-origin", "--store", text(&store)?], Place::Aside, plan.cores)?;
    let mut isolates = Isolates::start(&workers, &origin, folder.path(), plan)?;
    let mut admin = Admin::new(&origin, key)?;

    let quiet = isolates.turns(plan.rounds, || Ok(()))?;
    let before = isolates.positions()?;
    let busy = isolates.turns(plan.rounds, || admin.changes_some())?;
    let rows = ((WARM_UP + plan.rounds) * CHANGES) as u64;
    for (before, after) in before.into_iter().zip(isolates.positions()?) {
        ensure!(after - before == rows, "an isolate read {} of {rows} rows", after - before);
    }

    let hits = spread(hits(&quiet));
    section.line(Line::alone("a hit at this rate: CPU", hits, Target::None));
    for (what, turns) in [("nothing new".to_owned(), &quiet), (format!("{CHANGES} changes"), &busy)]
    {
        let cost = refreshes(turns);
        section.line(Line::alone(format!("{what}: CPU for a refresh"), spread(cost), Target::None));
        section.line(Line::alone(
            format!("{what}: of a core, at one refresh a second"),
            percent(cost.median),
            Target::None,
        ));
    }
    section.note(
        "No data centre's cache stands between here, so that each isolate asks the origin; where \
         there is one, most find there what another one has read.",
    );
    Ok(section)
}

/// What each isolate took.
struct Turn {
    /// Since the last turn: two hits, and a refresh.
    whole: Duration,
    hit: Duration,
}

/// What the refreshes took: less noisy by the median of the hits than by those of each turn.
fn refreshes(turns: &[Turn]) -> Spread {
    let hit = hits(turns).median;

    Spread::of(turns.iter().map(|turn| nanos(turn.whole).saturating_sub(2 * hit)))
}

fn hits(turns: &[Turn]) -> Spread {
    Spread::of_times(turns.iter().map(|turn| turn.hit))
}

struct Isolates {
    server: Server,
    addrs: Vec<SocketAddr>,
    connections: Vec<(Clients, [Question; 1])>,
    origin: SocketAddr,
    asked: Instant,
}

impl Isolates {
    fn start(workers: &Workers, origin: &Server, folder: &Path, plan: &Plan) -> Result<Self> {
        let origin = origin.addr()?;
        let script = Script::Edge { origin, secret: SECRET, is_limited: false };
        let (server, addrs) =
            workers.start_isolates(ISOLATES, "isolates", &script, folder, plan.cores)?;
        let connections = addrs
            .iter()
            .map(|&addr| {
                fetch(addr, PAGE)?;
                fetch(addr, PAGE)?.ensure_hit()?;
                Ok((Clients::connect(addr, 1)?, [Question::about(addr, PAGE)]))
            })
            .collect::<Result<_>>()?;

        Ok(Self { server, addrs, connections, origin, asked: Instant::now() })
    }

    /// `between` comes before each turn.
    fn turns(
        &mut self,
        rounds: usize,
        mut between: impl FnMut() -> Result<()>,
    ) -> Result<Vec<Turn>> {
        let mut turns = Vec::with_capacity(rounds);
        for _ in 0..WARM_UP {
            self.turn(&mut between)?;
        }
        let before = asked(self.origin)?;
        for _ in 0..rounds {
            turns.push(self.turn(&mut between)?);
        }
        let read = asked(self.origin)? - before;

        let due = (rounds * ISOLATES) as u64;
        ensure!(read == due, "{read} of {due} requests were for the change log");
        Ok(turns)
    }

    fn turn(&mut self, mut between: impl FnMut() -> Result<()>) -> Result<Turn> {
        let start = self.server.exact_time()?;
        between()?;
        sleep(EVERY.saturating_sub(self.asked.elapsed()));
        self.asked = Instant::now();
        self.ask()?;
        let middle = self.server.exact_time()?;
        self.ask()?;
        let end = self.server.exact_time()?;

        let of_each = |time| each(time, ISOLATES as u64);
        Ok(Turn { whole: of_each(end - start), hit: of_each(end - middle) })
    }

    /// How far each has read the log.
    fn positions(&self) -> Result<Vec<u64>> {
        let position = |addr| {
            let health: Value = serde_json::from_slice(&fetch_plain(addr, "/edge/healthz")?.body)?;
            let (_, seq) =
                health["log"].as_str().context("a log")?.rsplit_once('.').context("L.1")?;
            Ok(seq.parse()?)
        };

        self.addrs.iter().map(|addr| position(*addr)).collect()
    }

    fn ask(&mut self) -> Result<()> {
        for (connection, question) in &mut self.connections {
            connection.once(question)?;
        }
        sleep(SETTLED_AFTER);
        Ok(())
    }
}

struct Admin {
    connection: Clients,
    origin: SocketAddr,
    key: String,
    products: Vec<Value>,
    written: u32,
}

impl Admin {
    fn new(origin: &Server, key: String) -> Result<Self> {
        let addr = origin.addr()?;
        let list = fetch_plain(addr, &format!("/products?limit={CHANGES}"))?;
        let list: Value = serde_json::from_slice(&list.body)?;
        let cards = list["data"].as_array().context("a list")?;
        let products: Vec<_> = cards.iter().map(|card| card["id"].clone()).collect();
        ensure!(products.len() == CHANGES, "{} products", products.len());

        let connection = Clients::connect(addr, 1)?;
        Ok(Self { connection, origin: addr, key, products, written: 0 })
    }

    fn changes_some(&mut self) -> Result<()> {
        self.written += 1;
        let description = format!("changed for the {}th time", self.written);
        let operations: Vec<_> = self
            .products
            .iter()
            .map(|id| {
                let patch = json!({ "description": description });
                json!({ "op": "update_product", "id": id, "patch": patch })
            })
            .collect();
        let body = json!({ "operations": operations }).to_string();

        self.connection.once(&[Question::write(self.origin, "/admin/bulk", &self.key, &body)])
    }
}

fn admin_key(store: &Path) -> Result<String> {
    let items = Arc::new(SqliteItems::open(store, TABLES)?);
    let keys = AdminKeys::new(Db::new(items, Arc::new(SystemWorld)));

    let key = servers::runtime()?.block_on(keys.create(
        "bench",
        Role::Catalog,
        &store::Actor::command("bench"),
    ))?;
    Ok(key.reveal())
}

/// How often an origin was asked for the change log.
fn asked(origin: SocketAddr) -> Result<u64> {
    let metrics = String::from_utf8(fetch_plain(origin, "/metrics")?.body)?;
    let lines = metrics.lines().filter(|line| {
        line.starts_with("http_requests_total{") && line.contains("\"/internal/changes\"")
    });

    lines
        .map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()))
        .try_fold(0, |sum, count| Some(sum + count?))
        .context("/metrics says something else")
}

fn spread(spread: Spread) -> String {
    format!("{} ({} to {})", Time(spread.median), Time(spread.least), Time(spread.most))
}

/// Of a second, to a thousandth of a percent.
fn percent(nanos: u64) -> String {
    let thousandths = (nanos + 5_000) / 10_000;

    format!("{}.{:03} %", thousandths / 1_000, thousandths % 1_000)
}
