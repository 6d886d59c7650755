//! Admins, who write and ask again until they know, and a reader beside them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Entity, Seq};
use simulation::Entropy;
use store::{Actor, Catalog, StoreError};
use tokio::time::{sleep, timeout};

use crate::choice;
use crate::operation::Operation;
use crate::process::{Ending, Process, Request};
use crate::shop::{SHOWN_AFTER, Shop};

/// So long a client waits for an answer; the request may go on.
const PATIENCE: Duration = Duration::from_secs(4);
/// A key that a dead process held is free after its lease.
const ASKS: u32 = 60;
const READS: u32 = 20;

/// What was asked for, and how it ended.
#[derive(Debug)]
pub struct Written {
    pub request: Arc<Request>,
    pub ending: Ending,
}

pub type History = Arc<Mutex<Vec<Written>>>;

pub async fn write(
    shop: Arc<Shop>,
    history: History,
    number: usize,
    writes: usize,
    entropy: Entropy,
) {
    for write in 0..writes {
        let Some(operation) = choose(&shop, &entropy).await else { continue };
        let name = format!("admin {number} write {write}");
        let key = (operation.takes_key() && entropy.happens(600)).then(|| name.clone());
        let request = Arc::new(Request { operation, actor: Actor::command(name), key });

        let ending = ask(&shop, &request, &entropy).await;
        shop.trace.event(format_args!("{request:?} ends: {ending:?}"));
        history.lock().unwrap().push(Written { request, ending });
        sleep(entropy.duration(Duration::from_millis(20))).await;
    }
}

/// `None` where the shop can't be read for long.
async fn choose(shop: &Shop, entropy: &Entropy) -> Option<Operation> {
    for _ in 0..READS {
        let process = shop.any_process(entropy);
        let chosen = choice::next(&process.catalog, entropy).await;
        restart_if_dead(shop, &process).await;
        if let Ok(operation) = chosen {
            return Some(operation);
        }
        sleep(entropy.duration(Duration::from_millis(20))).await;
    }
    None
}

/// Without a key it is asked for once; with one until it is known how it ended.
async fn ask(shop: &Shop, request: &Arc<Request>, entropy: &Entropy) -> Ending {
    let asks = if request.key.is_some() { ASKS } else { 1 };

    for asked in 1..=asks {
        match send(shop, request, entropy).await {
            Ending::Unknown => {}
            Ending::Refused(StoreError::Busy | StoreError::Port(_)) if asked < asks.min(4) => {}
            known => return known,
        }
        sleep(entropy.duration(Duration::from_millis(500))).await;
    }
    Ending::Unknown
}

async fn send(shop: &Shop, request: &Arc<Request>, entropy: &Entropy) -> Ending {
    let process = shop.any_process(entropy);
    let handling = tokio::spawn({
        let (process, request) = (process.clone(), request.clone());
        async move { process.handle(&request).await }
    });

    let ending = match timeout(PATIENCE, handling).await {
        Ok(handled) => handled.expect("no request panics"),
        Err(_) => Ending::Unknown,
    };
    restart_if_dead(shop, &process).await;
    ending
}

async fn restart_if_dead(shop: &Shop, process: &Arc<Process>) {
    if process.items.is_dead() {
        shop.restart(process).await;
    }
}

/// Reads what the log says is visible; answers with what it should have seen and did not.
pub async fn read(shop: Arc<Shop>, rounds: usize, entropy: Entropy) -> Vec<String> {
    let mut violations = Vec::new();

    for _ in 0..rounds {
        sleep(entropy.duration(Duration::from_millis(400))).await;
        let process = shop.any_process(&entropy);
        if let Ok(Some(unseen)) = read_once(&process.catalog, &entropy).await {
            violations.push(unseen);
        }
        restart_if_dead(&shop, &process).await;
    }
    violations
}

/// An item that is visible by the log's account is seen by every read that begins now.
async fn read_once(catalog: &Catalog, entropy: &Entropy) -> Result<Option<String>, StoreError> {
    let visible = catalog.log().visible().await?.seq;
    let rows = catalog.log().rows(Seq::ZERO, 1_000).await?;
    let changes: Vec<_> = rows
        .into_iter()
        .filter(|row| row.seq <= visible)
        .flat_map(|row| row.changes)
        .filter_map(|change| match change.entity {
            Entity::Product(id) => Some((id, change)),
            _ => None,
        })
        .collect();
    let Some((id, change)) = entropy.pick(&changes) else { return Ok(None) };

    // Torn by another write it may be missing for a moment.
    let mut found = catalog.product(*id).await?;
    if found.is_none() && !change.gone {
        sleep(SHOWN_AFTER).await;
        found = catalog.product(*id).await?;
    }
    let is_seen = match found {
        Some(found) => !change.gone && found.product.version >= change.version,
        // Deleted since, which the final state tells.
        None => true,
    };
    Ok((!is_seen).then(|| format!("{change:?} is visible at {visible:?}, and was not seen")))
}
