//! Commits many writes in a row, without an answer in between where the engine keeps their order.

use std::collections::VecDeque;

use domain::{LogId, Seq};
use ports::{Action, TransactError, Transaction};

use super::commit::{OVERTAKEN_AT_MOST, append, newer_head};
use super::{CommitError, Head, Log, Row};
use crate::{StoreError, delivery};

type Link = (Vec<Action>, Row);
type Answer = Result<(LogId, Seq), CommitError>;

impl Log {
    /// Commits links one after the other, each with its row. An engine that runs transactions in
    /// order gets them all at once, and one wait for its disk does for many. Ends at the first
    /// error that leaves the others without a chance; later links have no answer then.
    pub(crate) async fn commit_chain(&self, links: Vec<Link>) -> Vec<Answer> {
        let is_chain = links.len() > 1 && links.iter().all(|(_, row)| row.only_after.is_none());

        if is_chain && self.items.runs_in_order() {
            return self.send_chain(links.into()).await;
        }
        let mut answers = Vec::with_capacity(links.len());
        for (actions, row) in links {
            answers.push(self.commit(actions, row).await);
            if answers.last().is_some_and(Result::is_err) {
                break;
            }
        }
        answers
    }

    /// Each link expects the head that the one before it leaves, so none can overtake another. What
    /// another process has overtaken is sent again behind its write.
    async fn send_chain(&self, mut links: VecDeque<Link>) -> Vec<Answer> {
        let mut cached = self.head.lock().await;
        let mut answers = Vec::with_capacity(links.len());

        for _ in 0..OVERTAKEN_AT_MOST {
            let head = match cached.take() {
                Some(head) => Ok(head),
                None => self.head().await,
            };
            let sent = match head {
                Ok(head) => self.send_once(&links, head).await,
                Err(error) => Err(error.into()),
            };
            let Sent { done, head, ended } = match sent {
                Ok(sent) => sent,
                Err(error) => {
                    answers.push(Err(error));
                    return answers;
                }
            };
            links.drain(..done.len());
            answers.extend(done.into_iter().map(Ok));
            *cached = head;
            if let Some(error) = ended {
                answers.push(Err(error));
                return answers;
            }
            if links.is_empty() {
                return answers;
            }
        }
        answers.push(Err(StoreError::Busy.into()));
        answers
    }

    async fn send_once(&self, links: &VecDeque<Link>, mut head: Head) -> Result<Sent, CommitError> {
        let now = self.world.now();
        let mut chain = Vec::with_capacity(links.len());
        for (actions, row) in links {
            let next = head.after(row, now);
            let mut all = actions.clone();
            all.extend(append(&head, &next)?);
            let token = Some(delivery::fresh_token(&*self.world));
            head = next.head;
            chain.push((Transaction { actions: all, token }, head.clone()));
        }
        let (items, world) = (&*self.items, &*self.world);
        let sent =
            chain.iter().map(|(transaction, _)| delivery::deliver(items, world, transaction));
        let answers = futures::future::join_all(sent).await;

        let mut done = Vec::with_capacity(answers.len());
        for ((answer, (_, next)), (actions, _)) in answers.into_iter().zip(&chain).zip(links) {
            let reasons = match answer {
                Ok(()) => {
                    done.push((next.log.clone(), next.head));
                    continue;
                }
                Err(TransactError::Cancelled(reasons)) => reasons,
                Err(TransactError::TokenReused) => return Ok(Sent::end(done, StoreError::Busy)),
                Err(TransactError::Port(error)) => return Ok(Sent::end(done, error)),
            };
            let own = &reasons[..actions.len().min(reasons.len())];
            if let Some(lost) = delivery::first_lost(own) {
                return Ok(Sent::end(done, CommitError::Lost(lost)));
            }
            return Ok(Sent { done, head: newer_head(&reasons, actions.len()), ended: None });
        }
        Ok(Sent { done, head: Some(head), ended: None })
    }
}

/// What became of a chain that was sent.
struct Sent {
    /// The places of the links that went in.
    done: Vec<(LogId, Seq)>,
    /// As far as it is known; the next link goes behind it.
    head: Option<Head>,
    /// Why the next link can't go in; `None`: it was overtaken, or there is none.
    ended: Option<CommitError>,
}

impl Sent {
    fn end(done: Vec<(LogId, Seq)>, error: impl Into<CommitError>) -> Self {
        Self { done, head: None, ended: Some(error.into()) }
    }
}
