//! What answers say of limits: draft-ietf-httpapi-ratelimit-headers-11, and `Retry-After`.

use domain::limits::{Limit, LimitClass, whole_seconds};
use http::{HeaderName, HeaderValue};
use ports::Decision;

pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The longest class, the largest numbers.
const STATE_LEN: usize = "\"payment\";r=4294967295;t=18446744073709551615".len();

/// `"read";q=300;w=60`
pub(crate) fn policy(class: LimitClass, limit: Limit) -> HeaderValue {
    HeaderValue::try_from(limit.policy(class)).expect("a class and digits are a header's value")
}

/// `"read";r=42;t=17`
pub(crate) fn state(class: LimitClass, decision: &Decision) -> HeaderValue {
    let mut text = Vec::with_capacity(STATE_LEN);
    put_state(&mut text, class, decision);

    HeaderValue::try_from(text).expect("a class and digits are a header's value")
}

/// The same, written where it is sent from: at every hit, so without the formatter.
pub(crate) fn put_state(out: &mut Vec<u8>, class: LimitClass, decision: &Decision) {
    let mut digits = itoa::Buffer::new();

    out.push(b'"');
    out.extend_from_slice(class.name().as_bytes());
    out.extend_from_slice(b"\";r=");
    out.extend_from_slice(digits.format(decision.remaining).as_bytes());
    out.extend_from_slice(b";t=");
    out.extend_from_slice(digits.format(whole_seconds(decision.reset_after)).as_bytes());
}

/// Never zero: that would be an invitation to ask at once.
pub(crate) fn retry_after(decision: &Decision) -> HeaderValue {
    HeaderValue::from(whole_seconds(decision.reset_after).max(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(class: LimitClass, remaining: u32, millis: u64) -> String {
        let decision = Decision::allowed(remaining, Duration::from_millis(millis));

        state(class, &decision).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_state_names_what_remains_and_in_how_many_whole_seconds_there_is_more() {
        assert_eq!(text(LimitClass::Read, 42, 16_001), "\"read\";r=42;t=17");
        assert_eq!(text(LimitClass::Admin, 0, 0), "\"admin\";r=0;t=0");
    }

    #[test]
    fn the_longest_state_fits() {
        let longest = Decision::allowed(u32::MAX, Duration::from_secs(u64::MAX));

        let text = state(LimitClass::Payment, &longest);

        assert_eq!(text, "\"payment\";r=4294967295;t=18446744073709551615");
    }

    #[test]
    fn nobody_is_invited_to_ask_again_at_once() {
        assert_eq!(retry_after(&Decision::refused(Duration::ZERO)), "1");
        assert_eq!(retry_after(&Decision::refused(Duration::from_millis(1_200))), "2");
    }
}
