//! A shop whose data was put back by hand, as it is documented: stopped, and the folder copied. No
//! tier is told; each notices within the bound, and shows no write that was undone after it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use redis_adapters::testing::LocalRedis;
use serde_json::Value;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Endpoint, Shop, World, until};

/// The bound at an edge, every message lost.
const BOUND: Duration = Duration::from_secs(4);
/// For what has no promise, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// The price that the backup has; the one that is undone; one that is written after the restore.
const SAVED: i64 = 1_999;
const UNDONE: i64 = 2_999;
const LATER: i64 = 3_999;

/// A shop that is opened again and again at one port, and its admin.
struct Place {
    world: World,
    key: String,
    origin_port: String,
    settings: Vec<(&'static str, String)>,
    page: String,
    variant: String,
}

impl Place {
    /// With one product at the price of the backup, which is made.
    async fn new(settings: Vec<(&'static str, String)>) -> Result<Self> {
        let world = World::new()?;
        let key = world.admin_key("owner").await?;
        let origin_port = free_port()?;
        let (page, variant) = (String::new(), String::new());
        let mut place = Self { world, key, origin_port, settings, page, variant };
        let shop = place.open().await?;
        let product = create_product(shop.origin(), &place.key, "Lamp", "lamp").await?;
        place.page = format!("/products/{}", product["id"].as_str().context("an id")?);
        place.variant = first_variant(&product)?;
        shop.close().await?;

        copy(&place.world.data(), &place.world.path("backup"))?;
        Ok(place)
    }

    async fn open(&self) -> Result<Shop> {
        self.open_at(&self.origin_port).await
    }

    async fn open_at(&self, origin_port: &str) -> Result<Shop> {
        let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", origin_port];
        let mut command = self.world.command_with(&arguments)?;

        Shop::start(command.envs(self.settings.iter().map(|(name, value)| (name, value)))).await
    }

    async fn edge(&self) -> Result<Shop> {
        self.world.open_edge(&format!("http://127.0.0.1:{}", self.origin_port), &[]).await
    }

    async fn reprices(&self, shop: &Shop, cents: i64) -> Result<()> {
        reprice(shop.origin(), &self.key, &self.variant, cents).await?;
        Ok(())
    }

    /// Products that the page does not show, so that the log moves and the page's tags do not.
    async fn writes_others(&self, shop: &Shop, count: usize) -> Result<()> {
        for n in 0..count {
            create_product(shop.origin(), &self.key, &format!("Other {n}"), &format!("other-{n}"))
                .await?;
        }
        Ok(())
    }

    /// As the runbook of before said: the folder, copied back.
    fn put_back(&self) -> Result<()> {
        fs::remove_dir_all(self.world.data())?;
        copy(&self.world.path("backup"), &self.world.data())
    }

    async fn shows(&self, endpoint: &Endpoint, cents: i64) -> Result<()> {
        until(PATIENCE, "the price is shown", async || {
            Ok((shown(endpoint, &self.page).await? == cents).then_some(()))
        })
        .await
    }

    /// Nothing undone after the bound, and what is written then is seen within it.
    async fn notices(&self, shop: &Shop, endpoint: &Endpoint, since: Instant) -> Result<()> {
        while since.elapsed() < BOUND {
            shown(endpoint, &self.page).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..20 {
            let cents = shown(endpoint, &self.page).await?;
            ensure!(cents == SAVED, "{cents} is shown {:?} after the restore", since.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }

        self.reprices(shop, LATER).await?;
        let written = Instant::now();
        self.shows(endpoint, LATER).await?;
        ensure!(written.elapsed() <= BOUND, "seen after {:?}", written.elapsed());
        Ok(())
    }
}

async fn shown(endpoint: &Endpoint, page: &str) -> Result<i64> {
    let answer: Value = endpoint.call("GET", page).send().await?.must_be(200)?.json()?;

    answer["price"]["amount"].as_i64().context("a price")
}

fn free_port() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (from, to) = (entry?.path(), to);
        let to = to.join(from.file_name().context("a name")?);
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            // With its mode, without which a secret is refused.
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_edge_of_its_own_notices_a_log_that_is_shorter_than_it_was() -> Result<()> {
    let place = Place::new(Vec::new()).await?;
    let (shop, edge) = (place.open().await?, place.edge().await?);
    place.reprices(&shop, UNDONE).await?;
    place.shows(edge.edge(), UNDONE).await?;
    shop.close().await?;

    place.put_back()?;
    let shop = place.open().await?;
    let ready = Instant::now();

    place.notices(&shop, edge.edge(), ready).await?;
    edge.close().await?;
    shop.close().await
}

/// The edge can't poll meanwhile: the shop is put back and written to behind another port.
#[tokio::test]
async fn an_edge_of_its_own_notices_a_log_that_has_got_further_by_other_rows() -> Result<()> {
    for others in [1, 3] {
        let place = Place::new(Vec::new()).await?;
        let (shop, edge) = (place.open().await?, place.edge().await?);
        place.reprices(&shop, UNDONE).await?;
        place.shows(edge.edge(), UNDONE).await?;
        shop.close().await?;

        place.put_back()?;
        let elsewhere = place.open_at("0").await?;
        place.writes_others(&elsewhere, others).await?;
        elsewhere.close().await?;
        let shop = place.open().await?;
        let ready = Instant::now();

        place.notices(&shop, edge.edge(), ready).await?;
        edge.close().await?;
        shop.close().await?;
    }
    Ok(())
}

/// Put back a second time from the same backup, whose log has a name that was given up since.
#[tokio::test]
async fn a_backup_can_be_put_back_twice() -> Result<()> {
    let place = Place::new(Vec::new()).await?;
    let edge = place.edge().await?;

    for _ in 0..2 {
        let shop = place.open().await?;
        place.reprices(&shop, UNDONE).await?;
        place.shows(edge.edge(), UNDONE).await?;
        shop.close().await?;

        place.put_back()?;
        let shop = place.open().await?;
        place.notices(&shop, edge.edge(), Instant::now()).await?;
        shop.close().await?;
        place.put_back()?;
    }
    edge.close().await
}

mod redis {
    use super::*;

    /// The origin forgets with its process what it has seen; what it keeps in Redis does not.
    #[tokio::test]
    #[ignore = "needs redis-server, which `cargo xtask test` installs"]
    async fn an_origin_shows_nothing_undone_that_redis_has_kept() -> Result<()> {
        for others in [0, 1, 3] {
            let redis = LocalRedis::start().context("redis-server")?;
            let settings = vec![
                ("SHOP__CACHE__BACKEND", "redis".to_owned()),
                ("SHOP__CACHE__URL", redis.url(0)),
            ];
            let place = Place::new(settings).await?;
            let shop = place.open().await?;
            place.reprices(&shop, UNDONE).await?;
            place.shows(shop.origin(), UNDONE).await?;
            place.shows(shop.edge(), UNDONE).await?;
            shop.close().await?;

            place.put_back()?;
            let shop = place.open().await?;
            place.writes_others(&shop, others).await?;

            // From the first read on: only Redis still has what was undone.
            for endpoint in [shop.origin(), shop.edge()] {
                ensure!(shown(endpoint, &place.page).await? == SAVED, "{others} rows later");
            }
            let log = shop.log();
            place.notices(&shop, shop.edge(), Instant::now()).await?;
            ensure!(shop.log().contains("the store was put back"), "{log}");
            shop.close().await?;
        }
        Ok(())
    }
}
