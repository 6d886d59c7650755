//! Stock levels as they are stored, and the ledger rows that go with every change of one.

use std::collections::HashMap;

use domain::{LedgerEntry, Sku, StockLevel, Timestamp};
use ports::{Action, Attributes, BATCH_MAX, Condition, Items, PortError};

use crate::write::{Attempt, WriteBatch, at_version};
use crate::{Actor, StoreError, keys};

/// Beside a level's fields: its variant was deleted. The item stays, so that a new variant of the
/// SKU goes on with the ledger where it stands instead of writing over it.
const RETIRED: &str = "retired";

/// A level, or what is left of one.
#[derive(Clone, Debug)]
pub(crate) enum StoredLevel {
    Live(StockLevel),
    /// Nobody has the SKU; the ledger's last row is this version.
    Retired(u64),
}

/// Who changes stock, why and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Movement<'a> {
    pub by: &'a Actor,
    pub reason: &'a str,
    pub at: Timestamp,
}

/// The first level of a new variant.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub level: StockLevel,
    /// The SKU had a variant before.
    pub retired: bool,
}

pub(crate) async fn read_all<'a>(
    items: &dyn Items,
    skus: impl IntoIterator<Item = &'a Sku>,
) -> Result<HashMap<Sku, StoredLevel>, PortError> {
    let mut keys: Vec<_> = skus.into_iter().map(keys::stock).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut levels = HashMap::new();

    for chunk in keys.chunks(BATCH_MAX) {
        for item in items.batch_get(chunk).await?.into_iter().flatten() {
            let (sku, level) = StoredLevel::parse(item)?;
            levels.insert(sku, level);
        }
    }
    Ok(levels)
}

impl StoredLevel {
    pub fn parse(item: Attributes) -> Result<(Sku, Self), PortError> {
        let is_retired = item.0.contains_key(RETIRED);
        let level: StockLevel = item.parse("a stock level")?;
        let sku = level.sku.clone();

        Ok((sku, if is_retired { Self::Retired(level.version) } else { Self::Live(level) }))
    }

    pub fn live(self) -> Option<StockLevel> {
        match self {
            Self::Live(level) => Some(level),
            Self::Retired(_) => None,
        }
    }

    /// The ledger's last row; 0 where there is none.
    pub fn last_version(found: Option<&Self>) -> u64 {
        match found {
            Some(Self::Live(level)) => level.version,
            Some(Self::Retired(version)) => *version,
            None => 0,
        }
    }
}

/// Puts the level of a new variant in place, with its first ledger row.
pub(crate) fn push_arrival(
    batch: &mut WriteBatch,
    arrival: &Arrival,
    movement: Movement<'_>,
) -> Result<(), PortError> {
    let level = &arrival.level;
    let free = if arrival.retired {
        Condition::All(vec![
            Condition::Equals(RETIRED.into(), true.into()),
            at_version(level.version - 1),
        ])
    } else {
        Condition::NotExists
    };
    let put = Action::Put {
        key: keys::stock(&level.sku),
        attributes: Attributes::of(level)?,
        condition: Some(free),
    };
    // Where the SKU is taken, planning again finds its level.
    batch.push(put);
    push_ledger(batch, level, level.on_hand, movement)?;
    Ok(())
}

/// Replaces a level that has not moved since it was read; answers with its ledger row.
pub(crate) fn push_change(
    batch: &mut WriteBatch,
    before: &StockLevel,
    after: &StockLevel,
    movement: Movement<'_>,
) -> Result<LedgerEntry, PortError> {
    batch.push(Action::Put {
        key: keys::stock(&after.sku),
        attributes: Attributes::of(after)?,
        condition: Some(unmoved(before)),
    });
    push_ledger(batch, after, after.on_hand - before.on_hand, movement)
}

/// Takes a level out of use with its variant: what is on hand leaves the books. `InUse` while a
/// checkout holds some of it or some waits to be shipped.
pub(crate) fn push_departure(
    batch: &mut WriteBatch,
    level: &StockLevel,
    movement: Movement<'_>,
) -> Attempt<()> {
    if level.held != 0 || level.allocated != 0 {
        let why = format!("{} is held by a checkout or waits to be shipped", level.sku);
        return Err(StoreError::InUse(why).into());
    }
    let after =
        StockLevel { on_hand: 0, available: 0, version: level.version + 1, ..level.clone() };
    batch.push(Action::Put {
        key: keys::stock(&level.sku),
        attributes: Attributes::of(&after)?.with(RETIRED, true),
        condition: Some(unmoved(level)),
    });
    push_ledger(batch, &after, -level.on_hand, movement)?;
    Ok(())
}

/// A level is as it was read. A checkout may claim pieces without counting the version up.
fn unmoved(level: &StockLevel) -> Condition {
    let counts =
        [("available", level.available), ("held", level.held), ("allocated", level.allocated)];
    let are_equal =
        counts.into_iter().map(|(name, count)| Condition::Equals(name.into(), count.into()));

    Condition::All([at_version(level.version)].into_iter().chain(are_equal).collect())
}

/// The row that leads to `level`. Rows are never written over.
fn push_ledger(
    batch: &mut WriteBatch,
    level: &StockLevel,
    delta: i64,
    movement: Movement<'_>,
) -> Result<LedgerEntry, PortError> {
    let entry = LedgerEntry {
        sku: level.sku.clone(),
        version: level.version,
        delta,
        on_hand: level.on_hand,
        reason: movement.reason.to_owned(),
        by: movement.by.name(),
        at: movement.at,
    };

    batch.put_new(keys::ledger(&level.sku, level.version), Attributes::of(&entry)?);
    Ok(entry)
}
