//! What browsers are told: to take a body for what it says it is, and whose scripts may read it.

use anyhow::{Result, ensure};
use tests::Answer;

use super::{PLAIN, plain};
use crate::play::Reaction;
use crate::stage::Stage;

const ELSEWHERE: (&str, &str) = ("origin", "https://elsewhere.example");

fn must_be_typed(answer: &Answer) -> Result<()> {
    ensure!(answer.header("x-content-type-options") == "nosniff", "{answer}");
    ensure!(answer.headers.get_all("x-content-type-options").iter().count() == 1, "{answer}");
    Ok(())
}

fn must_be_readable(answer: &Answer) -> Result<()> {
    ensure!(answer.header("access-control-allow-origin") == "*", "{answer}");
    let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
    for name in ["etag", "retry-after", "ratelimit", "ratelimit-policy", "cache-status"] {
        ensure!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {answer}");
    }
    ensure!(!answer.header("vary").to_ascii_lowercase().contains("origin"), "{answer}");
    ensure!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer}");
    must_be_typed(answer)
}

pub async fn any_sites_scripts_read_the_catalogue(stage: &Stage) -> Result<()> {
    stage.counts("/products/site", "catalog");

    let miss = plain(stage, "/products/site").await?.must_be(200)?;
    let hit = stage.get_with("/products/site", &[ELSEWHERE, PLAIN]).await?.must_be(200)?;
    let known = [ELSEWHERE, PLAIN, ("if-none-match", hit.header("etag"))];
    let unchanged = stage.get_with("/products/site", &known).await?.must_be(304)?;
    let head = stage.edge.call("HEAD", "/products/site").header(PLAIN.0, PLAIN.1).send().await?;
    let mistake = stage.get_with("/products?limit=x", &[ELSEWHERE]).await?.must_be(400)?;
    let no_read = stage.edge.call("DELETE", "/products").send().await?.must_be(405)?;

    ensure!(hit.is_hit(), "an entry for each site: {hit}");
    for answer in [miss, hit, unchanged, head, mistake, no_read] {
        must_be_readable(&answer)?;
    }
    Ok(())
}

pub async fn a_preflight_is_answered_here(stage: &Stage) -> Result<()> {
    let asked = [
        ELSEWHERE,
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "if-none-match"),
    ];

    for path in ["/products", "/products/preflight?x=%zz", "/search?q=a"] {
        let call = stage.edge.call("OPTIONS", path);
        let call = asked.iter().fold(call, |call, (name, value)| call.header(name, value));
        let answer = call.send().await?.must_be(204)?;

        ensure!(answer.header("access-control-allow-origin") == "*", "{answer}");
        ensure!(answer.header("access-control-allow-methods") == "GET, HEAD", "{answer}");
        let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
        ensure!(allowed.split(", ").any(|name| name == "if-none-match"), "{answer}");
        ensure!(!allowed.contains("authorization") && !allowed.contains('*'), "{answer}");
        ensure!(answer.header("access-control-max-age").parse::<u32>()? > 0, "{answer}");
        must_be_typed(&answer)?;
    }
    ensure!(stage.asked("/products/preflight").is_empty(), "the origin was asked");
    Ok(())
}

pub async fn no_other_sites_scripts_read_what_is_private(stage: &Stage) -> Result<()> {
    stage.origin.plays("/admin/products", |seen| match seen.method.as_str() {
        "OPTIONS" => Reaction::new(405, &[("allow", "GET, POST")], ""),
        _ => Reaction::new(200, &[("content-type", "application/json")], "{}"),
    });
    let asked = [ELSEWHERE, ("access-control-request-method", "POST")];

    for (method, status) in [("GET", 200), ("OPTIONS", 405), ("POST", 200)] {
        let call = stage.edge.call(method, "/admin/products");
        let call = asked.iter().fold(call, |call, (name, value)| call.header(name, value));
        let answer = call.send().await?.must_be(status)?;

        let opened: Vec<_> = answer
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control"))
            .collect();
        ensure!(opened.is_empty(), "{answer}");
        must_be_typed(&answer)?;
    }
    Ok(())
}

pub async fn a_problem_needs_nothing_should_a_browser_open_it(stage: &Stage) -> Result<()> {
    let answer = stage.get("/products?limit=x").await?.must_be(400)?;

    let policy = answer.header("content-security-policy");
    ensure!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{answer}");
    Ok(())
}
