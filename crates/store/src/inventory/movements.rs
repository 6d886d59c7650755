//! Movements: what a checkout holds and gives back. The pieces on hand stay what they are, so a
//! movement is no row of the ledger, and no two of them queue for a number.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use domain::{Sku, Timestamp};
use ports::{Action, Attributes, Condition, Update};
use serde::{Deserialize, Serialize};

use super::repository::Inventory;
use crate::write::{ConflictCause, WriteBatch};
use crate::{StoreError, keys};

/// How many pieces of each SKU.
pub type StockLines = BTreeMap<Sku, NonZeroU32>;

/// What was moved for one cause: written once, in the transaction that changes the levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// What it was done for, such as an order's id.
    pub cause: String,
    pub kind: MovementKind,
    pub lines: StockLines,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// From available to held.
    Hold,
    /// What was held, back to available.
    Release,
}

impl Inventory {
    /// Appends the actions that hold these pieces for `cause`: one, and one for each SKU.
    ///
    /// The commit fails with [`ConflictCause::AlreadyMoved`] where pieces were held for this cause
    /// before, else with [`ConflictCause::OutOfStock`] for each SKU that has too few available.
    pub fn hold(
        &self,
        batch: &mut WriteBatch,
        cause: &str,
        lines: &StockLines,
    ) -> Result<(), StoreError> {
        self.append_movement(batch, cause, MovementKind::Hold, lines)?;
        for (sku, quantity) in lines {
            let wanted = i64::from(quantity.get());
            let hold = Action::Update {
                key: keys::level(sku),
                updates: moving("available", "held", wanted),
                condition: Some(Condition::AtLeast("available".into(), wanted)),
            };
            batch.push_or(hold, ConflictCause::OutOfStock { sku: sku.clone(), wanted });
        }
        Ok(())
    }

    /// Appends the actions that give back what is held for `cause`; `NotFound` where nothing is.
    ///
    /// The commit fails with [`ConflictCause::AlreadyMoved`] where it was given back before. No
    /// other write can make it fail: what is held stays in stock until it is released.
    pub async fn release(&self, batch: &mut WriteBatch, cause: &str) -> Result<(), StoreError> {
        let held = self.find_movement(cause, MovementKind::Hold).await?;
        let held = held.ok_or(StoreError::NotFound("hold"))?;

        self.append_movement(batch, cause, MovementKind::Release, &held.lines)?;
        for (sku, quantity) in &held.lines {
            let quantity = i64::from(quantity.get());
            batch.update(
                keys::level(sku),
                moving("held", "available", quantity),
                Condition::AtLeast("held".into(), quantity),
            );
        }
        Ok(())
    }

    pub async fn find_movement(
        &self,
        cause: &str,
        kind: MovementKind,
    ) -> Result<Option<Movement>, StoreError> {
        let item = self.db.items.get(&keys::movement(cause, kind.as_str())).await?;

        Ok(item.map(|item| item.parse("a movement of stock")).transpose()?)
    }

    fn append_movement(
        &self,
        batch: &mut WriteBatch,
        cause: &str,
        kind: MovementKind,
        lines: &StockLines,
    ) -> Result<(), StoreError> {
        let movement =
            Movement { cause: cause.to_owned(), kind, lines: lines.clone(), at: self.db.now() };
        let put = Action::Put {
            key: keys::movement(cause, kind.as_str()),
            attributes: Attributes::of(&movement)?,
            condition: Some(Condition::NotExists),
        };

        batch.push_or(put, ConflictCause::AlreadyMoved);
        Ok(())
    }
}

impl MovementKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }
}

/// Every movement of a level is counted, so that its bucket is ordered.
fn moving(from: &str, to: &str, quantity: i64) -> Vec<Update> {
    vec![
        Update::Add(from.into(), -quantity),
        Update::Add(to.into(), quantity),
        Update::Add("movements".into(), 1),
    ]
}
