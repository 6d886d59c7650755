//! The response headers of limits: draft-ietf-httpapi-ratelimit-headers-11, and `Retry-After`.

use domain::limits::{Limit, LimitClass, whole_seconds};
use http::{HeaderName, HeaderValue};
use ports::Decision;

pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Of the longest policy's name with the largest numbers.
const STATE_LEN: usize = "\"public-share\";r=4294967295;t=18446744073709551615".len();

/// `"read";q=300;w=60`, or for a total with its share `"public-share";q=100;w=60, "public";q=1000;w=60`
pub(crate) fn policy(class: LimitClass, limit: Limit, share: Option<Limit>) -> HeaderValue {
    let whole = limit.policy(class);
    let text = match share.zip(class.share_name()) {
        Some((share, name)) => format!("{}, {whole}", share.policy_named(name)),
        None => whole,
    };

    HeaderValue::try_from(text).expect("names and digits are a header's value")
}

/// `"read";r=42;t=17`
pub(crate) fn state(name: &str, decision: &Decision) -> HeaderValue {
    states(&[(name, decision)])
}

/// The states of several policies, as a list.
pub(crate) fn states(states: &[(&str, &Decision)]) -> HeaderValue {
    let mut text = Vec::with_capacity(STATE_LEN * states.len());
    for (name, decision) in states {
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        write_state(&mut text, name, decision);
    }

    HeaderValue::try_from(text).expect("names and digits are a header's value")
}

/// Appends one policy's state to a response's bytes. Without the formatter, since every hit of an
/// edge has one.
pub(crate) fn write_state(out: &mut Vec<u8>, name: &str, decision: &Decision) {
    let mut digits = itoa::Buffer::new();

    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\";r=");
    out.extend_from_slice(digits.format(decision.remaining).as_bytes());
    out.extend_from_slice(b";t=");
    out.extend_from_slice(digits.format(whole_seconds(decision.reset_after)).as_bytes());
}

/// At least one second: zero would invite an immediate retry.
pub(crate) fn retry_after(decision: &Decision) -> HeaderValue {
    HeaderValue::from(whole_seconds(decision.reset_after).max(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(name: &str, remaining: u32, millis: u64) -> String {
        let decision = Decision::allowed(remaining, Duration::from_millis(millis));

        state(name, &decision).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_state_has_the_remaining_requests_and_whole_seconds_until_the_reset() {
        assert_eq!(text("read", 42, 16_001), "\"read\";r=42;t=17");
        assert_eq!(text("admin", 0, 0), "\"admin\";r=0;t=0");
    }

    #[test]
    fn the_longest_state_fits() {
        let longest = Decision::allowed(u32::MAX, Duration::from_secs(u64::MAX));

        let names = LimitClass::ALL
            .into_iter()
            .flat_map(|class| [Some(class.name()), class.share_name()].into_iter().flatten());
        for name in names {
            let text = state(name, &longest);

            assert_eq!(text, format!("\"{name}\";r=4294967295;t=18446744073709551615"));
            assert!(text.len() <= STATE_LEN, "{name}");
        }
    }

    #[test]
    fn a_total_and_its_share_are_a_list() {
        let limit = |requests| Limit { requests, window: Duration::from_secs(60) };
        let (share, whole) = (Decision::refused(Duration::ZERO), Decision::refused(Duration::ZERO));

        let policy = policy(LimitClass::Public, limit(1_000), Some(limit(100)));
        let states = states(&[("public-share", &share), ("public", &whole)]);

        assert_eq!(policy, "\"public-share\";q=100;w=60, \"public\";q=1000;w=60");
        assert_eq!(states, "\"public-share\";r=0;t=0, \"public\";r=0;t=0");
    }

    #[test]
    fn a_refusal_never_invites_an_immediate_retry() {
        assert_eq!(retry_after(&Decision::refused(Duration::ZERO)), "1");
        assert_eq!(retry_after(&Decision::refused(Duration::from_millis(1_200))), "2");
    }
}
