//! Refused admin keys, as operators hear of them: each is counted, and of many a minute some are
//! logged, so that a flood of guesses fills no disk.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::ids::AdminKeyId;
use store::admin_keys::RefusedKey;

/// More than a person's mistakes make, and a line each three seconds under a flood.
const LINES_A_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct RefusedKeys(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    began: Timestamp,
    lines: u32,
    unsaid: u64,
}

/// What is told of one; never the key, nor any part of its secret.
pub struct Told<'a> {
    pub route: &'a str,
    pub method: &'a str,
    /// As an edge of ours saw it, or the other end of the connection.
    pub address: Option<IpAddr>,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Missing,
    /// Its address has sent too many, so that it was not looked at.
    TooMany,
    Refused(RefusedKey),
}

impl RefusedKeys {
    pub fn tell(&self, told: &Told<'_>, now: Timestamp) {
        let reason = told.why.reason();
        metrics::counter!("admin_keys_refused_total", "reason" => reason).increment(1);
        let Some(unsaid) = self.may_speak(now) else { return };
        let address = told.address.map(tracing::field::display);
        let key = told.why.key().map(tracing::field::display);

        tracing::warn!(
            address,
            method = told.method,
            route = told.route,
            reason,
            key.id = key,
            unsaid,
            "an admin key was refused"
        );
    }

    /// Whether there is a line left in this minute, and how many had none since the last one.
    fn may_speak(&self, now: Timestamp) -> Option<u64> {
        // Numbers alone are behind it.
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(minute.began) >= MINUTE || now < minute.began {
            minute.began = now;
            minute.lines = 0;
        }
        if minute.lines == LINES_A_MINUTE {
            minute.unsaid += 1;
            return None;
        }
        minute.lines += 1;
        Some(std::mem::take(&mut minute.unsaid))
    }
}

impl Why {
    const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooMany => "too_many",
            Self::Refused(RefusedKey::Malformed) => "malformed",
            Self::Refused(RefusedKey::Unknown(_)) => "unknown",
            Self::Refused(RefusedKey::Revoked(_)) => "revoked",
            Self::Refused(RefusedKey::Wrong(_)) => "wrong",
        }
    }

    const fn key(self) -> Option<AdminKeyId> {
        match self {
            Self::Missing | Self::TooMany | Self::Refused(RefusedKey::Malformed) => None,
            Self::Refused(
                RefusedKey::Unknown(id) | RefusedKey::Revoked(id) | RefusedKey::Wrong(id),
            ) => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_some_lines_a_minute_and_the_next_one_says_how_many_had_none() {
        let keys = RefusedKeys::default();
        let at = |seconds: u64| Timestamp::from_millis(1_795_442_552_000 + seconds * 1_000);

        let flood = (0..1_000).filter(|_| keys.may_speak(at(0)).is_some()).count();

        assert_eq!(flood, 20);
        assert_eq!(keys.may_speak(at(59)), None);
        assert_eq!(keys.may_speak(at(60)), Some(981));
        assert_eq!(keys.may_speak(at(60)), Some(0));
        assert_eq!(keys.may_speak(at(0)), Some(0), "a clock that was put back silences nobody");
    }
}
