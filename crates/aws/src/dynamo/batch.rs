//! Many items by their keys: what DynamoDB leaves over is asked for again, with patience and a bound.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use ports::{Attributes, Key, PortError, PortErrorKind, Table};

use super::{DynamoItems, attribute, failure};

/// Answers in a row that bring nothing, before we give up. An answer that brings something is
/// progress, and of those there are at most 100.
const FRUITLESS_MAX: u32 = 5;
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

pub(super) async fn get(
    items: &DynamoItems,
    keys: &[Key],
) -> Result<Vec<Option<Attributes>>, PortError> {
    Key::validate_batch(keys)?;
    let mut asked = by_table(items, keys);
    let mut found: HashMap<Key, Attributes> = HashMap::with_capacity(keys.len());
    let mut fruitless = 0;

    while !asked.is_empty() {
        let answer = items
            .client
            .batch_get_item()
            .set_request_items(Some(asked))
            .send()
            .await
            .map_err(|error| failure::of("BatchGetItem", &error))?;
        let found_before = found.len();
        for (name, rows) in answer.responses.unwrap_or_default() {
            let table = table_named(items, keys, &name)?;
            for item in rows {
                let row = attribute::row(table, item)?;
                found.insert(row.key, row.attributes);
            }
        }
        let left = answer.unprocessed_keys.unwrap_or_default();
        fruitless = if found.len() > found_before { 0 } else { fruitless + 1 };

        if !left.is_empty() {
            if fruitless == FRUITLESS_MAX {
                let what = "DynamoDB BatchGetItem: some keys were never processed";
                return Err(PortError::new(PortErrorKind::Throttled, what));
            }
            tokio::time::sleep(pause(fruitless)).await;
        }
        asked = left;
    }
    Ok(keys.iter().map(|key| found.remove(key)).collect())
}

fn by_table(items: &DynamoItems, keys: &[Key]) -> HashMap<String, KeysAndAttributes> {
    let mut asked: HashMap<String, Vec<attribute::Item>> = HashMap::new();
    for key in keys {
        asked.entry(items.table_name(key.table)).or_default().push(attribute::key(key));
    }

    let request = |keys| {
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .expect("the keys are set")
    };
    asked.into_iter().map(|(name, keys)| (name, request(keys))).collect()
}

fn table_named(items: &DynamoItems, keys: &[Key], name: &str) -> Result<Table, PortError> {
    keys.iter().map(|key| key.table).find(|table| items.table_name(*table) == name).ok_or_else(
        || {
            let what = format!("DynamoDB BatchGetItem: items of table {name}, which was not asked");
            PortError::new(PortErrorKind::Corrupt, what)
        },
    )
}

/// Doubles with every fruitless answer; anywhere in the upper half, so that callers who were
/// throttled together do not come back together.
fn pause(fruitless: u32) -> Duration {
    let longest = PAUSE_FIRST.saturating_mul(1 << fruitless.min(FRUITLESS_MAX)).min(PAUSE_MAX);
    let half = longest / 2;
    let spread = u64::try_from(half.as_micros()).expect("a pause is at most a second").max(1);

    // Without randomness the longest pause is as good.
    match getrandom::u64() {
        Ok(random) => half + Duration::from_micros(random % spread),
        Err(_) => longest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_has_a_bound() {
        for fruitless in 0..40 {
            let longest = PAUSE_FIRST * 2_u32.pow(fruitless.min(5));
            let pause = pause(fruitless);

            assert!(pause >= longest.min(PAUSE_MAX) / 2, "{fruitless}: {pause:?}");
            assert!(pause <= longest.min(PAUSE_MAX), "{fruitless}: {pause:?}");
        }
    }
}
