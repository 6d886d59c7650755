//! How often somebody may ask: one row a class.

use std::time::Duration;

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitClass {
    Payment,
    Cart,
    Admin,
    Public,
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub requests: u32,
    pub window: Duration,
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
}
