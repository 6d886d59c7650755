//! When the origin says what must not be kept, fails, or is down.

use anyhow::{Result, ensure};

use super::{must_read, must_say, plain};
use crate::play::Reaction;
use crate::stage::Stage;

pub async fn what_is_not_public_or_sets_a_cookie_or_is_unstamped_is_not_kept(
    stage: &Stage,
) -> Result<()> {
    type Spoil = fn(Reaction) -> Reaction;
    let refused: [(&str, Spoil); 5] = [
        ("/products/private", |mut reaction| {
            let value = "private, no-store".parse().expect("a value");
            reaction.response.headers_mut().insert("cache-control", value);
            reaction
        }),
        ("/products/cookie", |reaction| reaction.with("set-cookie", "session=1")),
        ("/products/vary", |reaction| reaction.with("vary", "Cookie")),
        ("/products/error", |reaction| reaction.status(500)),
        ("/products/unstamped", |mut reaction| {
            reaction.response.headers_mut().remove("x-stamp");
            reaction
        }),
    ];

    for (path, spoil) in refused {
        let origin = std::sync::Arc::downgrade(&stage.origin);
        stage.origin.plays(path, move |_| {
            let origin = origin.upgrade().expect("the origin lives");
            spoil(Reaction::public(&origin, "catalog", "x"))
        });

        for _ in 0..2 {
            let answer = plain(stage, path).await?;
            must_say(&answer, "shopping-edge; fwd=uri-miss")?;
            ensure!(!answer.headers.contains_key("set-cookie"), "{answer}");
        }
        ensure!(stage.asked(path).len() == 2, "{path}");
    }
    Ok(())
}

pub async fn a_truncated_answer_is_neither_shown_nor_kept(stage: &Stage) -> Result<()> {
    let origin = std::sync::Arc::downgrade(&stage.origin);
    stage.origin.plays("/products/cut", move |_| {
        let origin = origin.upgrade().expect("the origin lives");
        let whole = Reaction::public(&origin, "catalog", "0123456789");
        Reaction { cut_after: Some(4), ..whole }
    });

    let cut = plain(stage, "/products/cut").await?.must_be(502)?;
    stage.counts("/products/cut", "catalog");
    let whole = plain(stage, "/products/cut").await?.must_be(200)?;

    ensure!(cut.problem()? == "origin_unreachable", "{cut}");
    must_read(&whole, "1 identity")
}

