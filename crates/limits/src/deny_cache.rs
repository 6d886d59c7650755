//! Refusals, remembered in this process, so that a client that keeps sending costs the store
//! nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::Timestamp;
use ports::{Ask, Decision, JointDecision, Limiter, PortError, Window, World};

/// More than are refused at the same time except in a flood; half a megabyte.
const ENTRIES_MAX: usize = 4_096;

/// Wraps a limiter that is reached over a network. Its decisions are the limiter's own: until the
/// time that a refusal names, the limiter would only refuse again.
pub struct DenyCache {
    limiter: Arc<dyn Limiter>,
    world: Arc<dyn World>,
    denials: Mutex<HashMap<Ask, Denial>>,
}

#[derive(Clone, Copy)]
struct Denial {
    since: Timestamp,
    until: Timestamp,
}

impl DenyCache {
    /// `world`'s clock must run as fast as the limiter's.
    pub fn new(limiter: Arc<dyn Limiter>, world: Arc<dyn World>) -> Self {
        Self { limiter, world, denials: Mutex::default() }
    }

    fn find(&self, ask: &Ask) -> Option<Decision> {
        let mut denials = self.denials();
        let denial = denials.get(ask)?;
        let now = self.world.now();

        if denial.holds_at(now) {
            return Some(Decision::refused(denial.until.since(now)));
        }
        denials.remove(ask);
        None
    }

    /// The first remembered refusal of the asks.
    fn find_any(&self, asks: &[Ask]) -> Option<JointDecision> {
        let mut indexed = asks.iter().enumerate();

        indexed.find_map(|(by, ask)| {
            self.find(ask).map(|decision| JointDecision::Refused { by, decision })
        })
    }

    fn save(&self, ask: &Ask, decision: &Decision) {
        let now = self.world.now();
        let mut denials = self.denials();
        if denials.len() >= ENTRIES_MAX {
            denials.retain(|_, denial| denial.holds_at(now));
        }

        // If all of them still hold, this one is not remembered and the store decides.
        if denials.len() < ENTRIES_MAX {
            let until = now.plus(decision.reset_after);
            denials.insert(*ask, Denial { since: now, until });
        }
    }

    fn denials(&self) -> MutexGuard<'_, HashMap<Ask, Denial>> {
        // Each change of the map is complete in itself, so a poisoned lock still guards a valid map.
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Denial {
    /// `false` before `since`: after the clock was set back, the remaining time is unknown.
    fn holds_at(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

#[async_trait]
impl Limiter for DenyCache {
    fn window(&self) -> Window {
        self.limiter.window()
    }

    fn try_take(&self, ask: &Ask) -> Option<Decision> {
        self.find(ask).or_else(|| self.limiter.try_take(ask))
    }

    async fn take(&self, ask: &Ask) -> Result<Decision, PortError> {
        if let Some(refused) = self.find(ask) {
            return Ok(refused);
        }
        let decision = self.limiter.take(ask).await?;
        if !decision.is_allowed {
            self.save(ask, &decision);
        }

        Ok(decision)
    }

    fn try_take_all(&self, asks: &[Ask]) -> Option<JointDecision> {
        self.find_any(asks).or_else(|| self.limiter.try_take_all(asks))
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        if let Some(refused) = self.find_any(asks) {
            return Ok(refused);
        }
        let joint = self.limiter.take_all(asks).await?;
        // Only for the ask that refused: the others may still allow other requests.
        if let JointDecision::Refused { by, decision } = &joint {
            self.save(&asks[*by], decision);
        }

        Ok(joint)
    }
}
