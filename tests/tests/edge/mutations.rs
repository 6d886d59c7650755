//! Requests that are almost the one for a page: no edge lets one change what others are shown of it,
//! or get past the key to the origin.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use edge_core::Route;
use tests::{Answer, within};

use crate::inputs::{HEADERS, TARGETS};
use crate::play::{Reaction, RecordedRequest};
use crate::stage::Stage;

/// A server may wait for the rest of what is no request: it has changed nothing by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// The page shows whatever the origin is told in the words of these inputs.
fn plays_echo(stage: &Stage) {
    let origin = Arc::downgrade(&stage.origin);
    stage.origin.plays("/products", move |seen| {
        let origin = origin.upgrade().expect("the origin lives");
        let body = format!("{} {} {}", seen.method, seen.target, evil_of(seen));
        Reaction::public(&origin, "catalog", &body)
    });
}

fn evil_of(seen: &RecordedRequest) -> String {
    let told = seen.headers.iter().filter(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        name.as_str().contains("evil") || value.contains("evil") || value.contains("203.0.113.9")
    });

    told.map(|(name, value)| format!("{name}: {value:?}")).collect()
}

/// Cloudflare says by it who asks, whatever a client has sent; nothing stands before a local Worker
/// that would. The native edge is held to ignore it in its own tests.
fn is_the_platforms(line: &str) -> bool {
    line.starts_with("CF-Connecting-IP")
}

pub async fn no_header_changes_the_page(stage: &Stage) -> Result<()> {
    plays_echo(stage);

    for (n, line) in HEADERS.iter().filter(|line| !is_the_platforms(line)).enumerate() {
        // The mutation is the first to ask for this page, and asks again when it is kept.
        let page = format!("/products?brand=header-{n}");
        let cold = raw(stage, &page, line).await?;
        let filled = clean(stage, &page).await?;
        let warm = raw(stage, &page, line).await?;
        let kept = clean(stage, &page).await?;

        for answer in [&cold, &warm] {
            is_no_failure(answer, line)?;
        }
        for answer in [&filled, &kept] {
            ensure!(answer.body == format!("GET {page} ").as_bytes(), "{line}: {answer}");
        }
        ensure!(kept.is_hit(), "{line}: {kept}");
    }
    holds_nothing_but_keys(stage)
}

pub async fn no_target_changes_the_page(stage: &Stage) -> Result<()> {
    plays_echo(stage);
    let page = "/products?brand=acme";
    let shown = clean(stage, page).await?;

    // An asterisk is for OPTIONS; the server in front of a local Worker breaks on it by itself.
    for target in TARGETS.iter().filter(|target| **target != "*") {
        let answer = raw(stage, target, "X: 1").await?;
        let kept = clean(stage, page).await?;

        is_no_failure(&answer, target)?;
        ensure!(kept.is_hit() && kept.body == shown.body, "{target}: {kept}");
    }
    holds_nothing_but_keys(stage)
}

async fn clean(stage: &Stage, page: &str) -> Result<Answer> {
    stage.get_with(page, &[("accept-encoding", "identity")]).await?.must_be(200)
}

async fn raw(stage: &Stage, target: &str, line: &str) -> Result<String> {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: shop.example\r\nAccept-Encoding: identity\r\n{line}\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = within(PATIENCE, "an answer", stage.edge.raw(request.as_bytes())).await;

    Ok(answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

fn is_no_failure(answer: &str, what: &str) -> Result<()> {
    let status = answer.split(' ').nth(1).unwrap_or("400");

    ensure!(matches!(status.as_bytes().first(), Some(b'2'..=b'4')), "{what}: {answer}");
    ensure!(answer.matches("HTTP/1.1 ").count() <= 1, "{what}: {answer}");
    Ok(())
}

fn holds_nothing_but_keys(stage: &Stage) -> Result<()> {
    for seen in stage.asked("/products") {
        let canonical = match Route::of(&seen.method, &seen.target) {
            Ok(Route::Catalog(read)) => read.to_string(),
            other => anyhow::bail!("{other:?} reached the origin: {seen:?}"),
        };

        ensure!(seen.method == "GET" && seen.target == canonical, "{seen:?}");
        ensure!(evil_of(&seen).is_empty() && seen.body.is_empty(), "{seen:?}");
        ensure!(seen.is_signed && seen.header("x-public-host") == "shop.example", "{seen:?}");
    }
    Ok(())
}
