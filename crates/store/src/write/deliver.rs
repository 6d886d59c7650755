//! Sends one transaction until it is known what became of it.

use ports::{Cancellation, PortError, PortErrorKind, TransactError, Transaction};

use super::retry::ATTEMPTS_MAX;
use crate::write::Db;

/// After so many unknown outcomes the caller is told that it is not known.
const UNKNOWN_MAX: u32 = 3;

impl Db {
    /// Retries unknown outcomes under the same token. After one of them even a conflict says
    /// nothing: the transaction may be in conflict with itself.
    pub(crate) async fn deliver(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let (mut unknown, mut conflicts) = (0, 0);

        loop {
            match self.items.transact(transaction).await {
                Err(TransactError::Port(error)) if error.is_retryable() => {
                    unknown += 1;
                    if unknown >= UNKNOWN_MAX {
                        return Err(error.into());
                    }
                }
                Err(TransactError::Cancelled(reasons))
                    if unknown > 0 && !has_failed_condition(&reasons) =>
                {
                    conflicts += 1;
                    if conflicts >= ATTEMPTS_MAX {
                        let what = "in conflict since its answer was lost";
                        return Err(PortError::new(PortErrorKind::Unavailable, what).into());
                    }
                }
                answer => return answer,
            }
            self.backoff(unknown + conflicts).await;
        }
    }

    /// 32 characters that no other transaction has.
    pub(crate) fn fresh_token(&self) -> String {
        format!("{:032x}", self.random())
    }
}

fn has_failed_condition(reasons: &[Option<Cancellation>]) -> bool {
    reasons.iter().any(|reason| matches!(reason, Some(Cancellation::ConditionFailed { .. })))
}
