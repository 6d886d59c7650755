//! What a checkout does to a stock level: pieces go from available to held, or back.

use domain::Sku;
use ports::{
    Cancellation, Condition, Items, Key, PortError, PortErrorKind, Table, TransactError,
    Transaction, Update, World,
};
use store::StoreError;

use crate::effect::{Answer, Effect, EffectKind};
use crate::process::Process;
use crate::shop::SHOWN_AFTER;

/// What is not known to have happened is asked for so often.
const ASKS: u32 = 3;

/// Holds pieces, or lets go of them below zero; `Busy` unless there are enough.
pub async fn hold(process: &Process, sku: &Sku, pieces: i64) -> Result<Answer, StoreError> {
    let key = Key::new(Table::Inventory, format!("sku#{sku}"), "level");
    let from = if pieces > 0 { "available" } else { "held" };
    let updates = vec![
        Update::Add("available".into(), -pieces),
        Update::Add("held".into(), pieces),
        Update::Add("movements".into(), 1),
    ];
    let enough = Condition::AtLeast(from.into(), pieces.abs());
    let token = format!("{:032x}", process.world.random());
    let hold = Transaction::new().update_if(key, updates, enough).token(token);

    for _ in 0..ASKS {
        match process.items.transact(&hold).await {
            Ok(()) => {
                let effect = Effect::new(sku.to_string(), EffectKind::Held(pieces));
                return Ok(Answer { response: effect.response(), place: None });
            }
            Err(TransactError::Port(error)) if error.is_retryable() => {}
            Err(TransactError::Port(error)) => return Err(error.into()),
            // After a lost answer it may be in conflict with itself.
            Err(TransactError::Cancelled(reasons)) if reasons == [Some(Cancellation::Conflict)] => {
            }
            Err(TransactError::Cancelled(_) | TransactError::TokenReused) => {
                return Err(StoreError::Busy);
            }
        }
        tokio::time::sleep(SHOWN_AFTER).await;
    }
    Err(PortError::new(PortErrorKind::Unavailable, "hold pieces").into())
}
