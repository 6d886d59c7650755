//! How often a client may ask: one row a class, and which clients are counted as one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::ids::AdminKeyId;

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitClass {
    Payment,
    Cart,
    Admin,
    Public,
    Read,
    /// Edges' reads in the place of entries that the change log invalidated. Apart from
    /// [`Self::Public`], so that no flood of other reads keeps a change unseen.
    Refill,
    /// Admin calls with a wrong key.
    AuthFailure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    pub requests: u32,
    pub window: Duration,
}

/// How much of a limit that all share one address may take, in whole percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u8);

/// Who asks, as far as it can be known. Never something that a client can make up: a client
/// that can mint subjects has no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// All who ask, together.
    Everybody,
    /// An address as [`Subject::address`] groups it.
    Network(IpAddr),
    Admin(AdminKeyId),
    /// The number of a customer's id, read from a cookie whose signature was checked.
    Customer(u128),
}

/// What becomes of a request while the count of requests is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUncounted {
    /// It is answered: a shop that can be read is worth more than an exact count.
    Allow,
    /// Counted by this process only.
    CountLocally,
}

impl LimitClass {
    /// In the order of the variants: stores index by it.
    pub const ALL: [Self; 7] = [
        Self::Payment,
        Self::Cart,
        Self::Admin,
        Self::Public,
        Self::Read,
        Self::Refill,
        Self::AuthFailure,
    ];

    /// The default; each is a setting.
    pub const fn default_limit(self) -> Limit {
        const fn per_minute(requests: u32) -> Limit {
            Limit { requests, window: Duration::from_secs(60) }
        }

        match self {
            Self::Payment => per_minute(10),
            Self::Cart => per_minute(100),
            Self::Admin => per_minute(50),
            Self::Public | Self::Refill => per_minute(1_000),
            Self::Read => per_minute(300),
            // Far more than a person mistypes, far fewer than a guesser needs.
            Self::AuthFailure => per_minute(20),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Cart => "cart",
            Self::Admin => "admin",
            Self::Public => "public",
            Self::Read => "read",
            Self::Refill => "refill",
            Self::AuthFailure => "auth-failure",
        }
    }

    /// Of a class that is counted in total, the policy of one address's [`Share`].
    pub const fn share_name(self) -> Option<&'static str> {
        match self {
            Self::Public => Some("public-share"),
            Self::Refill => Some("refill-share"),
            Self::Payment | Self::Cart | Self::Admin | Self::Read | Self::AuthFailure => None,
        }
    }

    /// Whether all requests are counted together, and not each subject's apart.
    pub const fn is_total(self) -> bool {
        self.share_name().is_some()
    }

    /// Reads fail open. What costs money or changes the shop is never without a limit.
    pub const fn when_uncounted(self) -> WhenUncounted {
        match self {
            Self::Public | Self::Read | Self::Refill => WhenUncounted::Allow,
            Self::Payment | Self::Cart | Self::Admin | Self::AuthFailure => {
                WhenUncounted::CountLocally
            }
        }
    }
}

impl Limit {
    /// The item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11 §3):
    /// `"read";q=300;w=60`.
    pub fn policy(self, class: LimitClass) -> String {
        self.policy_named(class.name())
    }

    pub fn policy_named(self, name: &str) -> String {
        format!("\"{name}\";q={};w={}", self.requests, whole_seconds(self.window))
    }
}

impl Share {
    /// Ten addresses together, and no fewer, can take all.
    pub const DEFAULT: Self = Self(10);

    /// 1 to 100 percent.
    pub const fn of_percent(percent: u8) -> Option<Self> {
        match percent {
            1..=100 => Some(Self(percent)),
            _ => None,
        }
    }

    /// Of a small limit, one request at least: a share of nothing would refuse everybody.
    pub const fn of(self, total: Limit) -> Limit {
        let requests = (total.requests as u64 * self.0 as u64 / 100) as u32;

        Limit { requests: if requests == 0 { 1 } else { requests }, window: total.window }
    }
}

impl Subject {
    /// IPv6 by its first 64 bits: that is what one line gets, and all of it is the same person's.
    pub fn address(address: IpAddr) -> Self {
        const LINE: u128 = !(u64::MAX as u128);

        Self::Network(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & LINE).into(),
            v4 => v4,
        })
    }
}

/// As stores name it in their keys.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => formatter.write_str("everybody"),
            Self::Network(address) => write!(formatter, "net/{address}"),
            Self::Admin(key) => write!(formatter, "{key}"),
            Self::Customer(id) => write!(formatter, "customer/{id:032x}"),
        }
    }
}

/// Rounded up, so that a client that waits this long has waited long enough.
pub const fn whole_seconds(duration: Duration) -> u64 {
    let more = (duration.subsec_nanos() > 0) as u64;

    duration.as_secs().saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(address: &str) -> Subject {
        Subject::address(address.parse().unwrap())
    }

    #[test]
    fn all_addresses_of_one_line_are_one_subject() {
        let line = subject("2001:db8:1:2::1");

        assert_eq!(line, subject("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(line, subject("2001:db8:1:3::1"));
        assert_eq!(line.to_string(), "net/2001:db8:1:2::");
    }

    #[test]
    fn an_ipv4_address_is_the_same_however_it_is_written() {
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
        assert_ne!(subject("192.0.2.2"), subject("192.0.2.1"));
        assert_eq!(subject("192.0.2.1").to_string(), "net/192.0.2.1");
    }

    #[test]
    fn a_policy_names_its_class_its_quota_and_its_window() {
        let policy = LimitClass::Read.default_limit().policy(LimitClass::Read);

        assert_eq!(policy, "\"read\";q=300;w=60");
    }

    #[test]
    fn a_part_of_a_second_is_a_second_to_wait() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
    }

    #[test]
    fn what_costs_money_or_changes_the_shop_is_never_without_a_limit() {
        for class in [LimitClass::Payment, LimitClass::Cart, LimitClass::Admin] {
            assert_eq!(class.when_uncounted(), WhenUncounted::CountLocally);
        }
    }

    #[test]
    fn a_share_is_a_part_of_the_total_and_never_nothing() {
        let total = |requests| Limit { requests, window: Duration::from_secs(60) };

        assert_eq!(Share::DEFAULT.of(total(1_000)), total(100));
        assert_eq!(Share::DEFAULT.of(total(19)), total(1));
        assert_eq!(Share::DEFAULT.of(total(3)), total(1));
        assert_eq!(Share::of_percent(100).unwrap().of(total(u32::MAX)), total(u32::MAX));
        assert_eq!((Share::of_percent(0), Share::of_percent(101)), (None, None));
    }

    #[test]
    fn classes_are_listed_in_the_order_in_which_stores_index_them() {
        for (at, class) in LimitClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, at, "{class:?}");
        }
    }
}
