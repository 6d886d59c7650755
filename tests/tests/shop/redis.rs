//! Two shops on one store and one Redis: what they share, and what they do without it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aws::testing::LocalDynamo;
use futures::future::join_all;
use ports::SharedCache as _;
use redis_adapters::testing::LocalRedis;
use redis_adapters::{RedisConnection, RedisSharedCache};
use serde_json::Value;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Shop, World, until};

/// What the edge promises when every message about a change is lost.
const SHOWN_WITHIN: Duration = Duration::from_secs(4);
/// For what has no promise, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    world: World,
    dynamo: LocalDynamo,
    redis: LocalRedis,
    key: String,
}

impl Place {
    async fn new() -> Result<Self> {
        let dynamo = LocalDynamo::start().context("dynoxide")?;
        let redis =
            LocalRedis::start().context("redis-server, which `cargo xtask test` installs")?;
        let mut place = Self { world: World::new()?, dynamo, redis, key: String::new() };
        let arguments = ["admin-key", "create", "--name", "test", "--role", "owner"];
        let output = place.command(&arguments, &[])?.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place.key = String::from_utf8(output.stdout)?.trim_end().to_owned();
        Ok(place)
    }

    fn command(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Result<std::process::Command> {
        let mut command = self.world.command_with(arguments)?;
        command
            .env("SHOP__STORE__BACKEND", "dynamodb")
            .env("SHOP__STORE__REGION", "eu-central-1")
            .env("SHOP__STORE__ENDPOINT", self.dynamo.endpoint())
            .env("SHOP__STORE__CREATE_TABLES", "true")
            .env("SHOP__CACHE__BACKEND", "redis")
            .env("SHOP__CACHE__URL", self.redis.url(0))
            .env("SHOP__LIMITS__BACKEND", "redis")
            .env("SHOP__LIMITS__URL", self.redis.url(1))
            .envs(settings.iter().copied());
        Ok(command)
    }

    async fn open(&self, settings: &[(&str, &str)]) -> Result<Shop> {
        let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", "0"];

        Shop::start(&mut self.command(&arguments, settings)?).await
    }
}

fn page(product: &Value) -> Result<String> {
    Ok(format!("/products/{}", product["id"].as_str().context("an id")?))
}

/// How often a shop's origin was answered by the shared cache.
async fn shared_hits(shop: &Shop) -> Result<u64> {
    let metrics = shop.origin().get("/metrics").await?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = text
        .lines()
        .filter(|line| line.starts_with("cache_requests_total{"))
        .find(|line| line.contains("layer=\"shared\"") && line.contains("result=\"hit\""));
    let count = line.and_then(|line| line.rsplit(' ').next()).unwrap_or("0");

    count.parse().context("a count")
}

/// The change log's position that a shop's answers reflect.
async fn position(shop: &Shop) -> Result<String> {
    let ready = shop.origin().get_json("/readyz").await?;

    Ok(ready["position"].as_str().context("a position")?.to_owned())
}

async fn shown_price(shop: &Shop, page: &str) -> Result<Option<i64>> {
    let answer = shop.edge().call("GET", page).send().await?;
    ensure!(answer.status < 500, "{answer}");
    if answer.status != 200 {
        return Ok(None);
    }

    Ok(answer.json()?["price"]["amount"].as_i64())
}

/// One reprices; the other's edge shows it within the bound, and nothing fails meanwhile.
async fn reprices_and_sees(
    one: &Shop,
    other: &Shop,
    key: &str,
    page: &str,
    cents: i64,
) -> Result<()> {
    let product = one.origin().get_json(page).await?;
    reprice(one.origin(), key, &first_variant(&product)?, cents).await?;
    let began = Instant::now();

    until(PATIENCE, "the other shop shows the new price", async || {
        shown_price(one, page).await?;
        Ok((shown_price(other, page).await? == Some(cents)).then_some(()))
    })
    .await?;
    ensure!(began.elapsed() <= SHOWN_WITHIN, "it took {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn what_one_shop_has_rendered_another_gets_from_redis_and_both_do_without_it() -> Result<()> {
    let mut place = Place::new().await?;
    let key = place.key.clone();
    let (one, other) = (place.open(&[]).await?, place.open(&[]).await?);
    let product = create_product(one.origin(), &key, "Lamp", "lamp-1").await?;
    let page = page(&product)?;
    let cache =
        RedisSharedCache::new(RedisConnection::with_deadline(&place.redis.url(0), PATIENCE)?);

    one.origin().get(&page).await?;
    until(PATIENCE, "the answer is in Redis", async || {
        Ok(cache.get(&page).await?.filter(|entry| !entry.tags.is_empty()).map(drop))
    })
    .await?;
    // What is in Redis is used once its row was taken: it may be of a store that was put back.
    until(PATIENCE, "the other shop has taken the rows", async || {
        Ok((position(&other).await? == position(&one).await?).then_some(()))
    })
    .await?;
    other.origin().get(&page).await?;
    ensure!(shared_hits(&other).await? >= 1, "the other shop asked the store");
    reprices_and_sees(&one, &other, &key, &page, 1_499).await?;

    place.redis.stop();
    for cents in [1_599, 1_699, 1_799] {
        reprices_and_sees(&one, &other, &key, &page, cents).await?;
        reprices_and_sees(&other, &one, &key, &page, cents + 1).await?;
    }

    place.redis.restart()?;
    let before = shared_hits(&other).await?;
    let mut cents = 1_899;
    until(PATIENCE, "Redis is used again", async || {
        cents += 1;
        reprices_and_sees(&one, &other, &key, &page, cents).await?;
        Ok((shared_hits(&other).await? > before).then_some(()))
    })
    .await?;
    one.close().await?;
    other.close().await
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn redis_is_used_through_tls_where_its_certificate_is_trusted_and_else_done_without()
-> Result<()> {
    let redis = LocalRedis::start_with_tls().context("redis-server with TLS")?;
    let (url, authority) = redis.tls_url(0).context("it speaks TLS")?;
    let stored = RedisSharedCache::new(RedisConnection::with_deadline(&redis.url(0), PATIENCE)?);
    let open = async |trusted: Option<&Path>| {
        let world = World::new()?;
        let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", "0"];
        let mut command = world.command_with(&arguments)?;
        command.env("SHOP__CACHE__BACKEND", "redis").env("SHOP__CACHE__URL", &url);
        // In place of the authorities that the machine knows.
        command.envs(trusted.map(|file| ("SSL_CERT_FILE", file)));
        anyhow::Ok((Shop::start(&mut command).await?, world))
    };

    let (stranger, _folder) = open(None).await?;
    stranger.origin().get("/categories").await?;
    let log = stranger.log();
    ensure!(log.contains("Redis is unavailable"), "{log}");
    stranger.close().await?;
    ensure!(stored.get("/categories").await?.is_none(), "something was sent to a stranger");

    let (shop, _folder) = open(Some(authority)).await?;
    shop.origin().get("/categories").await?;
    until(PATIENCE, "the answer is in Redis", async || {
        Ok(stored.get("/categories").await?.map(drop))
    })
    .await?;
    shop.close().await
}

#[tokio::test]
#[ignore = "needs redis-server, which `cargo xtask test` installs"]
async fn through_redis_the_edges_of_two_shops_share_one_limit() -> Result<()> {
    let place = Place::new().await?;
    let limited = [("SHOP__LIMITS__READ", "40/1h"), ("SHOP__LIMITS__ADMIN", "50/60s")];
    let (one, other) = (place.open(&limited).await?, place.open(&limited).await?);

    let callers = (0..64).map(|n| {
        let edge = if n % 2 == 0 { one.edge() } else { other.edge() };
        async move {
            let first = edge.call("GET", "/categories").send().await?;
            let spoofed = edge.call("GET", "/categories").header("x-forwarded-for", "192.0.2.7");
            anyhow::Ok([first.status, spoofed.send().await?.status])
        }
    });
    let mut statuses = Vec::new();
    for ended in join_all(callers).await {
        statuses.extend(ended?);
    }

    ensure!(statuses.len() == 128);
    let allowed = statuses.iter().filter(|status| **status == 200).count();
    ensure!(allowed == 40, "{allowed} were answered");
    ensure!(statuses.iter().filter(|status| **status == 429).count() == 88, "{statuses:?}");
    let refused = one.edge().call("GET", "/categories").send().await?;
    ensure!(refused.header("ratelimit-policy") == "\"read\";q=40;w=3600", "{refused}");
    ensure!(refused.header("retry-after").parse::<u64>()? <= 3_600, "{refused}");
    ensure!(one.edge().get("/edge/healthz").await?.status == 200);
    one.close().await?;
    other.close().await
}
