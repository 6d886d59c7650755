//! The promises, in the order in which they are tried: all against one edge, each with paths of its
//! own. What takes something from the others comes last.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use domain::Seq;
use tests::{Answer, within};

use crate::mutations::{no_header_changes_the_page, no_target_changes_the_page};
use crate::play::Reaction;
use crate::stage::Stage;

/// None takes longer, however slow the machine.
const BOUND: Duration = Duration::from_secs(60);

type Promise = (&'static str, for<'a> fn(&'a Stage) -> Holding<'a>);
type Holding<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        const PROMISES: &[Promise] = &[$((stringify!($name), |stage| Box::pin($name(stage)))),+];
    };
}

promises![
    the_second_read_is_a_hit_with_the_same_bytes,
    a_client_that_has_the_bytes_is_told_so,
    a_head_has_the_headers_of_the_get_and_no_body,
    a_cached_path_is_only_read,
    a_mistake_in_a_query_is_a_problem_with_a_pointer,
    a_missing_product_is_remembered,
    what_no_parameter_is_called_is_in_neither_key_nor_request,
    the_origin_is_told_nothing_of_the_client,
    what_the_origin_tells_the_edge_is_not_told_to_clients,
    each_encoding_is_an_entry_of_its_own,
    a_hostile_path_never_reaches_the_origin,
    internal_paths_are_refused,
    no_header_changes_the_page,
    no_target_changes_the_page,
    a_private_route_passes_uncached_with_its_cookies,
    a_request_passes_whole_and_signed,
    what_only_the_edge_may_say_is_not_passed_on,
    a_head_and_a_304_and_a_204_pass_as_they_are,
    what_is_not_public_or_sets_a_cookie_or_is_unstamped_is_not_kept,
    a_truncated_answer_is_neither_shown_nor_kept,
    an_error_is_passed_on_where_nothing_stands_in,
    a_change_is_seen_within_four_seconds_by_poll_alone,
    an_answer_is_judged_by_its_own_tags_and_asked_for_again,
    an_answer_that_stays_behind_is_shown_and_not_kept,
    whoever_has_written_is_shown_nothing_older,
    a_token_that_nobody_minted_is_ignored,
    an_error_of_the_origin_is_covered_by_an_old_answer,
    what_was_withdrawn_is_not_shown_whatever_happens,
    a_cache_that_is_switched_off_keeps_and_serves_nothing,
    with_the_origin_down_an_old_answer_stands_in_and_the_edge_is_well,
    another_log_drops_everything,
];

/// Tries them all, says what came of each, and fails if any is not kept.
pub async fn hold(stage: &Stage) -> Result<()> {
    // What the edge is asked while it is waited for.
    stage.counts("/featured", "catalog featured");
    let mut broken = Vec::new();

    for (name, promise) in PROMISES {
        let began = Instant::now();
        let held = within(BOUND, name, promise(stage)).await;
        let took = began.elapsed().as_millis();
        match &held {
            Ok(()) => println!("  {name} ... ok ({took} ms)"),
            Err(error) => println!("  {name} ... BROKEN ({took} ms)\n    {error:#}"),
        }
        broken.extend(held.is_err().then_some(*name));
    }
    ensure!(broken.is_empty(), "{} of {}: {}", broken.len(), PROMISES.len(), broken.join(", "));
    Ok(())
}

/// This cache's own word: others on the way may have said something before it.
fn said(answer: &Answer) -> &str {
    answer.header("cache-status")
}

fn must_say(answer: &Answer, status: &str) -> Result<()> {
    ensure!(said(answer) == status, "wanted {status}: {answer}");
    Ok(())
}

fn must_read(answer: &Answer, text: &str) -> Result<()> {
    ensure!(answer.body == text.as_bytes(), "wanted {text}: {answer}");
    Ok(())
}

/// Plain bytes, whatever stands between the test and the edge would rather send.
const PLAIN: (&str, &str) = ("accept-encoding", "identity");

async fn plain(stage: &Stage, target: &str) -> Result<Answer> {
    stage.get_with(target, &[PLAIN]).await
}

