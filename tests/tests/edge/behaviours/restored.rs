//! A store that was put back under the log's old name, in front of an edge that has seen more of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use domain::Seq;

use super::{must_read, plain};
use crate::play::Reaction;
use crate::stage::{HEARS_WITHIN, Stage};

/// The bound, from when the store was put back until the undone answer is gone for good.
const NOTICED_WITHIN: Duration = Duration::from_secs(4);

pub async fn a_store_that_was_put_back_is_noticed_by_its_head(stage: &Stage) -> Result<()> {
    let page = "/products/undone";
    stage.tells_position(page, "catalog product:undone");
    let backup = stage.origin.stamp();
    stage.origin.commits(&["product:undone"], false);
    kept(stage, page).await?;

    let put_back = Instant::now();
    stage.origin.is_put_back_to(backup.seq);

    shows(stage, page, &backup.to_string(), put_back).await?;
    shows_a_later_write(stage, page).await
}

pub async fn a_store_that_was_put_back_and_written_to_is_noticed_by_its_row(
    stage: &Stage,
) -> Result<()> {
    let page = "/products/rewritten";
    stage.tells_position(page, "catalog product:rewritten");
    let backup = stage.origin.stamp();
    stage.origin.commits(&["product:rewritten"], false);
    kept(stage, page).await?;

    // By the next poll the log is further than the edge, by rows that name nothing of the page.
    let put_back = Instant::now();
    stage.origin.is_put_back_to(backup.seq);
    for _ in 0..2 {
        stage.origin.commits(&["product:another"], false);
    }

    shows(stage, page, &stage.origin.stamp().to_string(), put_back).await?;
    shows_a_later_write(stage, page).await
}

/// The edge stands where the store is put back to, and keeps an answer of after it.
pub async fn what_only_an_answer_has_named_is_shown_to_the_log(stage: &Stage) -> Result<()> {
    let page = "/products/ahead";
    stage.hears_of_all().await?;
    let row = stage.origin.row().context("it has rows")?;
    let ahead = domain::RowId { seq: Seq(row.seq.0 + 9), ..row };
    let polls_before = stage.origin.polls().len();
    let (stamp, seen) = (ahead.stamp().to_string(), ahead.to_string());
    stage.origin.plays(page, move |_| {
        Reaction::stamped(&stamp, "catalog product:ahead", "ahead").with("x-seen", &seen)
    });

    plain(stage, page).await?.must_be(200)?;

    tests::until(HEARS_WITHIN, "the log is shown the row", async || {
        plain(stage, page).await?.must_be(200)?;
        let polls = stage.origin.polls().split_off(polls_before);
        let is_shown = polls.iter().any(|poll| poll.parameter("seen") == Some(&ahead.to_string()));
        Ok(is_shown.then_some(()))
    })
    .await
}

/// Waits until the page is kept as it is now.
async fn kept(stage: &Stage, page: &str) -> Result<()> {
    stage.hears_of_all().await?;
    let now = stage.origin.stamp().to_string();

    tests::until(HEARS_WITHIN, "the page is kept", async || {
        let answer = plain(stage, page).await?.must_be(200)?;
        Ok((answer.is_hit() && answer.body == now.as_bytes()).then_some(()))
    })
    .await
}

/// Reads without a pause, so that the edge polls, until the page is what it should be, and goes on
/// for a while: what was noticed stays so.
async fn shows(stage: &Stage, page: &str, text: &str, since: Instant) -> Result<()> {
    tests::until(HEARS_WITHIN, "the undone answer is gone", async || {
        let answer = plain(stage, page).await?.must_be(200)?;
        Ok((answer.body == text.as_bytes()).then_some(()))
    })
    .await?;
    let took = since.elapsed();
    ensure!(took <= NOTICED_WITHIN, "noticed after {took:?}");

    while since.elapsed() < NOTICED_WITHIN {
        must_read(&plain(stage, page).await?.must_be(200)?, text)?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn shows_a_later_write(stage: &Stage, page: &str) -> Result<()> {
    let tag = format!("product:{}", page.rsplit('/').next().context("a page")?);
    let written = Instant::now();
    stage.origin.commits(&[&tag], false);
    let now = stage.origin.stamp().to_string();

    tests::until(HEARS_WITHIN, "a later write is seen", async || {
        let answer = plain(stage, page).await?.must_be(200)?;
        Ok((answer.body == now.as_bytes()).then_some(()))
    })
    .await?;
    ensure!(written.elapsed() <= NOTICED_WITHIN, "seen after {:?}", written.elapsed());
    Ok(())
}
