//! A hundred shoppers who ask for the same cold page at once.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use tests::Endpoint;

use crate::counted::{CountedOrigin, OriginLoad};

pub const SHOPPERS: usize = 100;

/// Their load on the origin and its store, all together. Each is shown the page.
pub async fn comes_at_once(edge: &Endpoint, origin: &CountedOrigin) -> Result<OriginLoad> {
    let page = origin.cold_page().await?;
    let before = origin.load();

    let answers = try_join_all((0..SHOPPERS).map(|_| edge.get(&page))).await?;

    let etag = answers[0].header("etag");
    for answer in &answers {
        ensure!(answer.header("etag") == etag && answer.body == answers[0].body, "{answer}");
    }
    ensure!(edge.get(&page).await?.is_hit(), "it is kept");
    Ok(origin.load().since(before))
}
