//! Commits many writes in a row, without an answer in between where the engine keeps their order.

use std::collections::VecDeque;

use domain::Stamp;
use ports::{TransactError, Transaction};

use super::commit::{OVERTAKEN_MAX, append, newer_head};
use super::{Head, Log};
use crate::StoreError;
use crate::catalog::batch::CatalogBatch;
use crate::write::{Attempt, WriteConflict};

impl Log {
    /// Commits batches one after the other, each with its row. An engine that runs transactions in
    /// order gets them all at once, and one wait for its disk does for many. Ends at the first
    /// error that leaves the others without a chance; later batches have no answer then.
    pub(in crate::catalog) async fn commit_chain(
        &self,
        batches: Vec<CatalogBatch>,
    ) -> Vec<Attempt<Stamp>> {
        let is_chain =
            batches.len() > 1 && batches.iter().all(|batch| batch.row().only_after.is_none());

        if is_chain && self.db.items.runs_in_order() {
            return self.send_chain(batches.into()).await;
        }
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            answers.push(self.commit(&batch).await);
            if answers.last().is_some_and(Result::is_err) {
                break;
            }
        }
        answers
    }

    /// Each batch expects the head that the one before it leaves, so none can overtake another. What
    /// another process has overtaken is sent again behind its write.
    async fn send_chain(&self, mut batches: VecDeque<CatalogBatch>) -> Vec<Attempt<Stamp>> {
        let mut cached = self.head.lock().await;
        let mut answers = Vec::with_capacity(batches.len());

        for _ in 0..OVERTAKEN_MAX {
            let head = match cached.take() {
                Some(head) => Ok(head),
                None => self.head().await,
            };
            let sent = match head {
                Ok(head) => self.send_once(&batches, head).await,
                Err(error) => Err(error.into()),
            };
            let Sent { done, head, ended } = match sent {
                Ok(sent) => sent,
                Err(conflict) => {
                    answers.push(Err(conflict));
                    return answers;
                }
            };
            batches.drain(..done.len());
            answers.extend(done.into_iter().map(Ok));
            *cached = head;
            if let Some(conflict) = ended {
                answers.push(Err(conflict));
                return answers;
            }
            if batches.is_empty() {
                return answers;
            }
        }
        answers.push(Err(StoreError::Busy.into()));
        answers
    }

    async fn send_once(&self, batches: &VecDeque<CatalogBatch>, mut head: Head) -> Attempt<Sent> {
        let now = self.db.now();
        let mut chain = Vec::with_capacity(batches.len());
        for batch in batches {
            let next = head.after(batch.row(), now);
            let mut actions = batch.writes.actions().to_vec();
            actions.extend(append(&head, &next)?);
            head = next.head;
            let token = Some(self.db.fresh_token());
            chain.push((Transaction { actions, token }, head.clone()));
        }
        let sent = chain.iter().map(|(transaction, _)| self.db.deliver(transaction));
        let answers = futures::future::join_all(sent).await;

        let mut done = Vec::with_capacity(answers.len());
        for ((answer, (_, next)), batch) in answers.into_iter().zip(&chain).zip(batches) {
            let reasons = match answer {
                Ok(()) => {
                    done.push(next.place());
                    continue;
                }
                Err(TransactError::Cancelled(reasons)) => reasons,
                Err(TransactError::TokenReused) => return Ok(Sent::end(done, StoreError::Busy)),
                Err(TransactError::Port(error)) => return Ok(Sent::end(done, error)),
            };
            if let Some(conflict) = batch.writes.conflict(&reasons) {
                return Ok(Sent::end(done, conflict));
            }
            let head = newer_head(&reasons, batch.writes.actions().len());
            return Ok(Sent { done, head, ended: None });
        }
        Ok(Sent { done, head: Some(head), ended: None })
    }
}

/// What became of a chain that was sent.
struct Sent {
    /// The places of the batches that were committed.
    done: Vec<Stamp>,
    /// As far as it is known; the next batch goes behind it.
    head: Option<Head>,
    /// Why the next batch can't be committed; `None`: it was overtaken, or there is none.
    ended: Option<WriteConflict>,
}

impl Sent {
    fn end(done: Vec<Stamp>, conflict: impl Into<WriteConflict>) -> Self {
        Self { done, head: None, ended: Some(conflict.into()) }
    }
}
