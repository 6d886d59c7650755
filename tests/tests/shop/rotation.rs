//! The key between edges and origins changes without a moment in which one does not believe the
//! other.

use std::time::Duration;

use anyhow::{Result, ensure};
use edge_core::push;
use embedded::SystemWorld;
use platform::{Secret, SecretSource, Secrets};
use ports::World as _;
use tests::catalogue::create_product;
use tests::{Shop, World, until};

use crate::edge::{Place, open_shop};

const OLD: &str = "an-old-key-an-old-key-an-old-key-an-old-key";
const NEW: &str = "a-new-key-a-new-key-a-new-key-a-new-key-a-new";
const TOKEN: &str = "a-token-key-a-token-key-a-token-key-a-token";

fn secrets(edge_auth: &str, other: Option<&str>) -> Result<Secrets> {
    let secret = |text: &str| Secret::new(text).expect("long enough");
    let given = SecretSource::Given {
        edge_auth: secret(edge_auth),
        edge_auth_other: other.map(secret),
        catalog_token: secret(TOKEN),
    };

    Ok(Secrets::obtain(&given, "/nowhere".as_ref(), &SystemWorld)?)
}

/// A shop that signs with the new key, and believes the old one if it is told to.
async fn open(world: &World, other: Option<&str>, edge: &str) -> Result<Shop> {
    let mut settings = vec![
        ("SHOP__SECRETS__SOURCE", "given"),
        ("SHOP__SECRETS__EDGE_AUTH", NEW),
        ("SHOP__SECRETS__CATALOG_TOKEN", TOKEN),
        ("SHOP__INVALIDATOR__EDGES", edge),
    ];
    settings.extend(other.map(|other| ("SHOP__SECRETS__EDGE_AUTH_OTHER", other)));

    open_shop(world, &settings).await
}

/// Whether the origin believes what this key signed.
async fn is_believed(shop: &Shop, key: &str) -> Result<bool> {
    let target = "/internal/changes?at=L.1";
    let now = SystemWorld.now();
    let auth = push::sign(&secrets(key, None)?.edge_key(), target, now, SystemWorld.random());

    let call = shop.origin().call("POST", target).header("x-edge-auth", &auth);
    let status = call.send().await?.status;
    ensure!(status == 204 || status == 404, "answered {status}");
    Ok(status == 204)
}

#[tokio::test]
async fn an_edge_with_the_old_key_and_an_origin_with_the_new_one_believe_each_other() -> Result<()>
{
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let place = Place::reserve()?;
    let shop = open(&world, Some(OLD), &place.url).await?;
    // Its turn to be started anew has not come; it was told of the new key before.
    let edge = place
        .open_with(&secrets(OLD, Some(NEW))?, shop.origin(), Duration::from_secs(3_600))
        .await?;

    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let head = shop.origin().get_json("/readyz").await?;
    until(Duration::from_secs(30), "pushed with the new key, read with the old", async || {
        let stamp = edge.running.follower().stamp().map(|stamp| stamp.to_string());
        Ok((stamp.as_deref() == head["position"].as_str()).then_some(()))
    })
    .await?;
    let page = format!("/products/{}", product["id"].as_str().unwrap_or_default());
    until(Duration::from_secs(30), "stamped for the edge, and so kept", async || {
        Ok(edge.endpoint.get(&page).await?.is_hit().then_some(()))
    })
    .await?;

    ensure!(is_believed(&shop, OLD).await? && is_believed(&shop, NEW).await?);
    shop.close().await
}

#[tokio::test]
async fn once_the_old_key_is_gone_it_is_not_believed() -> Result<()> {
    let world = World::new()?;
    let shop = open(&world, None, "http://127.0.0.1:9").await?;

    ensure!(is_believed(&shop, NEW).await?, "the new one is");
    ensure!(!is_believed(&shop, OLD).await?, "the old one is not");
    shop.close().await
}
