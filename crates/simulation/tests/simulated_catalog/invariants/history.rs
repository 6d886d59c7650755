//! Every write that was answered is there once, and no write that was refused.

use std::collections::BTreeMap;

use store::Claim;

use super::Final;
use crate::admin::Written;
use crate::effect::{Answer, Effect, EffectKind};
use crate::operation::Operation;
use crate::process::{Ending, Request};
use crate::shop::Shop;

pub async fn violations(shop: &Shop, found: &Final, history: &[Written]) -> Vec<String> {
    let mut violations = audited_once(found, history);

    for Written { request, ending } in history {
        match ending {
            Ending::Answered(answer) => {
                violations.extend(is_in_the_log(found, request, answer));
                violations.extend(is_answered_again(shop, request, answer).await);
            }
            Ending::Reused => violations.push(format!("{request:?}: its key is another's")),
            Ending::Refused(_) | Ending::Unknown => {}
        }
    }
    violations
}

fn audited_once(found: &Final, history: &[Written]) -> Vec<String> {
    let mut entries: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &found.audited {
        *entries.entry(entry.by.name()).or_default() += 1;
    }

    let wrong = history.iter().filter(|written| written.request.operation.is_audited_once());
    let wrong = wrong.filter_map(|Written { request, ending }| {
        let count = entries.get(&request.actor.name()).copied().unwrap_or_default();
        let is_right = match ending {
            Ending::Answered(answer) => {
                count == usize::from(answer.effect().kind != EffectKind::Unchanged)
            }
            Ending::Refused(_) => count == 0,
            Ending::Unknown | Ending::Reused => count <= 1,
        };
        (!is_right).then(|| format!("{request:?} ended as {ending:?}, audited {count} times"))
    });
    wrong.collect()
}

/// Its row says so, and what is stored is no older.
fn is_in_the_log(found: &Final, request: &Request, answer: &Answer) -> Option<String> {
    let Effect { entity, kind } = answer.effect();
    let (version, is_gone) = match kind {
        EffectKind::Written(version) => (Some(version), false),
        EffectKind::Gone(version) => (Some(version), true),
        EffectKind::Variant(..) | EffectKind::VariantGone(_) => (None, false),
        EffectKind::Unchanged
        | EffectKind::Adjusted { .. }
        | EffectKind::Held(_)
        | EffectKind::Rows => return None,
    };
    let place = answer.place.as_ref().map(|place| place.seq);
    let row = found.rows.iter().find(|row| Some(row.seq) == place);
    let is_named = row.is_some_and(|row| {
        row.changes.iter().any(|change| {
            change.entity.to_string() == entity
                && change.gone == is_gone
                && version.is_none_or(|version| change.version == version)
        })
    });
    let is_lost = matches!(kind, EffectKind::Variant(id, version)
        if found.variant(id).is_some_and(|stored| stored.version < version));

    (!is_named || is_lost).then(|| format!("{request:?} was answered {answer:?}; its row: {row:?}"))
}

/// Asked for once more, a key gives the answer that it gave.
async fn is_answered_again(shop: &Shop, request: &Request, answer: &Answer) -> Option<String> {
    let key = request.key.as_ref()?;
    let claim = shop.process_without_faults().claim(request, key).await;
    // The answer of a job has no place in the log.
    let is_same = match &claim {
        Ok(Claim::Done(recorded)) => {
            let again = Answer::from(recorded.clone());
            let has_place = !matches!(request.operation, Operation::Import(_));
            again.response == answer.response && (again.place == answer.place || !has_place)
        }
        _ => false,
    };

    (!is_same).then(|| format!("{request:?} was answered {answer:?}, and again: {claim:?}"))
}