async fn the_second_read_is_a_hit_with_the_same_bytes(stage: &Stage) -> Result<()> {
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

async fn a_client_that_has_the_bytes_is_told_so(stage: &Stage) -> Result<()> {
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
    Ok(())
}

async fn a_head_has_the_headers_of_the_get_and_no_body(stage: &Stage) -> Result<()> {
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

async fn a_cached_path_is_only_read(stage: &Stage) -> Result<()> {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = stage.edge.call(method, "/products").send().await?.must_be(405)?;

        ensure!(answer.problem()? == "method_not_allowed", "{answer}");
        ensure!(answer.header("allow") == "GET, HEAD", "{answer}");
        must_say(&answer, "shopping-edge; detail=refused")?;
    }
    Ok(())
}

async fn a_mistake_in_a_query_is_a_problem_with_a_pointer(stage: &Stage) -> Result<()> {
    let bad = stage.get("/products?limit=0&price=x").await?.must_be(400)?;
    let twice = stage.get("/search?q=a&q=b").await?.must_be(400)?;

    bad.problem()?;
    ensure!(bad.header("cache-control") == "private, no-store", "{bad}");
    let errors = bad.json()?["errors"].to_string();
    ensure!(errors.contains("?limit") && errors.contains("?price"), "{bad}");
    ensure!(twice.problem()? == "duplicate_parameter", "{twice}");
    ensure!(bad.json()?["request_id"] == bad.header("x-request-id"), "{bad}");
    Ok(())
}

async fn a_missing_product_is_remembered(stage: &Stage) -> Result<()> {
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

async fn what_no_parameter_is_called_is_in_neither_key_nor_request(stage: &Stage) -> Result<()> {
    stage.counts("/products", "catalog products");

    plain(stage, "/products?limit=13&utm=x&brand=b,%61").await?.must_be(200)?;
    let same = plain(stage, "/products?brand=a%2Cb&fbclid=%zz").await?;

    ensure!(same.is_hit(), "{same}");
    let asked: Vec<_> = stage.asked("/products").iter().map(|one| one.target.clone()).collect();
    ensure!(asked == ["/products?brand=a,b"], "{asked:?}");
    Ok(())
}

async fn the_origin_is_told_nothing_of_the_client(stage: &Stage) -> Result<()> {
    stage.counts("/products/quiet", "catalog");
    let headers = [
        ("cookie", "session=forged"),
        ("authorization", "Bearer forged"),
        ("x-forwarded-host", "forged.example"),
        ("x-original-url", "/forged"),
        ("x-min-seq", "forged"),
        ("x-edge-auth", "forged"),
        ("user-agent", "forged"),
        ("accept-language", "forged"),
        PLAIN,
    ];

    stage.get_with("/products/quiet", &headers).await?.must_be(200)?;

    let seen = &stage.asked("/products/quiet")[0];
    ensure!(seen.is_signed, "{seen:?}");
    ensure!(seen.header("x-public-host") == "shop.example", "{seen:?}");
    ensure!(seen.header("accept-encoding") == "identity", "{seen:?}");
    for (name, value) in &seen.headers {
        ensure!(!value.to_str()?.contains("forged"), "{name}: {value:?}");
    }
    Ok(())
}

async fn what_the_origin_tells_the_edge_is_not_told_to_clients(stage: &Stage) -> Result<()> {
    stage.counts("/categories", "catalog categories");

    for _ in 0..2 {
        let answer = plain(stage, "/categories").await?.must_be(200)?;

        for name in
            ["x-stamp", "x-tags", "x-min-seq", "cdn-cache-control", "set-cookie", "cache-tag"]
        {
            ensure!(!answer.headers.contains_key(name), "{name}: {answer}");
        }
    }
    Ok(())
}

async fn each_encoding_is_an_entry_of_its_own(stage: &Stage) -> Result<()> {
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

async fn a_hostile_path_never_reaches_the_origin(stage: &Stage) -> Result<()> {
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

async fn internal_paths_are_refused(stage: &Stage) -> Result<()> {
    for path in ["/internal/changes", "/internal/push", "/metrics", "/readyz"] {
        let answer = stage.get(path).await?.must_be(404)?;

        ensure!(answer.problem()? == "not_found", "{answer}");
        ensure!(answer.header("cache-control") == "private, no-store", "{answer}");
    }
    Ok(())
}

async fn a_private_route_passes_uncached_with_its_cookies(stage: &Stage) -> Result<()> {
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
        for name in ["x-stamp", "x-tags"] {
            ensure!(!answer.headers.contains_key(name), "{answer}");
        }
    }
    ensure!(stage.asked("/cart").len() == 2, "each is asked for");
    Ok(())
}

async fn a_request_passes_whole_and_signed(stage: &Stage) -> Result<()> {
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

async fn what_only_the_edge_may_say_is_not_passed_on(stage: &Stage) -> Result<()> {
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

async fn a_head_and_a_304_and_a_204_pass_as_they_are(stage: &Stage) -> Result<()> {
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

async fn what_is_not_public_or_sets_a_cookie_or_is_unstamped_is_not_kept(
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

async fn a_truncated_answer_is_neither_shown_nor_kept(stage: &Stage) -> Result<()> {
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

async fn an_error_is_passed_on_where_nothing_stands_in(stage: &Stage) -> Result<()> {
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

async fn a_change_is_seen_within_four_seconds_by_poll_alone(stage: &Stage) -> Result<()> {
    stage.tells_position("/products/changing", "catalog product:changing");
    stage.hears_of_all().await?;
    let before = plain(stage, "/products/changing").await?;
    ensure!(plain(stage, "/products/changing").await?.is_hit(), "it is kept");

    for _ in 0..3 {
        stage.origin.commits(&["product:changing"], false);
        let committed = Instant::now();
        let position = stage.origin.stamp().to_string();

        let seen = tests::until(Duration::from_secs(8), "the change is seen", async || {
            let answer = plain(stage, "/products/changing").await?.must_be(200)?;
            Ok((answer.body == position.as_bytes()).then_some(answer))
        })
        .await?;

        let took = committed.elapsed();
        ensure!(took <= Duration::from_secs(4), "seen after {took:?}");
        ensure!(seen.body != before.body, "{seen}");
    }
    let last = stage.asked("/products/changing").pop().context("it was asked")?;
    ensure!(!last.header("x-min-seq").is_empty(), "{last:?}");
    Ok(())
}

async fn an_answer_is_judged_by_its_own_tags_and_asked_for_again(stage: &Stage) -> Result<()> {
    stage.origin.commits(&["product:late"], false);
    stage.hears_of_all().await?;
    let now = stage.origin.stamp();
    let asked = AtomicU32::new(0);
    let (old, new) = (format!("{}.{}", now.log, now.seq.0 - 1), now.to_string());
    stage.origin.plays("/bestsellers", move |_| {
        // The first answer is from before the row, which names a product that it shows.
        let stamp = if asked.fetch_add(1, Ordering::SeqCst) == 0 { &old } else { &new };
        Reaction::stamped(stamp, "catalog bestsellers product:late", stamp)
    });

    let answer = plain(stage, "/bestsellers").await?.must_be(200)?;

    must_read(&answer, &now.to_string())?;
    let asked = stage.asked("/bestsellers");
    ensure!(asked.len() == 2 && asked[1].header("x-min-seq") == now.seq.to_string(), "{asked:?}");
    ensure!(plain(stage, "/bestsellers").await?.is_hit(), "the second answer is kept");
    Ok(())
}

async fn an_answer_that_stays_behind_is_shown_and_not_kept(stage: &Stage) -> Result<()> {
    stage.origin.commits(&["product:slow"], false);
    stage.hears_of_all().await?;
    let now = stage.origin.stamp();
    let old = format!("{}.{}", now.log, now.seq.0 - 1);
    stage
        .origin
        .plays("/products/slow", move |_| Reaction::stamped(&old, "catalog product:slow", "old"));

    for _ in 0..2 {
        let answer = plain(stage, "/products/slow").await?.must_be(200)?;

        must_read(&answer, "old")?;
        must_say(&answer, "shopping-edge; fwd=uri-miss; detail=behind")?;
    }
    Ok(())
}

async fn whoever_has_written_is_shown_nothing_older(stage: &Stage) -> Result<()> {
    stage.tells_position("/products/written", "catalog product:written");
    plain(stage, "/products/written").await?.must_be(200)?;

    // Nobody tells the edge of the row.
    let seq = stage.origin.commits(&["product:written"], false);
    let get = async |seq| {
        let token = stage.token(seq);
        stage.get_with("/products/written", &[PLAIN, ("x-catalog-token", &token)]).await
    };
    let written = get(seq).await?.must_be(200)?;
    let unknown = get(Seq(seq.0 + 1_000)).await?.must_be(200)?;

    must_read(&written, &stage.origin.stamp().to_string())?;
    ensure!(written.header("cache-control") == "private, no-store", "{written}");
    must_say(&unknown, "shopping-edge; fwd=request; stored")?;
    ensure!(unknown.header("cache-control") == "private, no-store", "{unknown}");
    let last = stage.asked("/products/written").pop().context("it was asked")?;
    ensure!(last.header("x-min-seq") == (seq.0 + 1_000).to_string(), "{last:?}");
    Ok(())
}

async fn a_token_that_nobody_minted_is_ignored(stage: &Stage) -> Result<()> {
    stage.counts("/products/forged", "catalog");
    plain(stage, "/products/forged").await?.must_be(200)?;
    let forged = stage.forged_token(Seq(999));

    for token in [forged.as_str(), "99.9999999999.x"] {
        let headers = [PLAIN, ("x-catalog-token", token)];
        let answer = stage.get_with("/products/forged", &headers).await?;

        ensure!(answer.is_hit(), "{token}: {answer}");
        ensure!(answer.header("cache-control").starts_with("public"), "{answer}");
    }
    Ok(())
}

async fn an_error_of_the_origin_is_covered_by_an_old_answer(stage: &Stage) -> Result<()> {
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

async fn what_was_withdrawn_is_not_shown_whatever_happens(stage: &Stage) -> Result<()> {
    stage.counts("/products/withdrawn", "catalog product:withdrawn");
    plain(stage, "/products/withdrawn").await?.must_be(200)?;
    stage.origin.commits(&["product:withdrawn"], true);
    stage.hears_of_all().await?;
    stage.origin.plays("/products/withdrawn", |_| Reaction::new(503, &[], "{}"));

    let answer = plain(stage, "/products/withdrawn").await?.must_be(503)?;

    must_read(&answer, "{}")
}

async fn a_cache_that_is_switched_off_keeps_and_serves_nothing(stage: &Stage) -> Result<()> {
    stage.counts("/products/off", "catalog");
    plain(stage, "/products/off").await?.must_be(200)?;

    stage.origin.switches_the_cache("off");
    stage.origin.commits(&["flags"], false);
    stage.hears_of_all().await?;
    let off = plain(stage, "/products/off").await?;

    must_say(&off, "shopping-edge; fwd=bypass; detail=cache-off")?;
    stage.origin.switches_the_cache("on");
    stage.origin.commits(&["flags"], false);
    stage.hears_of_all().await?;
    ensure!(plain(stage, "/products/off").await?.is_hit(), "it is kept still");
    Ok(())
}

async fn with_the_origin_down_an_old_answer_stands_in_and_the_edge_is_well(
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

async fn another_log_drops_everything(stage: &Stage) -> Result<()> {
    stage.tells_position("/products/restored", "catalog");
    plain(stage, "/products/restored").await?.must_be(200)?;

    stage.origin.is_restored_as("M");
    stage.hears_of_all().await?;

    let answer = plain(stage, "/products/restored").await?.must_be(200)?;
    must_read(&answer, "M.0")?;
    ensure!(!answer.is_hit(), "{answer}");
    Ok(())
}
