//! Who may write, and what keeps two writers from undoing each other.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tests::catalogue::{create_category, create_product, draft, first_variant, reprice, seq};
use tests::{World, until};

#[tokio::test]
async fn without_a_key_there_is_no_admin() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let shop = world.open().await?;
    let mut other = key.clone();
    let last = other.pop().context("a key is not empty")?;
    other.push(if last == 'a' { 'b' } else { 'a' });

    for endpoint in [shop.origin(), shop.edge()] {
        for (method, path) in [
            ("GET", "/admin/products"),
            ("POST", "/admin/products"),
            ("GET", "/admin/inventory/some-sku"),
            ("DELETE", "/admin/products/prod_01JDZZZZZZZZZZZZZZZZZZZZZZ"),
        ] {
            let anonymous = endpoint.call(method, path).send().await?.must_be(401)?;
            ensure!(anonymous.problem()? == "unauthorized", "{anonymous}");
            ensure!(anonymous.header("www-authenticate").starts_with("Bearer"), "{anonymous}");
            let stranger = endpoint.call(method, path).by(&other).send().await?.must_be(401)?;
            ensure!(stranger.problem()? == "unauthorized", "{stranger}");
        }
        endpoint.call("GET", "/admin/products").by(&key).send().await?.must_be(200)?;
    }
    shop.close().await
}

#[tokio::test]
async fn a_revoked_key_soon_opens_nothing() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let shop = world.open().await?;
    shop.origin().call("GET", "/admin/products").by(&key).send().await?.must_be(200)?;
    let listed = world.run(&["admin-key", "list"]).await?.must_exit(0)?.stdout;
    let id = listed.split_whitespace().next().context("the list has the key")?;
    ensure!(!listed.contains(&key), "the list shows the secret");

    world.run(&["admin-key", "revoke", id]).await?.must_exit(0)?;

    until(Duration::from_secs(10), "the key is useless", async || {
        let answer = shop.origin().call("GET", "/admin/products").by(&key).send().await?;
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    ensure!(!shop.log().contains(&key), "the log shows the secret");
    shop.close().await
}

#[tokio::test]
async fn a_role_may_do_what_it_is_for_and_no_more() -> Result<()> {
    let world = World::new()?;
    let catalog = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let category = create_category(shop.origin(), &catalog, "Tools").await?;

    for (role, may_write) in [("owner", true), ("catalog", true), ("orders", false), ("ops", false)]
    {
        let key = world.admin_key(role).await?;
        let product = draft(&format!("Saw of {role}"), &format!("saw-{role}"), &category);

        let read = shop.origin().call("GET", "/admin/products").by(&key).send().await?;
        let write = shop.origin().call("POST", "/admin/products").by(&key).json(&product);
        let write = write.send().await?;

        ensure!(read.status == 200, "{role} reads: {read}");
        ensure!(write.status == if may_write { 201 } else { 403 }, "{role} writes: {write}");
        ensure!(may_write || write.problem()? == "forbidden", "{role}: {write}");
    }
    shop.close().await
}

#[tokio::test]
async fn a_change_needs_the_version_it_was_made_on() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Vase", "vase-1").await?;
    let path = format!("/admin/variants/{}", first_variant(&product)?);
    let price = json!({ "price": { "amount": 2_222, "currency": "USD" } });
    let change = || shop.origin().call("PATCH", &path).by(&key).merge_patch(&price);
    let read = shop.origin().call("GET", &path).by(&key).send().await?.must_be(200)?;
    let etag = read.header("etag");

    let blind = change().send().await?.must_be(428)?;
    let wrong = change().header("if-match", "\"999\"").send().await?.must_be(412)?;
    let first = change().header("if-match", etag).send().await?.must_be(200)?;
    let second = change().header("if-match", etag).send().await?.must_be(412)?;
    let third = change().header("if-match", first.header("etag")).send().await?;

    ensure!(blind.problem()? == "precondition_required", "{blind}");
    ensure!(wrong.problem()? == "precondition_failed", "{wrong}");
    ensure!(second.problem()? == "precondition_failed", "{second}");
    ensure!(first.header("etag") != etag, "the ETag has to change: {first}");
    ensure!(third.status == 200, "with the new version: {third}");
    shop.close().await
}

#[tokio::test]
async fn of_many_writers_on_one_version_one_wins() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Bowl", "bowl-1").await?;
    let path = format!("/admin/variants/{}", first_variant(&product)?);
    let read = shop.origin().call("GET", &path).by(&key).send().await?.must_be(200)?;
    let etag = read.header("etag");

    let changes = (1..=16).map(|price| {
        let price = json!({ "price": { "amount": price, "currency": "USD" } });
        let change = shop.origin().call("PATCH", &path).by(&key).header("if-match", etag);
        change.merge_patch(&price).send()
    });
    let statuses: Vec<_> = try_join_all(changes).await?.iter().map(|one| one.status).collect();

    let won = statuses.iter().filter(|status| **status == 200).count();
    ensure!(won == 1, "{statuses:?}");
    ensure!(statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
    shop.close().await
}

