//! The changes that are looked for.

use domain::{ChangeRow, Entity, ProductId, Timestamp};
use metrics::counter;
use tokio::sync::mpsc;

/// A product's change, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) product: ProductId,
    /// What an edge shows must be this or later.
    pub(crate) version: u64,
    /// The product was taken from the public, by this row at the latest.
    pub(crate) is_hard: bool,
    pub(crate) at: Timestamp,
}

/// Takes every n-th row; what nobody has time to look at is counted and left.
pub(crate) struct Samples {
    pub(crate) one_in: u64,
    pub(crate) queue: mpsc::Sender<Sample>,
}

impl Samples {
    pub(crate) fn take(&self, row: &ChangeRow) {
        if !row.seq.0.is_multiple_of(self.one_in) {
            return;
        }
        let Some(sample) = Sample::of(row) else { return };

        if self.queue.try_send(sample).is_err() {
            counter!("staleness_skipped_total").increment(1);
        }
    }
}

impl Sample {
    /// Of a row of many products the first; of one that only moves stock none, for that does not
    /// count the product's version up.
    fn of(row: &ChangeRow) -> Option<Self> {
        let (product, version) = row.changes.iter().find_map(|change| match change.entity {
            Entity::Product(id) => Some((id, change.version)),
            _ => None,
        })?;

        Some(Self { product, version, is_hard: row.hard, at: row.at })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PRODUCT: &str = "prod_01J9ZC4M5T2W3X4Y5Z6A7B8C9D";

    fn row(seq: u64, changes: &serde_json::Value) -> ChangeRow {
        serde_json::from_value(json!({
            "seq": seq, "at": "2026-11-23T14:02:32.123Z", "tags": [], "changes": changes,
            "hard": false,
        }))
        .unwrap()
    }

    #[test]
    fn every_nth_row_that_changes_a_product_is_taken() {
        let (queue, mut taken) = mpsc::channel(64);
        let samples = Samples { one_in: 10, queue };

        for seq in 1..=100 {
            samples.take(&row(seq, &json!([{ "entity": PRODUCT, "version": seq }])));
        }

        let versions: Vec<_> =
            std::iter::from_fn(|| taken.try_recv().ok()).map(|sample| sample.version).collect();
        assert_eq!(versions, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    }

    #[test]
    fn a_stock_bucket_a_category_and_a_list_are_not() {
        for entity in [&format!("{PRODUCT}/var_01J9ZC4M5T2W3X4Y5Z6A7B8C9D"), "featured", "cat_x"] {
            assert_eq!(Sample::of(&row(1, &json!([{ "entity": entity, "version": 1 }]))), None);
        }
        assert_eq!(Sample::of(&row(1, &json!([]))), None);
    }

    #[test]
    fn what_nobody_takes_is_left() {
        let (queue, mut taken) = mpsc::channel(1);
        let samples = Samples { one_in: 1, queue };

        for seq in 1..=3 {
            samples.take(&row(seq, &json!([{ "entity": PRODUCT, "version": seq }])));
        }

        assert_eq!(taken.try_recv().unwrap().version, 1);
        assert!(taken.try_recv().is_err());
    }
}
