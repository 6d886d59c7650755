//! Bugs that are planted between a process and its engine, for the simulation to find.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ports::{
    Action, Attributes, Condition, Items, Key, Page, PortError, Query, Scan, TransactError,
    Transaction,
};
use simulation::Entropy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An item is taken for unchanged whatever it holds.
    IgnoresEquals,
    /// An item is written over that should not be there.
    IgnoresNotExists,
    /// Pieces are taken that are not there.
    IgnoresAtLeast,
    /// A transaction that is sent again happens again.
    ForgetsTokens,
    /// One request in fifty is lost, and answered as if it had happened.
    AnswersForLostRequests,
    /// A crash takes the last write with it, though it was answered.
    LosesLastWriteInACrash,
    /// The last action of one transaction in fifty is left out.
    LeavesTheLastActionOut,
}

pub struct Buggy {
    engine: Arc<dyn Items>,
    bug: Bug,
    entropy: Entropy,
    /// Takes the last write back.
    undo: Mutex<Option<Transaction>>,
}

impl Buggy {
    pub fn before(engine: Arc<dyn Items>, bug: Bug, entropy: Entropy) -> Self {
        Self { engine, bug, entropy, undo: Mutex::default() }
    }

    /// What a crash does.
    pub fn undo(&self) -> Option<Transaction> {
        self.undo.lock().unwrap().take().filter(|_| self.bug == Bug::LosesLastWriteInACrash)
    }

    async fn note_undo(&self, transaction: &Transaction) -> Result<(), PortError> {
        let keys: Vec<_> = transaction
            .actions
            .iter()
            .filter(|action| !matches!(action, Action::Check { .. }))
            .map(|action| action.key().clone())
            .collect();
        let before = self.engine.batch_get(&keys).await?;
        let actions = keys.into_iter().zip(before).map(|(key, before)| match before {
            Some(attributes) => Action::Put { key, attributes, condition: None },
            None => Action::Delete { key, condition: None },
        });

        *self.undo.lock().unwrap() = Some(Transaction { actions: actions.collect(), token: None });
        Ok(())
    }

    /// A transaction as the bug makes it.
    fn altered(&self, transaction: &Transaction) -> Transaction {
        let mut altered = transaction.clone();
        match self.bug {
            Bug::ForgetsTokens => altered.token = None,
            Bug::LeavesTheLastActionOut => {
                if altered.actions.len() > 1 && self.entropy.happens(20) {
                    altered.actions.pop();
                }
            }
            Bug::IgnoresEquals | Bug::IgnoresNotExists | Bug::IgnoresAtLeast => {
                altered.actions.iter_mut().for_each(|action| self.loosen(action));
            }
            Bug::AnswersForLostRequests | Bug::LosesLastWriteInACrash => {}
        }
        altered
    }

    fn loosen(&self, action: &mut Action) {
        match action {
            Action::Put { condition, .. }
            | Action::Update { condition, .. }
            | Action::Delete { condition, .. } => {
                if let Some(condition) = condition {
                    self.loosen_condition(condition);
                }
            }
            Action::Check { condition, .. } => self.loosen_condition(condition),
        }
    }

    fn loosen_condition(&self, condition: &mut Condition) {
        let is_ignored = matches!(
            (self.bug, &*condition),
            (Bug::IgnoresEquals, Condition::Equals(..))
                | (Bug::IgnoresNotExists, Condition::NotExists)
                | (Bug::IgnoresAtLeast, Condition::AtLeast(..))
        );

        if is_ignored {
            *condition = Condition::All(Vec::new());
        } else if let Condition::All(inner) | Condition::Any(inner) = condition {
            inner.iter_mut().for_each(|inner| self.loosen_condition(inner));
        }
    }
}

#[async_trait]
impl Items for Buggy {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        self.engine.get(key).await
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        self.engine.batch_get(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        self.engine.query(query).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        self.engine.scan(scan).await
    }

    fn runs_in_order(&self) -> bool {
        self.engine.runs_in_order()
    }

    fn shows_transactions_whole(&self) -> bool {
        self.engine.shows_transactions_whole()
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        if self.bug == Bug::AnswersForLostRequests && self.entropy.happens(20) {
            return Ok(());
        }
        if self.bug == Bug::LosesLastWriteInACrash {
            self.note_undo(transaction).await?;
        }

        self.engine.transact(&self.altered(transaction)).await
    }
}
