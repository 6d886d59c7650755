//! A position in one word, so that an entry is known to be current by one compare.

use domain::Seq;
use domain::changes::SEQ_MAX;

/// As many as [`SEQ_MAX`], the highest head that is believed, has.
const SEQ_BITS: u32 = SEQ_MAX.0.count_ones();

/// An era and a seq. An era is a run of one log without a reset: seqs of two eras are never
/// compared. It wraps after 65,535 resets, far longer than any entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    /// No position: nothing is known of the log. No entry ever bears it.
    pub(crate) const COLD: Self = Self(0);

    pub(crate) const fn new(era: u16, seq: Seq) -> Self {
        let seq = if seq.0 > SEQ_MAX.0 { SEQ_MAX.0 } else { seq.0 };

        Self(((era as u64) << SEQ_BITS) | seq)
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn era(self) -> u16 {
        (self.0 >> SEQ_BITS) as u16
    }

    pub(crate) const fn seq(self) -> Seq {
        Seq(self.0 & SEQ_MAX.0)
    }

    /// Whether an entry of this mark stays where one of the `other` has arrived.
    pub(crate) const fn outranks(self, other: Self) -> bool {
        self.era() == other.era() && self.seq().0 > other.seq().0
    }

    pub(crate) const fn is_cold(self) -> bool {
        self.0 == Self::COLD.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_holds_its_era_and_its_seq() {
        let mark = Mark::new(65_535, Seq(12));

        assert_eq!((mark.era(), mark.seq()), (65_535, Seq(12)));
        assert_eq!(Mark::from_bits(mark.bits()), mark);
        assert_eq!(Mark::new(1, Seq(u64::MAX)).seq(), SEQ_MAX);
        assert!(!Mark::new(1, Seq(0)).is_cold());
    }
}
