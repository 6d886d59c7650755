//! Randomness from a seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The increment of SplitMix64 (Steele, Lea, Flood 2014): odd, so that every seed has a full period.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A source of numbers that is the same for the same seed. One more call changes all
/// numbers after it, so each independent part of a simulation takes a [`Entropy::fork`].
#[derive(Debug)]
pub struct Entropy(AtomicU64);

impl Entropy {
    pub const fn of(seed: u64) -> Self {
        Self(AtomicU64::new(mixed(seed)))
    }

    /// Another source, decided by this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::of(self.number())
    }

    pub fn number(&self) -> u64 {
        mixed(self.0.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN))
    }

    pub fn wide_number(&self) -> u128 {
        u128::from(self.number()) << 64 | u128::from(self.number())
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or_default()
    }

    /// A time below `most`, to the microsecond.
    pub fn duration(&self, most: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Whether something happens that happens in so many of a thousand cases.
    pub fn happens(&self, per_mille: u32) -> bool {
        self.below(1_000) < u64::from(per_mille)
    }

    /// One of them; `None` where there are none.
    pub fn pick<'a, T>(&self, among: &'a [T]) -> Option<&'a T> {
        among.get(usize::try_from(self.below(among.len() as u64)).unwrap_or_default())
    }
}

const fn mixed(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(entropy: &Entropy) -> Vec<u64> {
        (0..8).map(|_| entropy.number()).collect()
    }

    #[test]
    fn a_seed_gives_the_same_numbers_each_time_and_others_than_its_neighbour() {
        assert_eq!(first(&Entropy::of(7)), first(&Entropy::of(7)));
        assert_ne!(first(&Entropy::of(7)), first(&Entropy::of(8)));
    }

    #[test]
    fn a_fork_is_decided_by_its_parent_and_leaves_it_alone() {
        let (one, other) = (Entropy::of(7), Entropy::of(7));

        let (fork, other_fork) = (one.fork(), other.fork());
        first(&fork);

        assert_eq!(first(&one), first(&other));
        assert_ne!(first(&fork), first(&one));
        assert_ne!(first(&other_fork), first(&other));
    }

    #[test]
    fn chances_are_kept() {
        let entropy = Entropy::of(1);

        let happened = (0..10_000).filter(|_| entropy.happens(100)).count();

        assert!((900..1_100).contains(&happened), "{happened} of 10,000 at 10 %");
        assert!((0..1_000).all(|_| !entropy.happens(0) && entropy.happens(1_000)));
        assert_eq!(entropy.pick::<u8>(&[]), None);
    }
}
