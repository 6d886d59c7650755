//! Stock of one SKU, and the ledger of what was on hand.

use serde::{Deserialize, Serialize};

use crate::{Availability, ProductId, Sku, Timestamp, VariantId};

/// More than any warehouse holds; keeps sums far from overflow.
pub const STOCK_MAX: i64 = 1_000_000_000;

/// `on_hand = available + held + allocated`, after every transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    pub sku: Sku,
    pub product: ProductId,
    pub variant: VariantId,
    /// In the warehouse.
    pub on_hand: i64,
    /// Neither held by a checkout nor sold.
    pub available: i64,
    /// Held by checkouts that are not paid yet.
    pub held: i64,
    /// Sold and not shipped yet.
    pub allocated: i64,
    #[serde(default)]
    pub policy: StockPolicy,
    /// Counts the changes of `on_hand`; each is a row of the ledger.
    pub version: u64,
    /// Counts the writes that leave `on_hand` as it is, such as a checkout's hold and its release.
    /// A level that an older build wrote has had none.
    #[serde(default)]
    pub movements: u64,
}

/// What becomes of an order for more than is available.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockPolicy {
    /// It is refused.
    #[default]
    Deny,
    /// It is taken, and shipped once there is stock again.
    Backorder,
    /// It is taken: pieces are not counted.
    Untracked,
}

/// One immutable row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerEntry {
    pub sku: Sku,
    /// The version of the level after this row; the rows of a SKU are numbered without gaps.
    pub version: u64,
    pub delta: i64,
    pub on_hand: i64,
    pub reason: String,
    /// Who did it: an admin key's id, or a command.
    pub by: String,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStock {
    #[error("{sku} has {available} available, so {taken} can't be taken")]
    Insufficient { sku: Sku, available: i64, taken: i64 },
    #[error("a stock count is between 0 and {STOCK_MAX}")]
    Range,
}

impl StockLevel {
    /// The level after `delta` pieces came in (or, below zero, went out).
    pub fn adjusted(&self, delta: i64) -> Result<Self, InvalidStock> {
        let on_hand = self.on_hand.checked_add(delta).ok_or(InvalidStock::Range)?;
        if on_hand > STOCK_MAX {
            return Err(InvalidStock::Range);
        }
        if self.available < delta.saturating_neg() {
            return Err(InvalidStock::Insufficient {
                sku: self.sku.clone(),
                available: self.available,
                taken: delta.saturating_neg(),
            });
        }

        Ok(Self {
            on_hand,
            available: self.available + delta,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// Counts every write of the level: of two states the one with more moves is the later one.
    pub const fn moves(&self) -> u64 {
        self.version + self.movements
    }

    pub const fn availability(&self) -> Availability {
        Availability::of(self.available)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level(available: i64, held: i64, allocated: i64) -> StockLevel {
        StockLevel {
            sku: "A-1".parse().unwrap(),
            product: ProductId::new(Timestamp::default(), 1),
            variant: VariantId::new(Timestamp::default(), 2),
            on_hand: available + held + allocated,
            available,
            held,
            allocated,
            policy: StockPolicy::Deny,
            version: 1,
            movements: 0,
        }
    }

    #[test]
    fn a_level_of_an_older_build_has_moved_as_often_as_its_ledger_has_rows() {
        let mut stored = serde_json::to_value(level(7, 1, 0)).unwrap();
        let fields = stored.as_object_mut().unwrap();
        fields.remove("policy");
        fields.remove("movements");
        fields.insert("version".into(), 9.into());

        let read: StockLevel = serde_json::from_value(stored).unwrap();

        assert_eq!((read.moves(), read.policy), (9, StockPolicy::Deny));
    }

    #[test]
    fn every_count_is_within_the_bounds_of_its_availability() {
        for available in 0..10 {
            let (least, most) = Availability::of(available).bounds();

            assert!(least <= available && most.is_none_or(|most| available <= most), "{available}");
            assert!(least == 0 || Availability::of(least - 1) != Availability::of(least));
            assert!(most.is_none_or(|most| Availability::of(most + 1) != Availability::of(most)));
        }
    }

    proptest! {
        #[test]
        fn an_adjustment_keeps_the_sum_and_never_takes_what_is_held(
            (available, held, allocated) in (0..1000_i64, 0..1000_i64, 0..1000_i64),
            delta in any::<i64>(),
        ) {
            let before = level(available, held, allocated);

            match before.adjusted(delta) {
                Ok(after) => {
                    prop_assert!(after.available >= 0);
                    prop_assert_eq!(after.on_hand, after.available + after.held + after.allocated);
                    prop_assert_eq!(after.version, before.version + 1);
                    prop_assert_eq!(after.moves(), before.moves() + 1);
                }
                Err(InvalidStock::Insufficient { .. }) => prop_assert!(available < -delta),
                Err(InvalidStock::Range) => prop_assert!(delta > STOCK_MAX - 3000),
            }
        }
    }
}
