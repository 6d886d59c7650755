//! Reports refused admin keys to operators: all are counted, and a bounded number a minute is logged,
//! so that a flood of guesses does not fill the disk.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::ids::AdminKeyId;
use store::admin_keys::RefusedKey;

use crate::route::Route;

/// More than one person's mistakes produce; under a flood, a line every three seconds.
const LINES_A_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct RefusedKeys(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    began: Timestamp,
    lines: u32,
    /// Refusals without a line since the last line.
    unlogged: u64,
}

/// A refused attempt, without the key or any part of its secret.
pub struct Attempt<'a> {
    pub route: &'a Route,
    pub address: Option<IpAddr>,
    pub refusal: Refusal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Missing,
    /// The address has sent too many wrong keys; this one was not checked.
    TooManyAttempts,
    Invalid(RefusedKey),
}

impl RefusedKeys {
    pub fn report(&self, attempt: &Attempt<'_>, now: Timestamp) {
        let reason = attempt.refusal.reason();
        metrics::counter!("admin_keys_refused_total", "reason" => reason).increment(1);
        let Some(unlogged) = self.take_line(now) else { return };
        let address = attempt.address.map(tracing::field::display);
        let key = attempt.refusal.key().map(tracing::field::display);

        tracing::warn!(
            address,
            method = %attempt.route.method,
            route = attempt.route.path,
            reason,
            key.id = key,
            unlogged,
            "rejected an admin key"
        );
    }

    /// Takes one of this minute's lines, if any is left, with the number of refusals that had none
    /// since the last line.
    fn take_line(&self, now: Timestamp) -> Option<u64> {
        // Only numbers are behind the lock, so a panic leaves nothing half done.
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(minute.began) >= MINUTE || now < minute.began {
            minute.began = now;
            minute.lines = 0;
        }
        if minute.lines == LINES_A_MINUTE {
            minute.unlogged += 1;
            return None;
        }
        minute.lines += 1;
        Some(std::mem::take(&mut minute.unlogged))
    }
}

impl Refusal {
    const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooManyAttempts => "too_many",
            Self::Invalid(RefusedKey::Malformed) => "malformed",
            Self::Invalid(RefusedKey::Unknown(_)) => "unknown",
            Self::Invalid(RefusedKey::Revoked(_)) => "revoked",
            Self::Invalid(RefusedKey::Wrong(_)) => "wrong",
        }
    }

    const fn key(self) -> Option<AdminKeyId> {
        match self {
            Self::Missing | Self::TooManyAttempts | Self::Invalid(RefusedKey::Malformed) => None,
            Self::Invalid(
                RefusedKey::Unknown(id) | RefusedKey::Revoked(id) | RefusedKey::Wrong(id),
            ) => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_some_lines_a_minute_and_the_next_line_counts_the_refusals_without_one() {
        let keys = RefusedKeys::default();
        let at = |seconds: u64| Timestamp::from_millis(1_795_442_552_000 + seconds * 1_000);

        let flood = (0..1_000).filter(|_| keys.take_line(at(0)).is_some()).count();

        assert_eq!(flood, 20);
        assert_eq!(keys.take_line(at(59)), None);
        assert_eq!(keys.take_line(at(60)), Some(981));
        assert_eq!(keys.take_line(at(60)), Some(0));
        assert_eq!(
            keys.take_line(at(0)),
            Some(0),
            "a clock that was set back does not stop the log"
        );
    }
}
