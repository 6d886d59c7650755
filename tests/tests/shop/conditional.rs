//! HEAD, 304 and encodings: less on the wire, and never something else.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use tests::{Answer, World};

const PAGES: [&str; 5] =
    ["/products", "/products?limit=96", "/categories", "/featured", "/search?q=a"];

fn decoded(answer: &Answer) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match answer.header("content-encoding") {
        "br" => brotli::Decompressor::new(&answer.body[..], 4_096).read_to_end(&mut bytes)?,
        "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut bytes)?,
        "" => return Ok(answer.body.to_vec()),
        other => anyhow::bail!("an encoding that was not asked for: {other}"),
    };
    Ok(bytes)
}

#[tokio::test]
async fn every_encoding_holds_the_same_page_under_its_own_etag() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;

    for page in PAGES {
        let plain = shop.edge().get(page).await?;
        let ask = |accepted: &'static str| {
            shop.edge().call("GET", page).header("accept-encoding", accepted).send()
        };
        let brotli = ask("br, gzip").await?.must_be(200)?;
        let gzip = ask("gzip").await?.must_be(200)?;
        let refused = ask("br;q=0, gzip;q=0").await?.must_be(200)?;

        ensure!(plain.header("content-encoding").is_empty(), "{page}: {:?}", plain.headers);
        ensure!(brotli.header("content-encoding") == "br", "{page}: {:?}", brotli.headers);
        ensure!(gzip.header("content-encoding") == "gzip", "{page}: {:?}", gzip.headers);
        ensure!(refused.body == plain.body, "{page}: an encoding with q=0 is not wanted");
        for encoded in [&brotli, &gzip] {
            ensure!(decoded(encoded)? == plain.body, "{page}: another page");
            ensure!(encoded.body.len() < plain.body.len(), "{page}: not smaller");
            ensure!(encoded.header("etag") != plain.header("etag"), "{page}: one ETag for two");
        }
        for answer in [&plain, &brotli, &gzip] {
            let vary = answer.header("vary").to_ascii_lowercase();
            ensure!(vary.contains("accept-encoding"), "{page}: Vary is {vary:?}");
        }
    }
    shop.close().await
}

#[tokio::test]
async fn a_page_that_the_reader_has_is_not_sent_again() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;

    for page in PAGES {
        for encoding in ["identity", "gzip", "br"] {
            let ask = || shop.edge().call("GET", page).header("accept-encoding", encoding);
            let first = ask().send().await?.must_be(200)?;
            let etag = first.header("etag");
            let weak = format!("W/{}", etag.trim_start_matches("W/"));
            let listed = format!("\"other\", {etag}");
            ensure!(etag.len() > 2, "{page}: no ETag");

            for have in [etag, &weak, &listed, "*"] {
                let again = ask().header("if-none-match", have).send().await?;
                ensure!(again.status == 304, "{page} {encoding} {have}: {}", again.status);
                ensure!(again.body.is_empty(), "{page}: a 304 with a body");
                for name in ["etag", "cache-control", "vary"] {
                    ensure!(again.header(name) == first.header(name), "{page}: {name} differs");
                }
            }
            let other = ask().header("if-none-match", "\"other\"").send().await?;
            ensure!(other.status == 200 && other.body == first.body, "{page}: {}", other.status);
        }
    }
    shop.close().await
}

#[tokio::test]
async fn head_is_get_without_its_body() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;

    for page in PAGES.into_iter().chain(["/products/no-such-product"]) {
        let get = shop.edge().call("GET", page).send().await?;
        let head = shop.edge().call("HEAD", page).send().await?;

        ensure!(head.status == get.status, "{page}: {} and {}", head.status, get.status);
        ensure!(head.body.is_empty(), "{page}: HEAD with a body");
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            let (of_head, of_get) = (head.header(name), get.header(name));
            ensure!(of_head == of_get, "{page} {name}: {of_head:?}, {of_get:?}");
        }
    }
    shop.close().await
}

#[tokio::test]
async fn browsers_ask_each_time_and_learn_how_old_a_page_is() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    shop.edge().get("/categories").await?;

    let kept = shop.edge().get("/categories").await?;

    ensure!(kept.is_hit(), "{kept}");
    ensure!(kept.header("cache-control") == "public, max-age=0, must-revalidate", "{kept}");
    kept.header("age").parse::<u64>().with_context(|| format!("Age: {kept}"))?;
    ensure!(kept.header("set-cookie").is_empty(), "{kept}");
    shop.close().await
}
