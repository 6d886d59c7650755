//! The same shop with its data in DynamoDB: a setting, and nothing else.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aws::testing::LocalDynamo;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Shop, World, until};

fn on_dynamodb<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    command
        .env("SHOP__STORE__BACKEND", "dynamodb")
        .env("SHOP__STORE__REGION", "eu-central-1")
        .env("SHOP__STORE__ENDPOINT", endpoint)
        .env("SHOP__STORE__CREATE_TABLES", "true")
}

#[tokio::test]
async fn two_shops_on_one_dynamodb_show_each_others_writes() -> Result<()> {
    let world = World::new()?;
    let dynamo = LocalDynamo::start().context("dynoxide")?;
    let endpoint = dynamo.endpoint();
    let key = {
        let arguments = ["admin-key", "create", "--name", "test", "--role", "owner"];
        let output = on_dynamodb(&mut world.command_with(&arguments)?, &endpoint).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)?.trim_end().to_owned()
    };
    let open = async || {
        let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", "0"];
        let mut command = world.command_with(&arguments)?;
        Shop::start(on_dynamodb(&mut command, &endpoint)).await
    };
    let (one, other) = (open().await?, open().await?);

    let product = create_product(one.origin(), &key, "Lamp", "lamp-1").await?;
    let page = format!("/products/{}", product["id"].as_str().context("id")?);
    until(std::time::Duration::from_secs(4), "the other shop shows it", async || {
        let shown = other.edge().call("GET", &page).send().await?;
        Ok((shown.status == 200).then_some(()))
    })
    .await?;
    reprice(other.origin(), &key, &first_variant(&product)?, 1_499).await?;
    until(std::time::Duration::from_secs(4), "the first shop shows the new price", async || {
        let shown = one.edge().get_json(&page).await?;
        Ok((shown["price"]["amount"] == 1_499).then_some(()))
    })
    .await?;

    one.close().await?;
    other.close().await
}
