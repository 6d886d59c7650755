//! Requests that schemathesis makes up from the OpenAPI document, against a running shop.
//! `cargo xtask test` installs schemathesis and runs this.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use tests::{Shop, World, within};
use tokio::process::Command;

/// A bound for a run that hangs; it tells itself to end sooner.
const BOUND: Duration = Duration::from_secs(600);

#[tokio::test]
#[ignore = "needs schemathesis, which `cargo xtask test` installs"]
async fn the_shop_keeps_its_published_contract() -> Result<()> {
    let schemathesis = env::var_os("SCHEMATHESIS").context("SCHEMATHESIS is not set")?;
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let shop = world.open_demo().await?;
    let document = world.path("openapi.json");
    fs::write(&document, shop.origin().get("/openapi.json").await?.body)?;

    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis");
    fs::copy(kept.join("serializers.py"), world.path("serializers.py"))?;
    let settings = fs::read_to_string(kept.join("schemathesis.toml"))?;
    world.write("schemathesis.toml", &(settings + &dictionaries(&shop).await?))?;

    let mut command = Command::new(schemathesis);
    command
        .args(["--config-file", "schemathesis.toml", "run"])
        .arg(&document)
        .args(["--url", &shop.origin().url()])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        // One worker: its generator fails at random when two threads share it.
        .args(["--workers", "1", "--max-examples", "25", "--seed", "1", "--no-color"])
        .args(["--request-timeout", "20", "--generation-database", "none"])
        // What it caches lands there.
        .current_dir(world.path(""))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let status = within(BOUND, "schemathesis ends", async { Ok(command.status().await?) }).await?;

    ensure!(status.success(), "schemathesis found something, see above ({status})");
    shop.close().await
}

/// Names of things that are in the shop, as a part of schemathesis' settings.
async fn dictionaries(shop: &Shop) -> Result<String> {
    let list = shop.edge().get_json("/products?limit=12").await?;
    let (mut products, mut variants, mut skus) = (Vec::new(), Vec::new(), Vec::new());
    for card in list["data"].as_array().context("a list has `data`")? {
        let id = card["id"].as_str().context("a product has an id")?;
        let product = shop.edge().get_json(&format!("/products/{id}")).await?;
        let variant = &product["variants"][0];
        products.push(product["id"].to_string());
        variants.push(variant["id"].to_string());
        skus.push(variant["sku"].to_string());
    }

    let lines = [("products", products), ("variants", variants), ("skus", skus)];
    let lines = lines.map(|(name, values)| {
        format!("\n[dictionaries.{name}]\nvalues = [{}]\n", values.join(", "))
    });
    Ok(lines.concat())
}
