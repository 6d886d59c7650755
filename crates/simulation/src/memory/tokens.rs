//! Tokens that transactions were committed under, for ten minutes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ports::{Action, TransactError};
use tokio::time::Instant;

/// DynamoDB: "a client request token is valid for 10 minutes after the first request that uses it
/// is completed" (TransactWriteItems).
const VALID: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(super) struct Tokens {
    used: BTreeMap<String, Vec<Action>>,
    /// Oldest first.
    ends: VecDeque<(Instant, String)>,
}

impl Tokens {
    /// Whether these actions were committed under this token before.
    pub fn is_replay(&mut self, token: &str, actions: &[Action]) -> Result<bool, TransactError> {
        self.forget_old();

        match self.used.get(token) {
            None => Ok(false),
            Some(used) if used == actions => Ok(true),
            Some(_) => Err(TransactError::TokenReused),
        }
    }

    pub fn record(&mut self, token: &str, actions: &[Action]) {
        self.used.insert(token.to_owned(), actions.to_vec());
        self.ends.push_back((Instant::now() + VALID, token.to_owned()));
    }

    fn forget_old(&mut self) {
        let now = Instant::now();

        while self.ends.front().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, token)) = self.ends.pop_front() {
                self.used.remove(&token);
            }
        }
    }
}
