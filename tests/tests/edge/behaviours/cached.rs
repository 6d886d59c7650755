//! What is read twice: hits, encodings, conditionals, and what is not there.

use anyhow::{Result, ensure};

use super::{PLAIN, must_read, must_say, plain, said};
use crate::play::Reaction;
use crate::stage::Stage;

pub async fn the_second_read_is_a_hit_with_the_same_bytes(stage: &Stage) -> Result<()> {
    stage.counts("/products/hit", "catalog product:hit");

    let first = plain(stage, "/products/hit").await?.must_be(200)?;
    let second = plain(stage, "/products/hit").await?.must_be(200)?;

    must_read(&first, "1 identity")?;
    must_say(&first, "shopping-edge; fwd=uri-miss; stored")?;
    ensure!(second.body == first.body && second.is_hit(), "{second}");
    ensure!(said(&second).starts_with("shopping-edge; hit; ttl="), "{second}");
    ensure!(second.header("etag") == "\"1-identity\"", "{second}");
    ensure!(second.header("vary").eq_ignore_ascii_case("accept-encoding"), "{second}");
    ensure!(second.header("cache-control") == "public, max-age=0, must-revalidate", "{second}");
    ensure!(second.header("content-type") == "application/json", "{second}");
    ensure!(second.header("age").parse::<u64>()? < 60, "{second}");
    ensure!(stage.asked("/products/hit").len() == 1, "one request to the origin");
    Ok(())
}

pub async fn a_client_that_has_the_bytes_is_told_so(stage: &Stage) -> Result<()> {
    stage.counts("/products/same", "catalog");
    let etag = plain(stage, "/products/same").await?.header("etag").to_owned();

    let tags = format!("\"x\", W/{etag}");
    let same = stage.get_with("/products/same", &[PLAIN, ("if-none-match", &tags)]).await?;
    let other = stage.get_with("/products/same", &[PLAIN, ("if-none-match", "\"x\"")]).await?;

    ensure!(same.status == 304 && same.body.is_empty(), "{same}");
    for name in ["etag", "cache-control", "vary", "age", "cache-status"] {
        ensure!(!same.header(name).is_empty(), "{name}: {same}");
    }
    ensure!(same.header("content-type").is_empty(), "{same}");
    ensure!(other.status == 200, "{other}");
    ensure!(stage.asked("/products/same").len() == 1, "one request to the origin");
    Ok(())
}

pub async fn a_head_has_the_headers_of_the_get_and_no_body(stage: &Stage) -> Result<()> {
    stage.counts("/products/head", "catalog");

    let head = stage.edge.call("HEAD", "/products/head").header(PLAIN.0, PLAIN.1).send().await?;
    let get = plain(stage, "/products/head").await?;

    ensure!(get.is_hit(), "the HEAD filled the cache: {get}");
    ensure!(head.status == 200 && head.body.is_empty(), "{head}");
    for name in ["etag", "content-length", "content-type", "cache-control", "vary"] {
        ensure!(head.header(name) == get.header(name), "{name}: {head} {get}");
    }
    ensure!(stage.asked("/products/head")[0].method == "GET", "the origin is asked for all of it");
    Ok(())
}

pub async fn a_missing_product_is_remembered(stage: &Stage) -> Result<()> {
    let origin = std::sync::Arc::downgrade(&stage.origin);
    stage.origin.plays("/products/gone", move |_| {
        let origin = origin.upgrade().expect("the origin lives");
        Reaction::public(&origin, "catalog slug:gone", "{}").status(404)
    });

    let first = plain(stage, "/products/gone").await?.must_be(404)?;
    let second = plain(stage, "/products/gone").await?.must_be(404)?;

    must_say(&first, "shopping-edge; fwd=uri-miss; stored")?;
    ensure!(second.is_hit(), "{second}");
    ensure!(stage.asked("/products/gone").len() == 1, "one request to the origin");
    Ok(())
}

pub async fn each_encoding_is_an_entry_of_its_own(stage: &Stage) -> Result<()> {
    stage.counts("/products/packed", "catalog");
    let get =
        async |encoding| stage.get_with("/products/packed", &[("accept-encoding", encoding)]).await;

    let (br, gzip, plain) = (get("br, gzip").await?, get("gzip").await?, get("identity").await?);

    must_read(&br, "1 br")?;
    ensure!(br.header("content-encoding") == "br", "{br}");
    must_read(&gzip, "2 gzip")?;
    ensure!(gzip.header("content-encoding") == "gzip", "{gzip}");
    must_read(&plain, "3 identity")?;
    ensure!(plain.header("content-encoding").is_empty(), "{plain}");
    let again = get("deflate, br").await?;
    ensure!(again.is_hit(), "{again}");
    must_read(&again, "1 br")
}
