//! Reads many items by their keys; retries the keys that DynamoDB left unprocessed, with backoff and a
//! bound.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use ports::{Attributes, Key, PortError, PortErrorKind, Table};

use super::{DynamoItems, attribute, failure};

/// Consecutive responses without an item before the read fails. A response with an item is progress,
/// and there can be at most 100 of those.
const EMPTY_RESPONSES_MAX: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

pub(super) async fn get(
    items: &DynamoItems,
    keys: &[Key],
) -> Result<Vec<Option<Attributes>>, PortError> {
    Key::validate_batch(keys)?;
    let mut pending = by_table(items, keys);
    let mut found: HashMap<Key, Attributes> = HashMap::with_capacity(keys.len());
    let mut empty_responses = 0;

    while !pending.is_empty() {
        let answer = items
            .client
            .batch_get_item()
            .set_request_items(Some(pending))
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
        let unprocessed = answer.unprocessed_keys.unwrap_or_default();
        empty_responses = if found.len() > found_before { 0 } else { empty_responses + 1 };

        if !unprocessed.is_empty() {
            if empty_responses == EMPTY_RESPONSES_MAX {
                let what = "DynamoDB BatchGetItem: some keys stayed unprocessed";
                return Err(PortError::new(PortErrorKind::Throttled, what));
            }
            tokio::time::sleep(backoff(empty_responses)).await;
        }
        pending = unprocessed;
    }
    Ok(keys.iter().map(|key| found.remove(key)).collect())
}

fn by_table(items: &DynamoItems, keys: &[Key]) -> HashMap<String, KeysAndAttributes> {
    let mut keys_by_table: HashMap<String, Vec<attribute::Item>> = HashMap::new();
    for key in keys {
        keys_by_table.entry(items.table_name(key.table)).or_default().push(attribute::key(key));
    }

    let request = |keys| {
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .expect("the keys are set")
    };
    keys_by_table.into_iter().map(|(name, keys)| (name, request(keys))).collect()
}

fn table_named(items: &DynamoItems, keys: &[Key], name: &str) -> Result<Table, PortError> {
    keys.iter().map(|key| key.table).find(|table| items.table_name(*table) == name).ok_or_else(
        || {
            let what =
                format!("DynamoDB BatchGetItem: items of table {name}, which was not requested");
            PortError::new(PortErrorKind::Corrupt, what)
        },
    )
}

/// Doubles with every empty response; random within the upper half, so that callers that were
/// throttled at the same time do not retry at the same time.
fn backoff(empty_responses: u32) -> Duration {
    let longest = FIRST_BACKOFF
        .saturating_mul(1 << empty_responses.min(EMPTY_RESPONSES_MAX))
        .min(MAX_BACKOFF);
    let half = longest / 2;
    let spread = u64::try_from(half.as_micros()).expect("a backoff is at most a second").max(1);

    // If the system has no randomness, the longest backoff does.
    match getrandom::u64() {
        Ok(random) => half + Duration::from_micros(random % spread),
        Err(_) => longest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_grows_up_to_a_bound() {
        for empty_responses in 0..40 {
            let longest = FIRST_BACKOFF * 2_u32.pow(empty_responses.min(5));
            let backoff = backoff(empty_responses);

            assert!(backoff >= longest.min(MAX_BACKOFF) / 2, "{empty_responses}: {backoff:?}");
            assert!(backoff <= longest.min(MAX_BACKOFF), "{empty_responses}: {backoff:?}");
        }
    }
}
