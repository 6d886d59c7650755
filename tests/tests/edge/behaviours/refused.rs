//! What an edge refuses by itself.

use anyhow::{Result, ensure};

use super::must_say;
use crate::stage::Stage;

pub async fn a_cached_path_is_only_read(stage: &Stage) -> Result<()> {
    let before = stage.origin.seen().len();

    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = stage.edge.call(method, "/products").send().await?.must_be(405)?;

        ensure!(answer.problem()? == "method_not_allowed", "{answer}");
        ensure!(answer.header("allow") == "GET, HEAD", "{answer}");
        must_say(&answer, "shopping-edge; detail=refused")?;
    }
    ensure!(stage.origin.seen().len() == before, "the origin was asked");
    Ok(())
}

pub async fn a_mistake_in_a_query_is_a_problem_with_a_pointer(stage: &Stage) -> Result<()> {
    let before = stage.origin.seen().len();

    let bad = stage.get("/products?limit=0&price=x").await?.must_be(400)?;
    let twice = stage.get("/search?q=a&q=b").await?.must_be(400)?;

    bad.problem()?;
    ensure!(bad.header("cache-control") == "private, no-store", "{bad}");
    let errors = bad.json()?["errors"].to_string();
    ensure!(errors.contains("?limit") && errors.contains("?price"), "{bad}");
    ensure!(twice.problem()? == "duplicate_parameter", "{twice}");
    ensure!(bad.json()?["request_id"] == bad.header("x-request-id"), "{bad}");
    ensure!(stage.origin.seen().len() == before, "the origin was asked");
    Ok(())
}

pub async fn a_hostile_path_never_reaches_the_origin(stage: &Stage) -> Result<()> {
    let before = stage.origin.seen().len();

    for path in [
        "/products/x.css",
        "/products/x;a=b",
        "/products/x%2f..%2fcart",
        "/products/..%2fcart",
        "/products//x",
        "//products",
        "/products/",
        "/products/x%00",
        "/products/x%0d%0aX:y",
        "/products\\x\\y",
        "/featured/x.js",
        "/categories;x",
        "/internal/changes",
        "/internal",
        "/%69nternal/changes",
        "/INTERNAL/changes",
        "/x/../internal/changes",
        "//internal/changes",
        "/internal;x/changes",
        "/%2finternal/changes",
        "/x/..%2finternal/changes",
        "/.%2e/internal/changes",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        let answer = stage.edge.raw(request.as_bytes()).await?;

        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        ensure!(matches!(status, "404" | "400"), "{path}: {answer}");
        ensure!(!answer.contains("; hit"), "{path}: {answer}");
    }
    let seen = stage.origin.seen();
    ensure!(seen.len() == before, "{:?}", &seen[before..]);
    Ok(())
}

pub async fn internal_paths_are_refused(stage: &Stage) -> Result<()> {
    for path in ["/internal/changes", "/internal/push", "/metrics", "/readyz"] {
        let answer = stage.get(path).await?.must_be(404)?;

        ensure!(answer.problem()? == "not_found", "{answer}");
        ensure!(answer.header("cache-control") == "private, no-store", "{answer}");
    }
    Ok(())
}
