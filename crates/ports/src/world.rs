//! The clock and the dice: brought from outside so that a simulation can bring its own.

use domain::Timestamp;

pub trait World: Send + Sync + 'static {
    fn now(&self) -> Timestamp;

    /// 128 unpredictable bits: ids, keys and nonces are made of them.
    fn random(&self) -> u128;
}
