//! Stock: counts add up, and the ledger has every adjustment once (I2).

use domain::{LedgerEntry, Sku, StockLevel};
use store::StoreError;

use super::{ALL, Final};
use crate::admin::Written;
use crate::drafts;
use crate::effect::EffectKind;
use crate::operation::Operation;
use crate::process::Ending;

pub async fn violations(found: &Final, history: &[Written]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut ledgers = Vec::new();

    for sku in (0..drafts::SKUS).map(drafts::sku) {
        match read(found, &sku).await {
            Ok((level, ledger)) => {
                violations.extend(adds_up(&sku, level.as_ref(), &ledger));
                violations.extend(held_as_asked(&sku, level.as_ref(), history));
                ledgers.extend(ledger);
            }
            Err(error) => violations.push(format!("{sku} can't be read: {error}")),
        }
    }
    violations.extend(adjusted_once(&ledgers, history));
    violations
}

/// The level, and the ledger with its oldest row first.
async fn read(
    found: &Final,
    sku: &Sku,
) -> Result<(Option<StockLevel>, Vec<LedgerEntry>), StoreError> {
    let level = found.catalog.inventory().find_level(sku).await?;
    let mut ledger = found.catalog.inventory().list_ledger(sku, None, ALL).await?;
    ledger.reverse();

    Ok((level, ledger))
}

fn adds_up(sku: &Sku, level: Option<&StockLevel>, ledger: &[LedgerEntry]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut on_hand = 0;
    for (row, version) in ledger.iter().zip(1..) {
        on_hand += row.delta;
        if (row.version, row.on_hand) != (version, on_hand) || on_hand < 0 {
            violations.push(format!("row {version} of {sku} makes {on_hand}: {row:?}"));
        }
    }

    let Some(level) = level else {
        if on_hand != 0 {
            violations.push(format!("{sku} is out of use, and its ledger ends at {on_hand}"));
        }
        return violations;
    };
    let counts = [level.available, level.held, level.allocated];
    if level.on_hand != counts.iter().sum::<i64>() || counts.iter().any(|count| *count < 0) {
        violations.push(format!("counts that don't add up: {level:?}"));
    }
    if (level.on_hand, level.version) != (on_hand, ledger.len() as u64) {
        violations.push(format!("{level:?} is not where its {} rows lead", ledger.len()));
    }
    violations
}

fn adjusted_once(ledgers: &[LedgerEntry], history: &[Written]) -> Vec<String> {
    let mut violations = Vec::new();
    for Written { request, ending } in history {
        let Operation::Adjust(sku, _, delta) = &request.operation else { continue };
        let by = request.actor.name();
        let rows: Vec<_> = ledgers.iter().filter(|row| row.by == by).collect();
        let is_right = match ending {
            Ending::Answered(answer) => {
                let effect_of = |row: &LedgerEntry| EffectKind::Adjusted {
                    delta: row.delta,
                    version: row.version,
                };
                matches!(rows[..], [row] if row.sku == *sku && row.delta == *delta
                    && effect_of(row) == answer.effect().kind)
            }
            Ending::Refused(_) => rows.is_empty(),
            Ending::Unknown | Ending::Reused => rows.len() <= 1,
        };
        if !is_right {
            violations.push(format!("{request:?} ended as {ending:?}; in the ledger: {rows:?}"));
        }
    }
    violations
}

/// What is held is what was answered, and any part of what ended unknown.
fn held_as_asked(sku: &Sku, level: Option<&StockLevel>, history: &[Written]) -> Option<String> {
    let (mut least, mut most) = (0, 0);
    for Written { request, ending } in history {
        match (&request.operation, ending) {
            (Operation::Hold(of, pieces), Ending::Answered(_)) if of == sku => {
                least += pieces;
                most += pieces;
            }
            (Operation::Hold(of, pieces), Ending::Unknown) if of == sku => {
                least += pieces.min(&0);
                most += pieces.max(&0);
            }
            _ => {}
        }
    }
    let held = level.map_or(0, |level| level.held);

    (!(least..=most).contains(&held)).then(|| format!("{sku}: {held} held, not {least} to {most}"))
}
