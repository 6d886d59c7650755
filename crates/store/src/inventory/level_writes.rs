//! What changes the number of pieces on hand, each with its row in the ledger.

use domain::{LedgerEntry, StockLevel, Timestamp};
use ports::{Action, Attributes, Condition, PortError, Update};

use super::level::RETIRED;
use crate::write::{Attempt, WriteBatch, at_version};
use crate::{Actor, StoreError, keys};

/// Who changes stock, why and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StockChange<'a> {
    pub by: &'a Actor,
    pub reason: &'a str,
    pub at: Timestamp,
}

/// The first level of a new variant.
#[derive(Clone, Debug)]
pub(crate) struct NewLevel {
    pub level: StockLevel,
    /// The SKU had a variant before.
    pub was_retired: bool,
}

/// Puts the level of a new variant in place. Where the SKU is taken, planning again finds its level.
pub(crate) fn create_level(
    batch: &mut WriteBatch,
    new: &NewLevel,
    change: StockChange<'_>,
) -> Result<(), PortError> {
    let level = &new.level;
    let is_free = if new.was_retired {
        Condition::All(vec![
            Condition::Equals(RETIRED.into(), true.into()),
            at_version(level.version - 1),
        ])
    } else {
        Condition::NotExists
    };

    batch.push(Action::Put {
        key: keys::level(&level.sku),
        attributes: Attributes::of(level)?,
        condition: Some(is_free),
    });
    append_to_ledger(batch, level, level.on_hand, change)?;
    Ok(())
}

/// Adds what `after` has more on hand than `before`, or takes it; answers with its ledger row.
///
/// The ledger is dense, so the version must be the one that was read. Checkouts may hold and
/// release pieces meanwhile, as long as the level ends in the availability of `after`: the batch
/// shows that availability to shoppers, or leaves one to be shown.
pub(crate) fn adjust_level(
    batch: &mut WriteBatch,
    before: &StockLevel,
    after: &StockLevel,
    change: StockChange<'_>,
) -> Result<LedgerEntry, PortError> {
    let delta = after.on_hand - before.on_hand;

    batch.update(
        keys::level(&after.sku),
        vec![
            Update::Add("on_hand".into(), delta),
            Update::Add("available".into(), delta),
            Update::Add("version".into(), 1),
        ],
        Condition::All(
            [at_version(before.version)].into_iter().chain(ends_as(after, delta)).collect(),
        ),
    );
    append_to_ledger(batch, after, delta, change)
}

/// Takes a level out of use with its variant: what is on hand leaves the books. `InUse` while a
/// checkout holds some of it or some waits to be shipped.
pub(crate) fn retire_level(
    batch: &mut WriteBatch,
    level: &StockLevel,
    change: StockChange<'_>,
) -> Attempt<()> {
    if level.held != 0 || level.allocated != 0 {
        let why = format!("{} is held by a checkout or waits to be shipped", level.sku);
        return Err(StoreError::InUse(why).into());
    }
    let after =
        StockLevel { on_hand: 0, available: 0, version: level.version + 1, ..level.clone() };

    batch.update(
        keys::level(&level.sku),
        vec![
            Update::Add("on_hand".into(), -level.on_hand),
            Update::Add("available".into(), -level.on_hand),
            Update::Add("version".into(), 1),
            Update::Set(RETIRED.into(), true.into()),
        ],
        // On hand changes with the version alone: where nothing is claimed, all of it is available.
        Condition::All(vec![
            at_version(level.version),
            Condition::Equals("held".into(), 0.into()),
            Condition::Equals("allocated".into(), 0.into()),
        ]),
    );
    append_to_ledger(batch, &after, -level.on_hand, change)?;
    Ok(())
}

/// `available + delta` is not below zero, and is in the availability of `after`.
fn ends_as(after: &StockLevel, delta: i64) -> impl Iterator<Item = Condition> {
    let (least, most) = after.availability().bounds();
    let at_least = Condition::AtLeast("available".into(), least - delta);
    let at_most = most.map(|most| Condition::Below("available".into(), most + 1 - delta));

    std::iter::once(at_least).chain(at_most)
}

/// The row that leads to `level`. Rows are never written over.
fn append_to_ledger(
    batch: &mut WriteBatch,
    level: &StockLevel,
    delta: i64,
    change: StockChange<'_>,
) -> Result<LedgerEntry, PortError> {
    let entry = LedgerEntry {
        sku: level.sku.clone(),
        version: level.version,
        delta,
        on_hand: level.on_hand,
        reason: change.reason.to_owned(),
        by: change.by.name(),
        at: change.at,
    };

    batch.put_new(keys::ledger(&level.sku, level.version), Attributes::of(&entry)?);
    Ok(entry)
}
