//! What the origin is told with a request, and what clients are told with its answer.

use anyhow::{Context as _, Result, ensure};

use super::{PLAIN, plain};
use crate::play::Reaction;
use crate::stage::{EDGE_AUTH, Stage, key};

pub async fn what_no_parameter_is_called_is_in_neither_key_nor_request(
    stage: &Stage,
) -> Result<()> {
    stage.counts("/products", "catalog products");

    plain(stage, "/products?limit=13&utm=x&brand=b,%61").await?.must_be(200)?;
    let same = plain(stage, "/products?brand=a%2Cb&fbclid=%zz").await?;

    ensure!(same.is_hit(), "{same}");
    let asked: Vec<_> = stage.asked("/products").iter().map(|one| one.target.clone()).collect();
    ensure!(asked == ["/products?brand=a,b"], "{asked:?}");
    Ok(())
}

pub async fn the_origin_is_told_nothing_of_the_client_but_the_address(stage: &Stage) -> Result<()> {
    stage.counts("/products/quiet", "catalog");
    let headers = [
        ("cookie", "session=forged"),
        ("authorization", "Bearer forged"),
        ("x-forwarded-host", "forged.example"),
        ("x-original-url", "/forged"),
        ("x-min-seq", "forged"),
        ("x-edge-auth", "forged"),
        ("x-edge-refill", "forged"),
        ("x-client-addr", "forged"),
        ("user-agent", "forged"),
        ("accept-language", "forged"),
        PLAIN,
    ];

    stage.get_with("/products/quiet", &headers).await?.must_be(200)?;

    let seen = &stage.asked("/products/quiet")[0];
    ensure!(seen.is_signed, "{seen:?}");
    ensure!(seen.header("x-public-host") == "shop.example", "{seen:?}");
    ensure!(seen.header("accept-encoding") == "identity", "{seen:?}");
    ensure!(seen.header("x-client-addr") == "127.0.0.1", "{seen:?}");
    for (name, value) in &seen.headers {
        ensure!(!value.to_str()?.contains("forged"), "{name}: {value:?}");
    }
    Ok(())
}

pub async fn a_read_in_the_place_of_what_the_log_invalidated_is_sealed_as_a_refill(
    stage: &Stage,
) -> Result<()> {
    stage.counts("/products/refill", "catalog product:refill");
    plain(stage, "/products/refill").await?.must_be(200)?;
    stage.origin.commits(&["product:refill"], false);
    stage.hears_of_all().await?;

    plain(stage, "/products/refill").await?.must_be(200)?;

    let asked = stage.asked("/products/refill");
    let [first, refill] = asked.as_slice() else { anyhow::bail!("asked twice: {asked:?}") };
    ensure!(!first.headers.contains_key("x-edge-refill"), "nothing was held: {first:?}");
    let seal = key(EDGE_AUTH).seal_refill(refill.header("x-edge-auth"));
    ensure!(refill.is_signed && refill.header("x-edge-refill") == seal, "{refill:?}");
    Ok(())
}

pub async fn what_the_origin_tells_the_edge_is_not_told_to_clients(stage: &Stage) -> Result<()> {
    stage.counts("/categories", "catalog categories");

    for _ in 0..2 {
        let answer = plain(stage, "/categories").await?.must_be(200)?;

        for name in [
            "x-stamp",
            "x-seen",
            "x-tags",
            "x-min-seq",
            "cdn-cache-control",
            "set-cookie",
            "cache-tag",
        ] {
            ensure!(!answer.headers.contains_key(name), "{name}: {answer}");
        }
    }
    Ok(())
}

pub async fn what_only_the_edge_may_say_is_not_passed_on(stage: &Stage) -> Result<()> {
    stage.origin.plays("/account", |_| Reaction::new(200, &[], "x"));
    let forged = [
        ("x-edge-auth", "forged"),
        ("x-edge-anything", "forged"),
        ("x-client-addr", "forged"),
        ("x-client-user", "forged"),
        ("x-forwarded-for", "forged"),
        ("x-forwarded-host", "forged"),
        ("forwarded", "for=forged"),
        ("x-public-host", "forged"),
        ("x-min-seq", "forged"),
        ("x-stamp", "forged"),
        ("x-seen", "forged"),
        ("x-tags", "forged"),
        ("x-original-url", "forged"),
        ("x-http-method-override", "forged"),
        ("te", "forged"),
        ("proxy-authorization", "forged"),
    ];

    stage.get_with("/account", &forged).await?.must_be(200)?;

    let seen = stage.asked("/account").pop().context("it was asked")?;
    for (name, value) in &seen.headers {
        ensure!(!value.to_str()?.contains("forged"), "{name}: {value:?}");
    }
    ensure!(seen.is_signed, "{seen:?}");
    Ok(())
}
