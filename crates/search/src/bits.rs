//! A set of small numbers, one bit each.

/// Grows by itself; what was never set is not in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn set(&mut self, at: u32) {
        let word = at as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (at % 64);
    }

    /// Whether it is new in the set.
    pub(crate) fn insert(&mut self, at: u32) -> bool {
        let new = !self.contains(at);
        self.set(at);
        new
    }

    /// Whether it was in the set.
    pub(crate) fn clear(&mut self, at: u32) -> bool {
        let was = self.contains(at);
        if was {
            self.0[at as usize / 64] &= !(1 << (at % 64));
        }
        was
    }

    pub(crate) fn assign(&mut self, at: u32, to: bool) {
        if to {
            self.set(at);
        } else {
            self.clear(at);
        }
    }

    pub(crate) fn contains(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// The numbers in the set, in order.
    pub(crate) fn ones(&self) -> impl Iterator<Item = u32> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u32 * 64 + bit)
        })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * 8
    }
}