#[tokio::test]
async fn the_same_request_twice_is_done_once() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let category = create_category(shop.origin(), &key, "Tools").await?;
    let post = |product: &Value| {
        let call = shop.origin().call("POST", "/admin/products").by(&key);
        call.header("idempotency-key", "the-one-and-only").json(product).send()
    };
    let hammer = draft("Hammer", "hammer-1", &category);

    let first = post(&hammer).await?.must_be(201)?;
    let again = post(&hammer).await?.must_be(201)?;
    let other = post(&draft("Tongs", "tongs-1", &category)).await?.must_be(422)?;

    ensure!(first.header("idempotent-replayed").is_empty(), "{first}");
    ensure!(again.header("idempotent-replayed") == "true", "{again}");
    ensure!(again.body == first.body, "{again}, not {first}");
    ensure!(again.header("location") == first.header("location"), "{again}, not {first}");
    ensure!(other.problem()? == "idempotency_key_reused", "{other}");
    let listed = shop.origin().call("GET", "/admin/products").by(&key).send().await?.json()?;
    ensure!(listed["data"].as_array().is_some_and(|all| all.len() == 1), "{listed}");
    shop.close().await
}

#[tokio::test]
async fn one_request_sent_many_times_at_once_is_done_once() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let category = create_category(shop.origin(), &key, "Tools").await?;
    let product = draft("Drill", "drill-1", &category);

    let posts = (0..12).map(|_| {
        let call = shop.origin().call("POST", "/admin/products").by(&key);
        call.header("idempotency-key", "at-once").json(&product).send()
    });
    let answers = try_join_all(posts).await?;

    let made = answers.iter().filter(|one| one.status == 201);
    ensure!(made.clone().count() >= 1, "{answers:?}");
    ensure!(made.filter(|one| one.header("idempotent-replayed").is_empty()).count() == 1, "twice");
    ensure!(answers.iter().all(|one| [201, 409].contains(&one.status)), "{answers:?}");
    let listed = shop.origin().call("GET", "/admin/products").by(&key).send().await?.json()?;
    ensure!(listed["data"].as_array().is_some_and(|all| all.len() == 1), "{listed}");
    shop.close().await
}

#[tokio::test]
async fn stock_never_goes_below_nothing() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    create_product(shop.origin(), &key, "Kettle", "kettle-1").await?;
    let adjust = |delta: i64| {
        let body = json!({ "delta": delta, "reason": "counted" });
        shop.origin().call("POST", "/admin/inventory/kettle-1/adjust").by(&key).json(&body).send()
    };

    let answers = try_join_all((0..10).map(|_| adjust(-1))).await?;

    // It was made with seven pieces.
    let taken = answers.iter().filter(|one| one.status == 200).count();
    ensure!(taken == 7, "{:?}", answers.iter().map(|one| one.status).collect::<Vec<_>>());
    for refused in answers.iter().filter(|one| one.status != 200) {
        ensure!(refused.status == 409 && refused.problem()? == "insufficient_stock", "{refused}");
    }
    let level = shop.origin().call("GET", "/admin/inventory/kettle-1").by(&key);
    let level = level.send().await?.must_be(200)?.json()?;
    for (field, wanted) in [("on_hand", 0), ("available", 0), ("held", 0), ("allocated", 0)] {
        ensure!(level[field] == wanted, "{field}: {level}");
    }
    shop.close().await
}

#[tokio::test]
async fn writes_through_the_edge_are_the_same_writes() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.edge(), &key, "Mirror", "mirror-1").await?;

    let written = reprice(shop.edge(), &key, &first_variant(&product)?, 5_000).await?;

    ensure!(seq(&written)? >= 2, "{written}");
    ensure!(written.header("cache-control").contains("no-store"), "{written}");
    ensure!(written.json()?["price"]["amount"] == 5_000, "{written}");
    shop.close().await
}

#[tokio::test]
async fn a_refused_key_is_logged_and_counted_and_a_flood_of_them_fills_no_log() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let (id, secret) = key.split_once('.').context("an id and a secret")?;
    let wrong = format!("Bearer {id}.0{secret}");
    let lines = |shop: &tests::Shop| {
        let log = shop.log();
        let all = log.lines().filter(|line| line.contains("rejected an admin key"));
        all.map(ToOwned::to_owned).collect::<Vec<_>>()
    };

    shop.edge().call("GET", "/admin/products").send().await?.must_be(401)?;
    for _ in 0..100 {
        let call = shop.edge().call("GET", "/admin/products/x").header("authorization", &wrong);
        call.send().await?.must_be(401)?;
    }
    until(Duration::from_secs(30), "the lines are there", async || {
        Ok((lines(&shop).len() >= 20).then_some(()))
    })
    .await?;
    let metrics = String::from_utf8(shop.operators().get("/metrics").await?.body.to_vec())?;

    let told = lines(&shop);
    ensure!((20..=40).contains(&told.len()), "{} lines for 101 refusals", told.len());
    ensure!(told[0].contains("\"reason\":\"missing\""), "{}", told[0]);
    for part in
        [id, "\"reason\":\"wrong\"", "/admin/products/{product}", "\"address\":\"127.0.0.1\""]
    {
        ensure!(told[1].contains(part), "{part}: {}", told[1]);
    }
    ensure!(!shop.log().contains(secret), "the key is in the log");
    ensure!(metrics.contains("admin_keys_refused_total{reason=\"wrong\"} 100"), "{metrics}");
    shop.close().await
}
