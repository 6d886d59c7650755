//! No read that begins after the bound shows what was before a write: every read is checked, while
//! several admins write.

mod fact;
mod scene;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::future::try_join_all;
use tokio::time::Instant;

use crate::endpoint::Endpoint;

pub use scene::Admin;
use scene::scene;

/// What the shop promises at the edge, every push lost.
const PROMISE: Duration = Duration::from_secs(4);
const READERS: usize = 6;
/// A fact that only changes to and fro is left alone until a read could have proven it wrong.
const SETTLES: Duration = Duration::from_secs(60);

/// Reads at the edge at least so often, and until each thing that admins change was seen changed.
///
/// # Errors
/// When a read is stale, or shopper or admin is refused.
pub async fn read_while_written(admin: &Admin, edge: &Endpoint, reads: u64) -> Result<()> {
    let (facts, writers) = scene(admin).await?;
    for fact in &facts {
        fact.begins_to_show(edge).await?;
    }

    let count = || facts.iter().map(|fact| fact.reads.load(Ordering::SeqCst)).sum::<u64>();
    let reader = |first: usize| {
        let (facts, count) = (&facts, &count);
        async move {
            let mut at = first;
            // Each fact has been settled by then, and so been past the bound.
            while count() < reads || facts.iter().any(|fact| fact.history().len() < 3) {
                facts[at % facts.len()].is_read(edge).await?;
                at += 1;
            }
            anyhow::Ok(())
        }
    };
    let began = Instant::now();
    let reading = try_join_all((0..READERS).map(reader));
    let writing = try_join_all(writers);
    tokio::select! {
        read = reading => { read?; }
        // Writers go on for as long as there are readers.
        written = writing => { written?; bail!("the writers ended"); }
    }

    let mut by_fact: BTreeMap<_, (u64, usize)> = BTreeMap::new();
    for fact in &facts {
        let sum = by_fact.entry(fact.name).or_default();
        sum.0 += fact.reads.load(Ordering::SeqCst);
        sum.1 += fact.history().len();
    }
    eprintln!(
        "{} reads in {:?}, none stale; reads and writes by fact: {by_fact:?}",
        count(),
        began.elapsed()
    );
    Ok(())
}
