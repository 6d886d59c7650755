//! How soon an admin's change is visible at an edge in another process.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::Plan;
use crate::answer::plain_request;
use crate::catalogue::text;
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Time, nanos};
use crate::load::Connection;
use crate::report::{Line, Section, Target};
use crate::servers::{self, shop};

/// What the shop promises with pushes, of 99 in 100.
const TOLD_WITHIN: Duration = Duration::from_millis(250);
/// What it promises with every push lost, of all.
const UNTOLD_WITHIN: Duration = Duration::from_secs(4);
/// What does not show by then never will.
const NEVER: Duration = Duration::from_secs(30);
/// Between two looks at the edge.
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub fn measure(plan: &Plan) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let corpus = Corpus::retail()?;
    let file = folder.path().join("catalogue.csv");
    corpus.write_csv(&file)?;
    run_to_end(&["import", text(&file)?], &data)?;
    let key = run_to_end(&["admin-key", "create", "--name", "b", "--role", "catalog"], &data)?;
    let mut section = Section::new(
        "From an admin's change to an edge that shows it",
        format!(
            "`shopping` (origin and invalidator) with {} products and `shopping edge`, two processes \
             on one core: from sending a price to the origin until the product's page at the \
             edge, read each millisecond, shows it. No peer stands beside it.",
            Count(corpus.rows.len() as u64)
        ),
    );

    let told = Changes::measure(plan, &data, key.trim(), Pushes::Sent(plan.told))?;
    let is_met = told.within(99) <= TOLD_WITHIN;
    let target = Target::Set(format!("≤ {}", Time(nanos(TOLD_WITHIN))), is_met);
    section.line(told.line("told by pushes", 50, Target::None));
    section.line(told.line("told by pushes", 99, target));
    section.line(told.line("told by pushes", 100, Target::None));

    let untold = Changes::measure(plan, &data, key.trim(), Pushes::Lost(plan.untold))?;
    let is_met = untold.within(100) <= UNTOLD_WITHIN;
    let target = Target::Set(format!("≤ {}", Time(nanos(UNTOLD_WITHIN))), is_met);
    section.line(untold.line("every push lost", 50, Target::None));
    section.line(untold.line("every push lost", 99, Target::None));
    section.line(untold.line("every push lost", 100, target));
    Ok(section)
}

#[derive(Clone, Copy)]
enum Pushes {
    Sent(u32),
    /// There is no invalidator: edges are not notified of any change.
    Lost(u32),
}

/// How long each change took to show, the quickest first.
struct Changes(Vec<Duration>);

impl Changes {
    fn measure(plan: &Plan, data: &Path, key: &str, pushes: Pushes) -> Result<Self> {
        let place = free_port()?;
        let (enabled, count) = match pushes {
            Pushes::Sent(count) => ("true", count),
            Pushes::Lost(count) => ("false", count),
        };
        let url = format!("http://{place}");
        let mut command = command(&["--edge-port", "0", "--origin-port", "0", "--no-demo"], data)?;
        command.env("SHOP__INVALIDATOR__ENABLED", enabled).env("SHOP__INVALIDATOR__EDGES", &url);
        let shop = Server::start(&mut command, "shop ready: ", Place::Measured, plan.cores)?;
        let origin = shop.line.rsplit(' ').next().context("no origin")?;
        let mut command = self::command(&["edge", "--origin", origin, "--listen"], data)?;
        command.arg(place.to_string()).env("SHOP__EDGE__OPERATORS_LISTEN", "127.0.0.1:0");
        let _edge = Server::start(&mut command, "edge ready: ", Place::Measured, plan.cores)?;
        let origin = origin.strip_prefix("http://").context("no URL")?.parse()?;

        let mut took = servers::runtime()?.block_on(async {
            let mut scene = Scene::open(origin, place, key).await?;
            let mut took = Vec::new();
            for price in 0..count {
                took.push(scene.reprice(1_000_000 + price).await?);
            }
            anyhow::Ok(took)
        })?;
        took.sort_unstable();
        Ok(Self(took))
    }

