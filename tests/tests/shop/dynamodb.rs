//! The same shop with its data in DynamoDB: a setting, and nothing else.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aws::testing::LocalDynamo;
use futures::future::try_join_all;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Shop, World, until};

fn on_dynamodb<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    command
        .env("SHOP__STORE__BACKEND", "dynamodb")
        .env("SHOP__STORE__REGION", "eu-central-1")
        .env("SHOP__STORE__ENDPOINT", endpoint)
        .env("SHOP__STORE__CREATE_TABLES", "true")
}

fn admin_key(world: &World, endpoint: &str) -> Result<String> {
    let arguments = ["admin-key", "create", "--name", "test", "--role", "owner"];
    let output = on_dynamodb(&mut world.command_with(&arguments)?, endpoint).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

async fn open(world: &World, endpoint: &str, settings: &[(&str, &str)]) -> Result<Shop> {
    let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", "0"];
    let mut command = world.command_with(&arguments)?;
    command.envs(settings.iter().copied());

    Shop::start(on_dynamodb(&mut command, endpoint)).await
}

#[tokio::test]
async fn two_shops_on_one_dynamodb_show_each_others_writes() -> Result<()> {
    let world = World::new()?;
    let dynamo = LocalDynamo::start().context("dynoxide")?;
    let endpoint = dynamo.endpoint();
    let key = admin_key(&world, &endpoint)?;
    let (one, other) = (open(&world, &endpoint, &[]).await?, open(&world, &endpoint, &[]).await?);

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

#[tokio::test]
async fn sixty_four_callers_of_two_shops_get_exactly_the_limit_between_them() -> Result<()> {
    let world = World::new()?;
    let dynamo = LocalDynamo::start().context("dynoxide")?;
    let endpoint = dynamo.endpoint();
    let key = admin_key(&world, &endpoint)?;
    // A day: what is counted is in one window, unless the test runs over midnight.
    let limit = [("SHOP__LIMITS__BACKEND", "dynamodb"), ("SHOP__LIMITS__ADMIN", "20/24h")];
    let (one, other) =
        (open(&world, &endpoint, &limit).await?, open(&world, &endpoint, &limit).await?);

    let callers = (0..64).map(async |caller| {
        let shop = if caller % 2 == 0 { &one } else { &other };
        shop.origin().call("GET", "/admin/products").by(&key).send().await
    });
    let answers = try_join_all(callers).await?;

    let (let_in, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    ensure!(let_in.len() == 20, "{} were let in", let_in.len());
    for answer in refused {
        ensure!(answer.status == 429 && answer.headers.contains_key("retry-after"), "{answer}");
    }
    one.close().await?;
    other.close().await
}
