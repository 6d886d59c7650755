//! The least few of many keys, without sorting the rest.

/// Keeps at most twice as many as are wanted.
pub(crate) struct Selection<K> {
    wanted: usize,
    kept: Vec<(K, u32)>,
    /// What is not below it can't be among the wanted.
    bound: Option<K>,
}

impl<K: Ord + Copy> Selection<K> {
    pub(crate) fn of(wanted: usize) -> Self {
        Self { wanted, kept: Vec::new(), bound: None }
    }

    pub(crate) fn offer(&mut self, key: K, slot: u32) {
        if self.wanted == 0 || self.bound.is_some_and(|bound| key >= bound) {
            return;
        }
        self.kept.push((key, slot));
        if self.kept.len() >= self.wanted.saturating_mul(2) {
            let (_, last, _) = self.kept.select_nth_unstable(self.wanted - 1);
            self.bound = Some(last.0);
            self.kept.truncate(self.wanted);
        }
    }

    /// The wanted ones in order.
    pub(crate) fn sorted(mut self) -> Vec<(K, u32)> {
        self.kept.sort_unstable();
        self.kept.truncate(self.wanted);

        self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_head_of_the_sorted_whole(
            keys in prop::collection::vec(0..50_u8, 0..200),
            wanted in 0..20_usize,
        ) {
            let mut selection = Selection::of(wanted);
            let mut all: Vec<_> = (0..).zip(keys).map(|(slot, key)| ((key, slot), slot)).collect();
            all.iter().for_each(|(key, slot)| selection.offer(*key, *slot));
            all.sort_unstable();
            all.truncate(wanted);

            prop_assert_eq!(selection.sorted(), all);
        }
    }
}