    /// What so many of a hundred did not exceed.
    fn within(&self, hundredths: usize) -> Duration {
        let place = (self.0.len() * hundredths).div_ceil(100).max(1) - 1;

        self.0.get(place).copied().unwrap_or_default()
    }

    fn line(&self, how: &str, hundredths: usize, target: Target) -> Line {
        let share = match hundredths {
            50 => "median".to_owned(),
            100 => "all within".to_owned(),
            most => format!("{most} of 100 within"),
        };
        let what = format!("{} changes, {how}: {share}", self.0.len());

        Line::alone(what, Time(nanos(self.within(hundredths))).to_string(), target)
    }
}

/// An admin at the origin, and a shopper at the edge.
struct Scene {
    admin: Connection,
    shopper: Connection,
    /// The change of a price, up to its length.
    change: String,
    look: Vec<u8>,
}

impl Scene {
    async fn open(origin: SocketAddr, edge: SocketAddr, key: &str) -> Result<Self> {
        let mut admin = Connection::open(origin).await?;
        let list = get(&mut admin, origin, "/products?limit=12").await?;
        let product = list["data"][0]["id"].as_str().context("a product")?;
        let page = format!("/products/{product}");
        let shown = get(&mut admin, origin, &page).await?;
        let variant = shown["variants"][0]["id"].as_str().context("a variant")?;
        let change = format!(
            "PATCH /admin/variants/{variant} HTTP/1.1\r\nhost: {origin}\r\nif-match: *\r\n\
             authorization: Bearer {key}\r\ncontent-type: application/merge-patch+json\r\n"
        );

        let shopper = Connection::open(edge).await?;
        Ok(Self { admin, shopper, change, look: plain_request(edge, &page) })
    }

    /// From sending the change until it shows.
    async fn reprice(&mut self, amount: u32) -> Result<Duration> {
        let Self { admin, shopper, change, look } = self;
        let body = json!({ "price": { "amount": amount, "currency": "USD" } }).to_string();
        let request = format!("{change}content-length: {}\r\n\r\n{body}", body.len());
        let sent = Instant::now();

        let write = async {
            let answer = admin.exchange(request.as_bytes()).await?;
            ensure!(answer.status == 200, "a price was answered with {}", answer.status);
            Ok(())
        };
        let shows = async {
            loop {
                let answer = shopper.exchange(look).await?;
                let page: Value = serde_json::from_slice(shopper.body(&answer))?;
                if page["price"]["amount"] == amount {
                    return Ok(sent.elapsed());
                }
                if sent.elapsed() > NEVER {
                    bail!("a change does not show within {NEVER:?}");
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let ((), took) = futures::future::try_join(write, shows).await?;
        Ok(took)
    }
}

async fn get(connection: &mut Connection, addr: SocketAddr, target: &str) -> Result<Value> {
    let answer = connection.exchange(&plain_request(addr, target)).await?;
    ensure!(answer.status == 200, "{target} answered {}", answer.status);

    Ok(serde_json::from_slice(connection.body(&answer))?)
}

fn command(arguments: &[&str], data: &Path) -> Result<Command> {
    let mut command = shop::command(arguments)?;
    command.env("SHOP__DATA_DIR", data).stderr(Stdio::null());
    for limit in ["READ", "PUBLIC", "ADMIN"] {
        // A shopper who looks each millisecond is more than one may.
        command.env(format!("SHOP__LIMITS__{limit}"), "off");
    }
    Ok(command)
}

/// What it prints.
fn run_to_end(arguments: &[&str], data: &Path) -> Result<String> {
    let ended = command(arguments, data)?.output().context("the shop can't be started")?;

    ensure!(ended.status.success(), "{arguments:?} ended with {}", ended.status);
    Ok(String::from_utf8(ended.stdout)?)
}

/// The shop's settings name the edge before there is one.
fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
