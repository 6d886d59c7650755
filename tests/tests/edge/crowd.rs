//! A hundred shoppers who ask for the same cold page at once.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use tests::Door;

use crate::counted::{Asked, CountedOrigin};

pub const SHOPPERS: usize = 100;

/// What they ask the origin and its store for, all together. Each is shown the page.
pub async fn comes_at_once(edge: &Door, origin: &CountedOrigin) -> Result<Asked> {
    let page = origin.cold_page().await?;
    let before = origin.asked();

    let answers = try_join_all((0..SHOPPERS).map(|_| edge.get(&page))).await?;

    let etag = answers[0].header("etag");
    for answer in &answers {
        ensure!(answer.header("etag") == etag && answer.body == answers[0].body, "{answer}");
    }
    ensure!(edge.get(&page).await?.is_hit(), "it is kept");
    Ok(origin.asked().since(before))
}