pub async fn an_error_is_passed_on_where_nothing_stands_in(stage: &Stage) -> Result<()> {
    stage.origin.plays("/products/ill", |_| {
        let headers = [("content-type", "application/problem+json"), ("retry-after", "3")];
        Reaction::new(503, &headers, r#"{"code":"unavailable"}"#)
    });

    let answer = plain(stage, "/products/ill").await?.must_be(503)?;

    must_read(&answer, r#"{"code":"unavailable"}"#)?;
    ensure!(answer.header("retry-after") == "3", "{answer}");
    ensure!(answer.header("cache-control") == "private, no-store", "{answer}");
    Ok(())
}

/// A login page, a refusal, a sign that the shop is closed: as things between edge and origin make
/// them, for each status.
fn strange(status: u16) -> Reaction {
    let head = [
        ("content-type", "text/html"),
        ("cache-control", "public, max-age=600"),
        ("location", "https://login.example/"),
        ("set-cookie", "session=stranger"),
    ];

    Reaction::new(status, &head, "<h1>a proxy's page</h1>")
}

const STRANGE: [u16; 7] = [200, 302, 403, 404, 429, 500, 503];

pub async fn what_something_on_the_way_answers_is_not_shown(stage: &Stage) -> Result<()> {
    for status in STRANGE {
        let path = format!("/products/strange-{status}");
        stage.origin.plays(&path, move |_| strange(status));

        let answer = plain(stage, &path).await?;
        stage.counts(&path, "catalog");
        let own = plain(stage, &path).await?.must_be(200)?;

        ensure!(answer.status == if status == 503 { 503 } else { 502 }, "{status}: {answer}");
        answer.problem()?;
        ensure!(!String::from_utf8_lossy(&answer.body).contains("proxy's page"), "{answer}");
        for name in ["location", "set-cookie"] {
            ensure!(!answer.headers.contains_key(name), "{name}: {answer}");
        }
        must_read(&own, "1 identity")?;
    }
    Ok(())
}

pub async fn what_something_on_the_way_answers_is_covered_by_an_old_answer(
    stage: &Stage,
) -> Result<()> {
    for status in STRANGE {
        stage.counts(&format!("/products/hidden-{status}"), "catalog product:hidden");
        plain(stage, &format!("/products/hidden-{status}")).await?.must_be(200)?;
    }
    stage.origin.commits(&["product:hidden"], false);
    stage.hears_of_all().await?;

    for status in STRANGE {
        let path = format!("/products/hidden-{status}");
        stage.origin.plays(&path, move |_| strange(status));

        let answer = plain(stage, &path).await?.must_be(200)?;

        must_read(&answer, "1 identity")?;
        let said = format!("shopping-edge; fwd=miss; fwd-status={status}; detail=stale-if-error");
        must_say(&answer, &said)?;
    }
    Ok(())
}

pub async fn an_error_of_the_origin_is_covered_by_an_old_answer(stage: &Stage) -> Result<()> {
    stage.counts("/products/covered", "catalog product:covered");
    plain(stage, "/products/covered").await?.must_be(200)?;
    stage.origin.commits(&["product:covered"], false);
    stage.hears_of_all().await?;
    stage.origin.plays("/products/covered", |_| Reaction::new(503, &[], "{}"));

    let answer = plain(stage, "/products/covered").await?.must_be(200)?;
    let again = plain(stage, "/products/covered").await?.must_be(200)?;

    must_read(&answer, "1 identity")?;
    must_say(&answer, "shopping-edge; fwd=miss; fwd-status=503; detail=stale-if-error")?;
    // For a second the origin is left alone.
    must_say(&again, "shopping-edge; fwd=miss; detail=stale-if-error")
}

pub async fn what_was_withdrawn_is_not_shown_whatever_happens(stage: &Stage) -> Result<()> {
    stage.counts("/products/withdrawn", "catalog product:withdrawn");
    plain(stage, "/products/withdrawn").await?.must_be(200)?;
    stage.origin.commits(&["product:withdrawn"], true);
    stage.hears_of_all().await?;
    let problem = [("content-type", "application/problem+json")];
    stage.origin.plays("/products/withdrawn", move |_| Reaction::new(503, &problem, "{}"));

    let answer = plain(stage, "/products/withdrawn").await?.must_be(503)?;

    must_read(&answer, "{}")
}

pub async fn a_refusal_never_shows_what_the_log_called_invalid(stage: &Stage) -> Result<()> {
    stage.counts("/products/refused", "catalog product:refused");
    plain(stage, "/products/refused").await?.must_be(200)?;
    stage.origin.commits(&["product:refused"], false);
    stage.hears_of_all().await?;
    stage.origin.plays("/products/refused", |_| {
        let headers = [
            ("content-type", "application/problem+json"),
            ("retry-after", "7"),
            ("ratelimit", "\"public\";r=0;t=7"),
            ("ratelimit-policy", "\"public\";q=1000;w=60"),
        ];
        Reaction::new(429, &headers, r#"{"code":"rate_limited"}"#)
    });

    let refused = plain(stage, "/products/refused").await?.must_be(429)?;
    stage.counts("/products/refused", "catalog product:refused");
    let answered = plain(stage, "/products/refused").await?.must_be(200)?;

    must_say(&refused, "shopping-edge; fwd=miss")?;
    must_read(&refused, r#"{"code":"rate_limited"}"#)?;
    ensure!(refused.header("retry-after") == "7", "{refused}");
    ensure!(refused.header("ratelimit") == "\"public\";r=0;t=7", "{refused}");
    ensure!(refused.header("ratelimit-policy") == "\"public\";q=1000;w=60", "{refused}");
    must_say(&answered, "shopping-edge; fwd=miss; stored")
}

pub async fn with_the_origin_down_an_old_answer_stands_in_and_the_edge_is_well(
    stage: &Stage,
) -> Result<()> {
    stage.counts("/products/kept", "catalog product:kept");
    stage.counts("/products/changed", "catalog product:changed");
    plain(stage, "/products/kept").await?.must_be(200)?;
    plain(stage, "/products/changed").await?.must_be(200)?;
    stage.origin.commits(&["product:changed"], false);
    stage.hears_of_all().await?;

    let addr = stage.origin_goes_down().await?;
    let kept = plain(stage, "/products/kept").await;
    let changed = plain(stage, "/products/changed").await;
    let never = plain(stage, "/products/never").await;
    let passed = plain(stage, "/account").await;
    let health = stage.edge.get("/edge/healthz").await;
    stage.origin_comes_back(addr).await;

    ensure!(kept?.must_be(200)?.is_hit(), "what is valid is used");
    let changed = changed?.must_be(200)?;
    must_read(&changed, "1 identity")?;
    must_say(&changed, "shopping-edge; fwd=miss; fwd-status=502; detail=stale-if-error")?;
    ensure!(never?.must_be(502)?.problem()? == "origin_unreachable", "nothing stands in");
    ensure!(passed?.must_be(502)?.problem()? == "origin_unreachable", "a private route");
    ensure!(health?.json()?["status"] == "ok", "the edge is well");
    plain(stage, "/account").await?.must_be(200)?;
    Ok(())
}
