//! Requests that schemathesis makes up from the OpenAPI document, against a running shop.
//! `cargo xtask test` installs schemathesis and runs this.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use tests::{World, within};
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

    for file in ["schemathesis.toml", "serializers.py"] {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis").join(file);
        fs::copy(kept, world.path(file))?;
    }

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
