//! Four who ask as fast as they can, one who shops, and an admin who changes a price.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::Value;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Answer, Endpoint, Shop, World, until_every};

const ATTACKERS: [u8; 4] = [2, 3, 4, 5];
const SHOPPER: u8 = 9;
/// What one address may ask of the origin: a tenth of all.
const SHARE: usize = 100;
/// What is promised.
const SHOWN_WITHIN: Duration = Duration::from_secs(4);
/// For what has no promise, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// The interval between looks at a page, long enough to stay within the share of one address.
const LOOKS: Duration = Duration::from_millis(100);
/// Of each attacker in one test, however long it takes.
const FLOOD_MAX: usize = 100_000;

struct Place {
    world: World,
    shop: Shop,
    key: String,
}

impl Place {
    /// With the total that a shop has by default, in a window that is longer than any test;
    /// and without a limit at the edge, so that requests through it meet the origin's.
    async fn open(settings: &[(&str, &str)]) -> Result<Self> {
        let world = World::new()?;
        let mut command = world.command_with(&["--edge-port", "0", "--origin-port", "0"])?;
        command.env("SHOP__LIMITS__PUBLIC", "1000/10m").envs(settings.iter().copied());
        let shop = Shop::start(&mut command).await?;
        let key = world.admin_key("owner").await?;

        Ok(Self { world, shop, key })
    }

    async fn product(&self) -> Result<Product> {
        let made = create_product(self.shop.origin(), &self.key, "Lamp", "lamp-1").await?;
        let slug = made["slug"].as_str().context("a product has a slug")?;

        Ok(Product { path: format!("/products/{slug}"), variant: first_variant(&made)? })
    }

