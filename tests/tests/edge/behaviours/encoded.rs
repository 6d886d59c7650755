//! Encodings on the way between shopper, edge and origin.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use edge_core::Encoding;

use super::must_read;
use crate::play::recoder::{Proxy, Recoding, Tag, honest, unpacked};
use crate::stage::Stage;

/// What a proxy between edge and origin may do, and most do some of.
const PROXIES: [Proxy; 4] = [
    Proxy::REWRITES,
    Proxy { body: Recoding::Decodes, tag: Tag::Weakens },
    Proxy { body: Recoding::Encodes(Encoding::Gzip), tag: Tag::Weakens },
    Proxy { body: Recoding::Encodes(Encoding::Brotli), tag: Tag::Drops },
];
const PAGE: &str = "one page, and one page, and one page, and one page, and one page";

pub async fn a_client_that_accepts_no_encoding_gets_plain_bytes(stage: &Stage) -> Result<()> {
    stage.counts("/products/mute", "catalog");

    let mute = stage.get("/products/mute").await?.must_be(200)?;

    must_read(&mute, "1 identity")?;
    ensure!(stage.asked("/products/mute")[0].header("x-edge-encoding") == "identity");
    Ok(())
}

pub async fn a_proxy_before_the_origin_changes_nothing_that_a_shopper_reads(
    stage: &Stage,
) -> Result<()> {
    for (n, proxy) in PROXIES.into_iter().enumerate() {
        let path = format!("/products/proxied-{n}");
        let origin = Arc::downgrade(&stage.origin);
        stage.origin.plays(&path, move |seen| {
            let origin = origin.upgrade().expect("the origin lives");
            honest(&origin, seen, "catalog product:proxied", PAGE)
        });

        stage.origin.stands_behind(proxy);
        let is_read = is_read_and_kept(stage, &path).await;
        stage.origin.stands_behind(None);

        is_read.with_context(|| format!("{proxy:?}"))?;
    }
    Ok(())
}

async fn is_read_and_kept(stage: &Stage, path: &str) -> Result<()> {
    for encoding in Encoding::ALL {
        let accepted = ("accept-encoding", encoding.as_str());
        let first = stage.get_with(path, &[accepted]).await?.must_be(200)?;
        let second = stage.get_with(path, &[accepted]).await?.must_be(200)?;
        let known = [accepted, ("if-none-match", first.header("etag"))];
        let unchanged = stage.get_with(path, &known).await?;

        for answer in [&first, &second] {
            let arrived = Encoding::of_content(Some(answer.header("content-encoding")));
            let arrived = arrived.with_context(|| format!("{answer}"))?;
            ensure!([encoding, Encoding::Identity].contains(&arrived), "{encoding:?}: {answer}");
            ensure!(unpacked(arrived, &answer.body) == PAGE.as_bytes(), "{encoding:?}: {answer}");
            let told = answer.header("cache-control");
            ensure!(told == "public, max-age=0, must-revalidate", "{answer}");
        }
        ensure!(second.is_hit(), "{encoding:?}: {second}");
        ensure!(unchanged.status == 304, "{encoding:?}: {unchanged}");
    }
    // The log goes through the same proxy.
    stage.origin.commits(&["product:proxied"], false);
    stage.hears_of_all().await
}
