//! All rate limits of a process.

use std::sync::Arc;

use domain::limits::{Limit, LimitClass, Share};
use ports::Limiter;

use crate::rate_limit::RateLimit;

/// One for each class that has a limit, none for a class that is off. Clones share their counts.
#[derive(Clone, Default)]
pub struct RateLimits([Option<Arc<RateLimit>>; LimitClass::ALL.len()]);

impl RateLimits {
    /// Call it after the metrics' recorder was installed. `local` counts while `limiter` can't.
    pub fn new(
        limit: impl Fn(LimitClass) -> Option<Limit>,
        limiter: &Arc<dyn Limiter>,
        local: &Arc<dyn Limiter>,
    ) -> Self {
        Self::with_share(limit, None, limiter, local)
    }

    /// The same, with at most `share` of each total limit for one address.
    pub fn with_share(
        limit: impl Fn(LimitClass) -> Option<Limit>,
        share: Option<Share>,
        limiter: &Arc<dyn Limiter>,
        local: &Arc<dyn Limiter>,
    ) -> Self {
        Self(LimitClass::ALL.map(|class| {
            let limit = limit(class)?;
            let rate_limit = RateLimit::new(class, limit, Arc::clone(limiter), Arc::clone(local));

            Some(Arc::new(rate_limit.with_share(share)))
        }))
    }

    pub fn of(&self, class: LimitClass) -> Option<&Arc<RateLimit>> {
        let index = LimitClass::ALL.iter().position(|one| *one == class)?;

        self.0[index].as_ref()
    }
}
