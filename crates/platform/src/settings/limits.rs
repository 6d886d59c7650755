//! `[limits]`: how often each class may ask, written as `1000/60s` or `off`.

use std::time::Duration;

use domain::limits::{Limit, LimitClass, Share};

use super::reader::Reader;

/// The limit of each class; `None` is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitTable {
    pub public: Option<Limit>,
    /// How much of the limits that are counted in total one address may use; `None`: all of it.
    pub public_share: Option<Share>,
    pub refill: Option<Limit>,
    pub read: Option<Limit>,
    pub cart: Option<Limit>,
    pub payment: Option<Limit>,
    pub admin: Option<Limit>,
    pub auth_failure: Option<Limit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests within a time, such as 1000/60s (1 or more; s, m or h, at most 24h), or off")]
struct InvalidLimit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("whole percent, such as 10% (1% to 100%), or off")]
struct InvalidShare;

/// A longer window would have to be remembered for longer than a process may live.
const WINDOW_MAX: Duration = Duration::from_secs(24 * 3_600);

impl LimitTable {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let public = reader.required("limits.public", parse_limit);
        let public_share = reader.required("limits.public_share", parse_share);
        let refill = reader.required("limits.refill", parse_limit);
        let read = reader.required("limits.read", parse_limit);
        let cart = reader.required("limits.cart", parse_limit);
        let payment = reader.required("limits.payment", parse_limit);
        let admin = reader.required("limits.admin", parse_limit);
        let auth_failure = reader.required("limits.auth_failure", parse_limit);

        Some(Self {
            public: public?,
            public_share: public_share?,
            refill: refill?,
            read: read?,
            cart: cart?,
            payment: payment?,
            admin: admin?,
            auth_failure: auth_failure?,
        })
    }

    pub const fn of(&self, class: LimitClass) -> Option<Limit> {
        match class {
            LimitClass::Payment => self.payment,
            LimitClass::Cart => self.cart,
            LimitClass::Admin => self.admin,
            LimitClass::Public => self.public,
            LimitClass::Read => self.read,
            LimitClass::Refill => self.refill,
            LimitClass::AuthFailure => self.auth_failure,
        }
    }
}

fn parse_limit(text: &str) -> Result<Option<Limit>, InvalidLimit> {
    if text == "off" {
        return Ok(None);
    }
    let (requests, window) = text.split_once('/').ok_or(InvalidLimit)?;
    let requests = whole(requests).ok_or(InvalidLimit)?;
    let window = duration(window).ok_or(InvalidLimit)?;

    if requests == 0 || window.is_zero() || window > WINDOW_MAX {
        return Err(InvalidLimit);
    }
    Ok(Some(Limit { requests, window }))
}

fn parse_share(text: &str) -> Result<Option<Share>, InvalidShare> {
    if text == "off" {
        return Ok(None);
    }
    let percent = text.strip_suffix('%').and_then(whole).ok_or(InvalidShare)?;
    let percent = u8::try_from(percent).map_err(|_| InvalidShare)?;

    Share::of_percent(percent).map(Some).ok_or(InvalidShare)
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds: u32 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return None,
    };
    let count = whole(&text[..text.len() - 1])?;

    count.checked_mul(seconds).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Digits only: `parse` would accept a plus sign too.
fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(requests: u32, seconds: u64) -> Result<Option<Limit>, InvalidLimit> {
        Ok(Some(Limit { requests, window: Duration::from_secs(seconds) }))
    }

    #[test]
    fn a_limit_is_requests_within_a_time_or_off() {
        assert_eq!(parse_limit("1000/60s"), limit(1_000, 60));
        assert_eq!(parse_limit("1/2m"), limit(1, 120));
        assert_eq!(parse_limit("4294967295/24h"), limit(u32::MAX, 86_400));
        assert_eq!(parse_limit("off"), Ok(None));
    }

    #[test]
    fn a_share_is_whole_percent_or_off() {
        assert_eq!(parse_share("10%"), Ok(Share::of_percent(10)));
        assert_eq!(parse_share("100%"), Ok(Share::of_percent(100)));
        assert_eq!(parse_share("off"), Ok(None));
        for text in ["", "%", "10", "0%", "101%", "1.5%", "-1%", "+1%", "10 %", "OFF", "300%"] {
            assert_eq!(parse_share(text), Err(InvalidShare), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_no_limit() {
        for text in [
            "",
            "10",
            "/",
            "10/",
            "/60s",
            "0/60s",
            "10/0s",
            "10/60",
            "10/25h",
            "-1/60s",
            "+1/60s",
            "1.5/60s",
            "10/60S",
            "10/60é",
            "OFF",
            "10/60s ",
            "4294967296/60s",
            "1/4294967295h",
        ] {
            assert_eq!(parse_limit(text), Err(InvalidLimit), "{text:?}");
        }
    }
}
