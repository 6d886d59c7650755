//! All gates of a process.

use std::sync::Arc;

use domain::limits::{Limit, LimitClass, Share};
use ports::Limiter;

use crate::gate::Gate;

/// One for each class that has a limit; none for those that are off. Clones are the same gates.
#[derive(Clone, Default)]
pub struct Gates([Option<Arc<Gate>>; LimitClass::ALL.len()]);

impl Gates {
    /// After the metrics' recorder was installed. `local` counts while `limiter` can't.
    pub fn new(
        limit: impl Fn(LimitClass) -> Option<Limit>,
        limiter: &Arc<dyn Limiter>,
        local: &Arc<dyn Limiter>,
    ) -> Self {
        Self::with_share(limit, None, limiter, local)
    }

    /// The same, where no address may take more than `share` of what is counted in total.
    pub fn with_share(
        limit: impl Fn(LimitClass) -> Option<Limit>,
        share: Option<Share>,
        limiter: &Arc<dyn Limiter>,
        local: &Arc<dyn Limiter>,
    ) -> Self {
        Self(LimitClass::ALL.map(|class| {
            let gate = |limit| {
                let gate = Gate::new(class, limit, Arc::clone(limiter), Arc::clone(local));
                gate.with_share(share)
            };
            limit(class).map(gate).map(Arc::new)
        }))
    }

    pub fn of(&self, class: LimitClass) -> Option<&Arc<Gate>> {
        let at = LimitClass::ALL.iter().position(|one| *one == class)?;

        self.0[at].as_ref()
    }
}
