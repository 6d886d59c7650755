//! How often a zone may be purged, by its plan.
//!
//! <https://developers.cloudflare.com/cache/how-to/purge-cache/>, "Availability and limits", as of
//! November 2026: purges by tag are counted by a token bucket for each account.

use std::time::Duration;

use platform::PurgePlan;
use resilience::TokenBucket;

/// Tags in one request, on every plan.
pub(crate) const TAGS_MAX: usize = 100;

pub(crate) fn bucket(plan: PurgePlan) -> TokenBucket {
    let (size, token) = match plan {
        //                             burst, then one token each
        PurgePlan::Free => (25, Duration::from_secs(12)), // 5 a minute
        PurgePlan::Pro => (25, Duration::from_millis(200)), // 5 a second
        PurgePlan::Business => (50, Duration::from_millis(100)), // 10 a second
        PurgePlan::Enterprise => (500, Duration::from_millis(20)), // 50 a second
    };

    TokenBucket::new(size, token)
}
