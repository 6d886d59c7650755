//! What is never cached.

use anyhow::{Context as _, Result, ensure};

use super::{PLAIN, must_read};
use crate::play::Reaction;
use crate::stage::Stage;

pub async fn a_private_route_passes_uncached_with_its_cookies(stage: &Stage) -> Result<()> {
    let origin = std::sync::Arc::downgrade(&stage.origin);
    stage.origin.plays("/cart", move |seen| {
        let origin = origin.upgrade().expect("the origin lives");
        Reaction::public(&origin, "catalog", seen.header("cookie"))
            .with("set-cookie", "a=1; Path=/; HttpOnly")
            .with("set-cookie", "b=2")
            .with("cache-status", "origin; hit")
    });

    for cookie in ["cart=1", "cart=2"] {
        let answer = stage.get_with("/cart", &[("cookie", cookie), PLAIN]).await?.must_be(200)?;

        must_read(&answer, cookie)?;
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        ensure!(cookies == ["a=1; Path=/; HttpOnly", "b=2"], "{answer}");
        let statuses: Vec<_> = answer.headers.get_all("cache-status").iter().collect();
        let joined = statuses
            .iter()
            .filter_map(|status| status.to_str().ok())
            .collect::<Vec<_>>()
            .join(", ");
        ensure!(joined == "origin; hit, shopping-edge; fwd=bypass", "{answer}");
        for name in ["x-stamp", "x-seen", "x-tags"] {
            ensure!(!answer.headers.contains_key(name), "{answer}");
        }
    }
    ensure!(stage.asked("/cart").len() == 2, "each is asked for");
    Ok(())
}

pub async fn a_request_passes_whole_and_signed(stage: &Stage) -> Result<()> {
    stage
        .origin
        .plays("/cart/items", |seen| Reaction::new(201, &[], &String::from_utf8_lossy(&seen.body)));
    let headers = [
        ("cookie", "cart=1"),
        ("authorization", "Bearer x"),
        ("idempotency-key", "k"),
        ("content-type", "application/json"),
    ];
    let mut call = stage.edge.call("POST", "/cart/items?x=%20a&y=b+c~").header(PLAIN.0, PLAIN.1);
    for (name, value) in headers {
        call = call.header(name, value);
    }

    let answer = call.body(r#"{"quantity":1}"#).send().await?.must_be(201)?;

    must_read(&answer, r#"{"quantity":1}"#)?;
    let seen = stage.asked("/cart/items").pop().context("it was asked")?;
    ensure!(seen.method == "POST" && seen.target == "/cart/items?x=%20a&y=b+c~", "{seen:?}");
    for (name, value) in headers {
        ensure!(seen.header(name) == value, "{name}: {seen:?}");
    }
    ensure!(seen.header("x-client-addr") == "127.0.0.1", "{seen:?}");
    ensure!(seen.header("x-public-host") == "shop.example", "{seen:?}");
    ensure!(seen.is_signed, "{seen:?}");
    Ok(())
}

/// RFC 9110 §7.6.2.
pub async fn a_request_that_may_go_no_further_is_answered_here(stage: &Stage) -> Result<()> {
    stage.origin.plays("/account/far", |seen| Reaction::new(200, &[], seen.header("max-forwards")));
    let ask = async |left: &str| {
        let call = stage.edge.call("OPTIONS", "/account/far").header("max-forwards", left);
        call.header(PLAIN.0, PLAIN.1).send().await
    };

    let here = ask("0").await?.must_be(204)?;
    let on = ask("3").await?.must_be(200)?;

    ensure!(here.header("allow").contains("GET"), "{here}");
    must_read(&on, "2")?;
    ensure!(stage.asked("/account/far").len() == 1, "the first went no further");
    Ok(())
}

/// An address that leads from the edge back to it would otherwise ask without end.
pub async fn a_request_that_comes_back_is_refused(stage: &Stage) -> Result<()> {
    stage.origin.plays("/account/circle", |_| Reaction::new(200, &[], "x"));
    stage.get_with("/account/circle", &[PLAIN]).await?.must_be(200)?;
    let sent = stage.asked("/account/circle").pop().context("it was asked")?;
    let names = sent.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-"));
    let signature: Vec<_> = names.map(|name| (name, sent.header(name))).collect();
    let via = [("via", sent.header("via"))];

    // Each mark does alone: a proxy on the way may take the other, or write another URL.
    for (target, mark) in [
        ("/account/circle", signature.as_slice()),
        ("/account/circle", &via),
        ("/account/elsewhere", &via),
        ("/products/circle", &via),
    ] {
        let answer = stage.get_with(target, mark).await?.must_be(508)?;

        ensure!(answer.problem()? == "loop_detected", "{target} {mark:?}: {answer}");
    }
    ensure!(stage.asked("/account/circle").len() == 1, "it went no further");
    ensure!(stage.asked("/products/circle").is_empty(), "it went no further");
    Ok(())
}

pub async fn a_head_and_a_304_and_a_204_pass_as_they_are(stage: &Stage) -> Result<()> {
    stage.origin.plays("/account/x", |seen| match seen.method.as_str() {
        "HEAD" => Reaction::new(200, &[("etag", "\"e\"")], "12345"),
        "DELETE" => Reaction::new(204, &[("x-y", "z")], ""),
        _ => Reaction::new(304, &[("etag", "\"e\"")], ""),
    });

    let head = stage.edge.call("HEAD", "/account/x").send().await?.must_be(200)?;
    let deleted = stage.edge.call("DELETE", "/account/x").send().await?.must_be(204)?;
    let known = [("if-none-match", "\"e\"")];
    let unchanged = stage.get_with("/account/x", &known).await?.must_be(304)?;

    ensure!(head.header("etag") == "\"e\"" && head.body.is_empty(), "{head}");
    ensure!(deleted.header("x-y") == "z", "{deleted}");
    ensure!(unchanged.header("etag") == "\"e\"", "{unchanged}");
    Ok(())
}
