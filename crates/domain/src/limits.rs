//! How often somebody may ask: one row a class, and who is counted as one.

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    pub requests: u32,
    pub window: Duration,
}

/// Who asks, as far as it can be known. Never something that a client can make up: whoever can
/// mint subjects has no limit.
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

/// What becomes of a request while nobody can say how many there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUncounted {
    /// It is answered: a shop that can be read is worth more than an exact count.
    Allow,
    /// It is counted by this process alone.
    CountHere,
}

impl LimitClass {
    pub const ALL: [Self; 5] = [Self::Payment, Self::Cart, Self::Admin, Self::Public, Self::Read];

    /// The default; each is a setting.
    pub const fn default_limit(self) -> Limit {
        const fn per_minute(requests: u32) -> Limit {
            Limit { requests, window: Duration::from_secs(60) }
        }

        match self {
            Self::Payment => per_minute(10),
            Self::Cart => per_minute(100),
            Self::Admin => per_minute(50),
            Self::Public => per_minute(1_000),
            Self::Read => per_minute(300),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Cart => "cart",
            Self::Admin => "admin",
            Self::Public => "public",
            Self::Read => "read",
        }
    }

    /// Reads fail open. What costs money or changes the shop is never without a limit.
    pub const fn when_uncounted(self) -> WhenUncounted {
        match self {
            Self::Public | Self::Read => WhenUncounted::Allow,
            Self::Payment | Self::Cart | Self::Admin => WhenUncounted::CountHere,
        }
    }
}

impl Limit {
    /// The item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11 §3):
    /// `"read";q=300;w=60`.
    pub fn policy(self, class: LimitClass) -> String {
        format!("\"{}\";q={};w={}", class.name(), self.requests, whole_seconds(self.window))
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

/// Rounded up: whoever waits so long has waited long enough.
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
            assert_eq!(class.when_uncounted(), WhenUncounted::CountHere);
        }
    }
}
