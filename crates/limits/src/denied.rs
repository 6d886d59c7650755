//! Refusals are remembered here, so that whoever goes on asking costs the store nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::Timestamp;
use ports::{Ask, Decision, JointDecision, Limiter, PortError, Window, World};

/// More than are refused at once by any but a flood, and half a megabyte.
const REMEMBERED_MAX: usize = 4_096;

/// In front of a limiter that has to be asked over a network. Says nothing that the limiter would
/// not: before the time that a refusal names, only refusals follow.
pub struct DeniedUntil {
    limiter: Arc<dyn Limiter>,
    world: Arc<dyn World>,
    denied: Mutex<HashMap<Ask, Denial>>,
}

#[derive(Clone, Copy)]
struct Denial {
    since: Timestamp,
    until: Timestamp,
}

impl DeniedUntil {
    /// `world`'s clock goes as fast as the limiter's.
    pub fn before(limiter: Arc<dyn Limiter>, world: Arc<dyn World>) -> Self {
        Self { limiter, world, denied: Mutex::default() }
    }

    fn remembered(&self, ask: &Ask) -> Option<Decision> {
        let mut denied = self.denied();
        let denial = denied.get(ask)?;
        let now = self.world.now();

        if denial.holds_at(now) {
            return Some(Decision::refused(denial.until.since(now)));
        }
        denied.remove(ask);
        None
    }

    /// The refusal of one of the asks.
    fn remembered_of(&self, asks: &[Ask]) -> Option<JointDecision> {
        let mut refusals = asks.iter().enumerate();

        refusals.find_map(|(by, ask)| {
            self.remembered(ask).map(|decision| JointDecision::Refused { by, decision })
        })
    }

    fn remember(&self, ask: &Ask, decision: &Decision) {
        let now = self.world.now();
        let mut denied = self.denied();
        if denied.len() >= REMEMBERED_MAX {
            denied.retain(|_, denial| denial.holds_at(now));
        }

        // Full of those that hold: the store can be asked.
        if denied.len() < REMEMBERED_MAX {
            let until = now.plus(decision.reset_after);
            denied.insert(*ask, Denial { since: now, until });
        }
    }

    fn denied(&self) -> MutexGuard<'_, HashMap<Ask, Denial>> {
        // Each change of the map is complete in itself.
        self.denied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Denial {
    /// A clock that was set back says nothing about how long is left.
    fn holds_at(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }
}

#[async_trait]
impl Limiter for DeniedUntil {
    fn window(&self) -> Window {
        self.limiter.window()
    }

    fn take_at_once(&self, ask: &Ask) -> Option<Decision> {
        self.remembered(ask).or_else(|| self.limiter.take_at_once(ask))
    }

    async fn take(&self, ask: &Ask) -> Result<Decision, PortError> {
        if let Some(refused) = self.remembered(ask) {
            return Ok(refused);
        }
        let decision = self.limiter.take(ask).await?;
        if !decision.is_allowed {
            self.remember(ask, &decision);
        }

        Ok(decision)
    }

    fn take_all_at_once(&self, asks: &[Ask]) -> Option<JointDecision> {
        self.remembered_of(asks).or_else(|| self.limiter.take_all_at_once(asks))
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        if let Some(refused) = self.remembered_of(asks) {
            return Ok(refused);
        }
        let joint = self.limiter.take_all(asks).await?;
        // Only of the one that refused: others may still have room for other requests.
        if let JointDecision::Refused { by, decision } = &joint {
            self.remember(&asks[*by], decision);
        }

        Ok(joint)
    }
}