    /// Changes the price, and waits until the shopper is shown the new one at both endpoints. The
    /// shopper is never refused, and never shown an answer that the edge itself calls stale.
    async fn change_is_seen(&self, product: &Product, amount: i64) -> Result<()> {
        reprice(self.shop.origin(), &self.key, &product.variant, amount).await?;

        for endpoint in [self.shop.edge(), self.shop.origin()] {
            let shopper = from(endpoint, SHOPPER);
            let what = format!("{} shows {amount} at {}", product.path, endpoint.url());
            until_every(LOOKS, SHOWN_WITHIN, &what, async || {
                let answer = shopper.get(&product.path).await?;
                let is_stale = answer.cache_parameters().any(|one| one.contains("stale"));
                ensure!(!is_stale, "{answer}");
                Ok((price(&answer)? == amount).then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}

struct Product {
    path: String,
    variant: String,
}

fn price(answer: &Answer) -> Result<i64> {
    let json: Value = answer.json()?;

    json["price"]["amount"].as_i64().with_context(|| format!("no price: {answer}"))
}

/// The same endpoint for a client at 127.0.0.`last`.
fn from(endpoint: &Endpoint, last: u8) -> Endpoint {
    endpoint.from_address([127, 0, 0, last].into())
}

/// A page that has not been requested yet.
fn uncached(who: u8, n: usize) -> String {
    format!("/products?price=1..{}", usize::from(who) * 1_000_000 + n)
}

/// How many of so many requests for uncached pages were answered; the others were refused.
async fn floods(endpoint: Endpoint, who: u8, times: usize) -> Result<usize> {
    let endpoint = from(&endpoint, who);
    let mut answered = 0;

    for n in 0..times {
        let answer = endpoint.call("GET", &uncached(who, n)).send().await?;
        ensure!(matches!(answer.status, 200 | 429), "{answer}");
        answered += usize::from(answer.status == 200);
    }
    Ok(answered)
}

/// All attackers at once.
async fn all_flood(endpoint: &Endpoint, times: usize) -> Result<Vec<usize>> {
    try_join_all(ATTACKERS.map(|who| floods(endpoint.clone(), who, times))).await
}

/// The shopper requests pages that are not cached yet, at both endpoints.
async fn shops(shop: &Shop) -> Result<()> {
    for n in 0..10 {
        for endpoint in [shop.origin(), shop.edge()] {
            let who = SHOPPER + u8::from(endpoint.url() == shop.edge().url());
            from(endpoint, SHOPPER).get(&uncached(who, n)).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn clients_that_flood_the_origin_get_their_shares_and_the_shopper_is_served() -> Result<()> {
    let place = Place::open(&[]).await?;
    let product = place.product().await?;
    from(place.shop.edge(), SHOPPER).get(&product.path).await?;

    let answered = all_flood(place.shop.origin(), 3 * SHARE).await?;

    ensure!(answered == [SHARE; 4], "{answered:?}");
    let refused = from(place.shop.origin(), ATTACKERS[0]).call("GET", "/featured").send().await?;
    ensure!(refused.problem()? == "rate_limited" && refused.status == 429, "{refused}");
    ensure!(refused.json()?["violated-policies"][0] == "public-share", "{refused}");
    ensure!(refused.header("retry-after").parse::<u64>().is_ok_and(|s| s <= 600), "{refused}");
    shops(&place.shop).await?;
    place.change_is_seen(&product, 1_234).await?;
    for page in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        from(place.shop.origin(), ATTACKERS[0]).get(page).await?;
    }
    place.shop.close().await
}

#[tokio::test]
async fn clients_that_flood_the_edge_get_their_shares_and_the_shopper_is_served() -> Result<()> {
    let place = Place::open(&[]).await?;
    let product = place.product().await?;
    from(place.shop.edge(), SHOPPER).get(&product.path).await?;

    let answered = all_flood(place.shop.edge(), 3 * SHARE).await?;

    ensure!(answered == [SHARE; 4], "{answered:?}");
    let refused = from(place.shop.edge(), ATTACKERS[0]).call("GET", "/featured").send().await?;
    ensure!(refused.problem()? == "rate_limited" && refused.status == 429, "{refused}");
    ensure!(refused.header("ratelimit").starts_with("\"public-share\";r=0"), "{refused}");
    ensure!(refused.header("retry-after").parse::<u64>().is_ok_and(|s| s <= 600), "{refused}");
    shops(&place.shop).await?;
    place.change_is_seen(&product, 1_234).await?;
    place.shop.close().await
}

#[tokio::test]
async fn changes_are_seen_in_time_while_four_go_on_asking_at_both_endpoints() -> Result<()> {
    let place = Place::open(&[]).await?;
    let product = place.product().await?;
    from(place.shop.edge(), SHOPPER).get(&product.path).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut attackers = Vec::new();
    for who in ATTACKERS {
        for endpoint in [place.shop.origin(), place.shop.edge()] {
            let (endpoint, page) = (from(endpoint, who), product.path.clone());
            let (is_over, refused) = (Arc::clone(&is_over), Arc::clone(&refused));
            attackers.push(tokio::spawn(async move {
                let mut is_refused = false;
                for n in 0..FLOOD_MAX {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    // The page that changes as well: they are as likely as the shopper to be the
                    // ones who ask for it first.
                    for target in [&uncached(who, n), &page] {
                        let answer = endpoint.call("GET", target).send().await?;
                        if answer.status == 429 && !is_refused {
                            is_refused = true;
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                anyhow::Ok(())
            }));
        }
    }

    let all = attackers.len();
    until_every(LOOKS, PATIENCE, "all of them have been refused", async || {
        Ok((refused.load(Ordering::Relaxed) == all).then_some(()))
    })
    .await?;
    let mut seen = Ok(());
    for amount in 2_000..2_008 {
        seen = seen.and(place.change_is_seen(&product, amount).await);
    }
    is_over.store(true, Ordering::Relaxed);
    for attacker in attackers {
        attacker.await??;
    }

    seen?;
    place.shop.close().await
}

#[tokio::test]
async fn a_change_is_seen_at_the_edge_when_the_total_is_spent() -> Result<()> {
    let place = Place::open(&[("SHOP__LIMITS__PUBLIC", "40/1h")]).await?;
    let product = place.product().await?;
    let shopper = from(place.shop.edge(), SHOPPER);
    shopper.get(&product.path).await?;
    for who in 20..60 {
        floods(place.shop.origin().clone(), who, 4).await?;
    }
    from(place.shop.origin(), 60).call("GET", "/featured").send().await?.must_be(429)?;

    reprice(place.shop.origin(), &place.key, &product.variant, 1_234).await?;

    until_every(LOOKS, SHOWN_WITHIN, "the edge shows the price", async || {
        Ok((price(&shopper.get(&product.path).await?)? == 1_234).then_some(()))
    })
    .await?;
    shopper.call("GET", "/featured").send().await?.must_be(429)?;
    place.shop.close().await
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_request_it_is_with_or_without_its_port() -> Result<()> {
    let place = Place::open(&[
        ("SHOP__LIMITS__PUBLIC", "20/1h"),
        ("SHOP__LIMITS__PUBLIC_SHARE", "10%"),
        ("SHOP__ORIGIN__TRUSTED_PROXIES", "127.0.0.1"),
        ("SHOP__EDGE__TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await?;
    let (origin, edge) = (place.shop.origin(), place.shop.edge());
    let ask = async |endpoint: &Endpoint, n: usize, address: &str| {
        let call = endpoint.call("GET", &uncached(1, n)).header("x-forwarded-for", address);
        call.send().await
    };

    ask(origin, 0, "192.0.2.7:5678").await?.must_be(200)?;
    ask(edge, 1, "192.0.2.7").await?.must_be(200)?;
    ask(origin, 2, "192.0.2.7:1234").await?.must_be(429)?;
    ask(edge, 3, "6.6.6.6, 192.0.2.7:80").await?.must_be(429)?;
    ask(origin, 4, "[2001:db8::1]:443").await?.must_be(200)?;
    ask(edge, 5, "2001:db8::2").await?.must_be(200)?;
    ask(origin, 6, "[2001:db8::3]").await?.must_be(429)?;

    let stranger = from(origin, 8);
    ask(&stranger, 7, "192.0.2.100").await?.must_be(200)?;
    ask(&stranger, 8, "192.0.2.101").await?.must_be(200)?;
    ask(&stranger, 9, "192.0.2.102").await?.must_be(429)?;
    place.shop.close().await
}

#[tokio::test]
async fn guessing_admin_keys_is_slowed_for_the_guesser_alone() -> Result<()> {
    let place = Place::open(&[("SHOP__LIMITS__AUTH_FAILURE", "3/1h")]).await?;
    let (edge, origin) = (from(place.shop.edge(), 2), from(place.shop.origin(), 2));
    let list = "/admin/products";
    edge.call("GET", list).by(&place.key).send().await?.must_be(200)?;

    for guess in ["no-key", "adm_00000000000000000000000000.x", "another"] {
        origin.call("GET", list).by(guess).send().await?.must_be(401)?;
    }
    let refused = edge.call("GET", list).by("one-more").send().await?.must_be(429)?;

    ensure!(refused.json()?["violated-policies"][0] == "auth-failure", "{refused}");
    ensure!(!refused.header("retry-after").is_empty(), "{refused}");
    // Who works behind the same address, and who guesses from another one.
    edge.call("GET", list).by(&place.key).send().await?.must_be(200)?;
    let other = from(place.shop.edge(), 3);
    other.call("GET", list).by("a-guess").send().await?.must_be(401)?;
    let newcomer = place.world.admin_key("owner").await?;
    other.call("GET", list).by(&newcomer).send().await?.must_be(200)?;
    place.shop.close().await
}
