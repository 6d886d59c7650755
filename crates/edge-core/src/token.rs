//! The read-your-writes token, `{log}.{seq}.{exp}.{mac}`: for a minute its bearer is shown nothing
//! older than the write that it was given for. The origin mints it, every tier may check it.

use std::time::Duration;

use domain::{Stamp, Timestamp};

use crate::auth::SigningKey;

/// Longer than any tier needs to catch up, short enough that a leaked one is of little use.
pub const LIVES: Duration = Duration::from_secs(60);
/// A token that claims to live for longer was not minted by a clock that is right.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(60);
const PURPOSE: &str = "catalog-token";

pub fn mint(key: &SigningKey, written: &Stamp, now: Timestamp) -> String {
    let claim = format!("{written}.{}", now.plus(LIVES).as_seconds());

    format!("{claim}.{}", key.seal(PURPOSE, &claim))
}

/// The position that the bearer has written up to; `None` for whatever is not ours or is over.
pub fn read(key: &SigningKey, token: &str, now: Timestamp) -> Option<Stamp> {
    let (claim, seal) = token.rsplit_once('.')?;
    let (written, expires) = claim.rsplit_once('.')?;
    let (written, expires) = (written.parse().ok()?, expires.parse::<u64>().ok()?);
    let latest = now.plus(LIVES).plus(CLOCK_SKEW_MAX).as_seconds();
    let is_alive = now.as_seconds() < expires && expires <= latest;

    (is_alive && key.is_seal(seal, PURPOSE, claim)).then_some(written)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::SECRET_MIN;

    const NOW: Timestamp = Timestamp::from_millis(1_795_442_552_000);

    fn key(byte: u8) -> SigningKey {
        SigningKey::new("t", &[byte; SECRET_MIN]).unwrap()
    }

    fn written() -> Stamp {
        "L.42".parse().unwrap()
    }

    #[test]
    fn a_token_says_for_a_minute_what_its_bearer_has_written() {
        let token = mint(&key(1), &written(), NOW);

        assert_eq!(read(&key(1), &token, NOW), Some(written()));
        assert_eq!(read(&key(1), &token, NOW.plus(Duration::from_secs(59))), Some(written()));
        assert_eq!(read(&key(1), &token, NOW.plus(LIVES)), None);
        assert_eq!(read(&key(2), &token, NOW), None);
    }

    #[test]
    fn a_token_that_was_changed_is_ignored() {
        let token = mint(&key(1), &written(), NOW);

        for changed in [
            token.replacen("42.", "43.", 1),
            token.replacen("L.", "M.", 1),
            token.replacen("42.", "042.", 1),
            token.replacen("42.", "42.9", 1),
            token[..token.len() - 1].to_owned(),
            String::new(),
            "..".to_owned(),
        ] {
            assert_eq!(read(&key(1), &changed, NOW), None, "{changed}");
        }
    }

    proptest! {
        #[test]
        fn no_token_makes_the_reader_panic(token in "\\PC{0,60}|[0-9]{0,25}\\.[0-9]{0,25}\\.[a-zA-Z0-9_-]{0,50}") {
            prop_assert_eq!(read(&key(1), &token, NOW), None);
        }
    }
}
