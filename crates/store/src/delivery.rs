//! Sends transactions: a lost answer is asked for again, a passing conflict is waited out.

use std::time::Duration;

use ports::{
    Attributes, Cancellation, Items, PortError, PortErrorKind, TransactError, Transaction, World,
};

use crate::StoreError;

/// After so many unknown answers the caller is told that it is not known.
const ASKS: u32 = 3;
/// Eight tries with jitter pass any burst of admins; more would only hide a stuck item.
pub(crate) const TRIES: u32 = 8;

/// What became of a transaction.
#[derive(Debug)]
pub(crate) enum Settled {
    Done,
    Lost(LostAction),
}

/// The first action whose condition did not hold, with the item as it stands.
#[derive(Debug)]
pub(crate) struct LostAction {
    pub action: usize,
    pub old: Option<Attributes>,
}

/// Sends a transaction until it happened or a condition of it did not hold.
pub(crate) async fn settle(
    items: &dyn Items,
    world: &dyn World,
    mut transaction: Transaction,
) -> Result<Settled, StoreError> {
    for attempt in 0..TRIES {
        transaction.token = Some(fresh_token(world));
        match deliver(items, world, &transaction).await {
            Ok(()) => return Ok(Settled::Done),
            Err(TransactError::Cancelled(reasons)) => {
                if let Some(lost) = first_lost(&reasons) {
                    return Ok(Settled::Lost(lost));
                }
            }
            Err(TransactError::TokenReused) => return Err(StoreError::Busy),
            Err(TransactError::Port(error)) => return Err(error.into()),
        }
        pause(world, attempt).await;
    }
    Err(StoreError::Busy)
}

/// Sends a transaction again, under its token, while it is not known whether it happened. After a
/// lost answer even a conflict says nothing: the transaction may be in conflict with itself.
pub(crate) async fn deliver(
    items: &dyn Items,
    world: &dyn World,
    transaction: &Transaction,
) -> Result<(), TransactError> {
    let (mut unknown, mut conflicts) = (0, 0);

    loop {
        match items.transact(transaction).await {
            Err(TransactError::Port(error)) if error.is_retryable() => {
                unknown += 1;
                if unknown >= ASKS {
                    return Err(error.into());
                }
            }
            Err(TransactError::Cancelled(reasons))
                if unknown > 0 && first_lost(&reasons).is_none() =>
            {
                conflicts += 1;
                if conflicts >= TRIES {
                    let what = "in conflict since its answer was lost";
                    return Err(PortError::new(PortErrorKind::Unavailable, what).into());
                }
            }
            answer => return answer,
        }
        pause(world, unknown + conflicts).await;
    }
}

/// 32 characters that no other transaction has.
pub(crate) fn fresh_token(world: &dyn World) -> String {
    format!("{:032x}", world.random())
}

pub(crate) fn first_lost(reasons: &[Option<Cancellation>]) -> Option<LostAction> {
    reasons.iter().enumerate().find_map(|(action, reason)| match reason {
        Some(Cancellation::ConditionFailed { old }) => {
            Some(LostAction { action, old: old.clone() })
        }
        Some(Cancellation::Conflict) | None => None,
    })
}

/// Full jitter below 2, 4, 8 … ms, at most 128.
pub(crate) async fn pause(world: &dyn World, attempt: u32) {
    let most = 2_000_u64 << attempt.min(6);
    let micros = world.random() as u64 % most;

    tokio::time::sleep(Duration::from_micros(micros)).await;
}
