//! How long each answer may be kept, and where. The table that every tier reads.

use std::time::Duration;

/// A kind of answer. A new one does not compile until it has a row in [`Resource::policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    Products,
    Product,
    Recommendations,
    Categories,
    Featured,
    Bestsellers,
    Search,
    /// A cached route's 404.
    Missing,
}

/// Seconds for which an answer is fresh at the edge, may be served stale while it is refreshed
/// (RFC 5861 §3), and may be served stale when the origin fails (RFC 5861 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    pub edge: Duration,
    pub stale_while_revalidate: Duration,
    pub stale_if_error: Duration,
    /// In the origin's own memory, where the change log reaches first.
    pub origin: Duration,
}

/// What a browser may do with every cached answer: keep it, and ask each time. A 304 from the edge
/// is cheap, and a promise of seconds must not end at a browser's cache.
pub const BROWSER_CACHE_CONTROL: &str = "public, max-age=0, must-revalidate";
/// What edges receive in its place: no intermediary may transform the bytes (RFC 9111 §5.2.2.6).
/// The edge itself sends [`BROWSER_CACHE_CONTROL`] to browsers.
pub const EDGE_CACHE_CONTROL: &str = "public, max-age=0, must-revalidate, no-transform";
/// What anybody may do with every other answer.
pub const PRIVATE_CACHE_CONTROL: &str = "private, no-store";

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

impl Resource {
    pub const ALL: [Self; 8] = [
        Self::Products,
        Self::Product,
        Self::Recommendations,
        Self::Categories,
        Self::Featured,
        Self::Bestsellers,
        Self::Search,
        Self::Missing,
    ];

    pub const fn policy(self) -> CachePolicy {
        match self {
            //                                      edge         swr         sie  origin
            Self::Products => policy(5 * MINUTE, MINUTE, DAY, 15 * MINUTE),
            Self::Product => policy(10 * MINUTE, MINUTE, DAY, HOUR),
            Self::Recommendations => policy(15 * MINUTE, MINUTE, DAY, HOUR),
            Self::Categories => policy(HOUR, 5 * MINUTE, DAY, HOUR),
            Self::Featured => policy(15 * MINUTE, MINUTE, DAY, HOUR),
            Self::Bestsellers => policy(15 * MINUTE, MINUTE, DAY, HOUR),
            Self::Search => policy(5 * MINUTE, MINUTE, DAY, 15 * MINUTE),
            // Long enough to stop a flood of guesses, short enough to forget them again.
            Self::Missing => policy(20 * SECOND, 0, 0, 20 * SECOND),
        }
    }

    /// When the change log is unavailable: how old an answer may still be served as fresh.
    pub const fn clamp(self) -> Duration {
        match self {
            Self::Product | Self::Missing => Duration::from_secs(60),
            Self::Products
            | Self::Recommendations
            | Self::Categories
            | Self::Featured
            | Self::Bestsellers
            | Self::Search => Duration::from_secs(300),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Product => "product",
            Self::Recommendations => "recommendations",
            Self::Categories => "categories",
            Self::Featured => "featured",
            Self::Bestsellers => "bestsellers",
            Self::Search => "search",
            Self::Missing => "missing",
        }
    }
}

impl CachePolicy {
    /// The value of `CDN-Cache-Control` (RFC 9213), for caches between the origin and our edge.
    pub fn cdn_cache_control(self) -> String {
        format!(
            "max-age={}, stale-while-revalidate={}, stale-if-error={}",
            self.edge.as_secs(),
            self.stale_while_revalidate.as_secs(),
            self.stale_if_error.as_secs()
        )
    }
}

/// Shortens `ttl` by up to a tenth, depending on `random`, so that entries that were filled
/// together do not expire together.
pub const fn jittered(ttl: Duration, random: u64) -> Duration {
    let millis = ttl.as_millis() as u64;

    Duration::from_millis(millis - random % (millis / 10 + 1))
}

const fn policy(edge: u64, swr: u64, sie: u64, origin: u64) -> CachePolicy {
    CachePolicy {
        edge: Duration::from_secs(edge),
        stale_while_revalidate: Duration::from_secs(swr),
        stale_if_error: Duration::from_secs(sie),
        origin: Duration::from_secs(origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_page_is_kept_for_ten_minutes() {
        assert_eq!(Resource::Product.policy().edge, Duration::from_secs(600));
    }

    #[test]
    fn nothing_unknown_is_remembered_for_longer_than_thirty_seconds() {
        assert!(Resource::Missing.policy().edge <= Duration::from_secs(30));
    }

    #[test]
    fn jitter_takes_at_most_a_tenth_and_never_adds() {
        let ttl = Duration::from_secs(100);

        for random in [0, 1, 9_999, 10_000, 10_001, u64::MAX] {
            let shortened = jittered(ttl, random);
            assert!(shortened <= ttl && shortened >= Duration::from_secs(90), "{random}");
        }
    }
}
