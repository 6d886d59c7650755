//! What the change log does to cached reads, without pushes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use domain::Seq;

use super::{PLAIN, must_read, must_say, plain, said};
use crate::play::Reaction;
use crate::stage::{HEARS_WITHIN, Stage};

pub async fn a_change_is_seen_within_four_seconds_by_poll_alone(stage: &Stage) -> Result<()> {
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

pub async fn an_answer_is_judged_by_its_own_tags_and_asked_for_again(stage: &Stage) -> Result<()> {
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

pub async fn an_answer_that_stays_behind_is_shown_and_not_kept(stage: &Stage) -> Result<()> {
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

pub async fn a_cache_before_the_origin_hides_no_change(stage: &Stage) -> Result<()> {
    stage.tells_position("/products/shadowed", "catalog product:shadowed");
    stage.hears_of_all().await?;
    stage.origin.stands_behind_a_cache(true);
    let before = plain(stage, "/products/shadowed").await?.must_be(200)?;

    // What it was told of the log, and of the page, is what it would say for ever.
    let mut seen = Vec::new();
    for _ in 0..2 {
        stage.origin.commits(&["product:shadowed"], false);
        let heard = stage.hears_of_all().await;
        seen.push((heard, plain(stage, "/products/shadowed").await, stage.origin.stamp()));
    }
    stage.origin.stands_behind_a_cache(false);

    ensure!(!before.is_hit(), "{before}");
    for (heard, answer, stamp) in seen {
        heard?;
        must_read(&answer?.must_be(200)?, &stamp.to_string())?;
    }
    Ok(())
}

pub async fn a_writer_is_shown_nothing_older_than_the_write(stage: &Stage) -> Result<()> {
    stage.tells_position("/products/written", "catalog product:written");
    plain(stage, "/products/written").await?.must_be(200)?;

    // The edge is not told of the row.
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
    let asked = stage.asked("/products/written");
    let least: Vec<_> = asked.iter().skip(1).map(|seen| seen.header("x-min-seq")).collect();
    ensure!(least == [seq.to_string(), (seq.0 + 1_000).to_string()], "{asked:?}");
    Ok(())
}

pub async fn a_forged_token_is_ignored(stage: &Stage) -> Result<()> {
    stage.counts("/products/forged", "catalog");
    plain(stage, "/products/forged").await?.must_be(200)?;
    let forged = stage.forged_token(Seq(999));

    for token in [forged.as_str(), "99.9999999999.x", ""] {
        let headers = [PLAIN, ("x-catalog-token", token)];
        let answer = stage.get_with("/products/forged", &headers).await?;

        ensure!(answer.is_hit(), "{token}: {answer}");
        ensure!(answer.header("cache-control").starts_with("public"), "{answer}");
    }
    Ok(())
}

pub async fn a_token_of_another_log_asks_for_nothing(stage: &Stage) -> Result<()> {
    stage.counts("/products/elsewhere", "catalog");
    plain(stage, "/products/elsewhere").await?.must_be(200)?;
    let token = stage.token_of("X", Seq(999));

    let headers = [PLAIN, ("x-catalog-token", &*token)];
    let answer = stage.get_with("/products/elsewhere", &headers).await?;

    ensure!(answer.is_hit(), "it waits for a write that is undone: {answer}");
    ensure!(answer.header("cache-control").starts_with("private"), "{answer}");
    Ok(())
}

pub async fn a_cache_that_is_switched_off_keeps_and_serves_nothing(stage: &Stage) -> Result<()> {
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

pub async fn without_the_log_a_kept_answer_says_so_and_a_change_is_seen_when_it_is_back(
    stage: &Stage,
) -> Result<()> {
    stage.tells_position("/products/unheard", "catalog product:unheard");
    stage.hears_of_all().await?;
    let before = plain(stage, "/products/unheard").await?.must_be(200)?;

    stage.origin.loses_its_log();
    stage.origin.commits(&["product:unheard"], false);
    let marked = tests::until(HEARS_WITHIN, "the edge says so", async || {
        let answer = plain(stage, "/products/unheard").await?.must_be(200)?;
        let says_so = said(&answer).ends_with("; detail=log-unavailable");
        Ok(says_so.then_some(answer))
    })
    .await;
    stage.origin.finds_its_log();
    let found = Instant::now();
    stage.hears_of_all().await?;
    let took = found.elapsed();

    let marked = marked?;
    ensure!(marked.is_hit() && marked.body == before.body, "{marked}");
    ensure!(took <= Duration::from_secs(4), "heard after {took:?}");
    let after = plain(stage, "/products/unheard").await?.must_be(200)?;
    must_read(&after, &stage.origin.stamp().to_string())
}

pub async fn another_log_drops_everything(stage: &Stage) -> Result<()> {
    stage.tells_position("/products/restored", "catalog");
    plain(stage, "/products/restored").await?.must_be(200)?;

    stage.origin.is_restored_as("M");
    stage.hears_of_all().await?;

    let answer = plain(stage, "/products/restored").await?.must_be(200)?;
    must_read(&answer, "M.0")?;
    ensure!(!answer.is_hit(), "{answer}");
    Ok(())
}
