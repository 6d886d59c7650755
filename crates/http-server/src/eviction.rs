//! Which connections are closed when all places are taken: a pure rule over the state of each.

use std::collections::HashMap;
use std::hash::Hash;

/// What the rule knows of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate<I, C> {
    pub id: I,
    pub client: C,
    pub is_trusted: bool,
    /// At work on a request.
    pub is_protected: bool,
    pub last_useful: u64,
}

/// The order in which connections are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// What a client has beyond its share.
    Excess,
    WithinShare,
    Trusted,
}

/// The first `count` of those that go, in this order: what clients have beyond their share, then
/// all others, then trusted peers; of each, idle ones before busy ones, the longest without use
/// first.
pub(crate) fn victims<I: Copy + Ord, C: Copy + Eq + Hash>(
    mut candidates: Vec<Candidate<I, C>>,
    share: usize,
    count: usize,
) -> Vec<Candidate<I, C>> {
    // Ids are in order of arrival, which decides between equals.
    candidates.sort_unstable_by_key(|one| (one.is_protected, one.last_useful, one.id));
    let mut excess = excess(&candidates, share);

    let mut ranked: Vec<_> = candidates
        .into_iter()
        .map(|one| {
            let excess = excess.get_mut(&one.client).filter(|left| !one.is_trusted && **left > 0);
            let rank = match excess {
                Some(left) => {
                    *left -= 1;
                    Rank::Excess
                }
                None if one.is_trusted => Rank::Trusted,
                None => Rank::WithinShare,
            };
            (rank, one)
        })
        .collect();
    // Stable: within a rank they stay as they are.
    ranked.sort_by_key(|(rank, _)| *rank);

    ranked.into_iter().take(count).map(|(_, one)| one).collect()
}

/// How many connections each client has beyond its share.
fn excess<I, C: Copy + Eq + Hash>(
    candidates: &[Candidate<I, C>],
    share: usize,
) -> HashMap<C, usize> {
    let mut held = HashMap::new();
    for one in candidates.iter().filter(|one| !one.is_trusted) {
        *held.entry(one.client).or_default() += 1;
    }
    held.retain(|_, count: &mut usize| {
        *count = count.saturating_sub(share);
        *count > 0
    });

    held
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    type One = Candidate<u32, u8>;

    fn one(id: u32, client: u8, last_useful: u64) -> One {
        Candidate { id, client, is_trusted: false, is_protected: false, last_useful }
    }

    fn ids(victims: Vec<One>) -> Vec<u32> {
        victims.into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn a_client_beyond_its_share_goes_before_one_that_was_idle_for_longer() {
        let all = vec![one(0, 1, 5), one(1, 2, 90), one(2, 2, 80), one(3, 2, 70), one(4, 3, 6)];

        assert_eq!(ids(victims(all, 1, 5)), [3, 2, 0, 4, 1]);
    }

    #[test]
    fn the_longest_idle_goes_first_and_the_busy_and_trusted_last() {
        let mut all = vec![one(0, 1, 1), one(1, 2, 2), one(2, 3, 3), one(3, 4, 4)];
        all[0].is_trusted = true;
        all[1].is_protected = true;

        assert_eq!(ids(victims(all, 1, 9)), [2, 3, 1, 0]);
    }

    /// The rule one by one, as it is documented for operators.
    fn naive(mut all: Vec<One>, share: usize, count: usize) -> Vec<u32> {
        let mut gone = Vec::new();
        while gone.len() < count && !all.is_empty() {
            let held =
                |client| all.iter().filter(|one| !one.is_trusted && one.client == client).count();
            let best = all.iter().min_by_key(|one| {
                let is_over = !one.is_trusted && held(one.client) > share;
                let idle_first = (one.is_protected, one.last_useful, one.id);
                (Reverse(is_over), one.is_trusted, idle_first)
            });
            let id = best.map(|one| one.id).unwrap();
            all.retain(|one| one.id != id);
            gone.push(id);
        }
        gone
    }

    fn any_one() -> impl Strategy<Value = One> {
        (0_u8..5, any::<bool>(), any::<bool>(), 0_u64..20).prop_map(
            |(client, is_trusted, is_protected, last_useful)| Candidate {
                id: 0,
                client,
                is_trusted,
                is_protected,
                last_useful,
            },
        )
    }

    proptest! {
        #[test]
        fn many_at_once_are_those_that_go_one_by_one(
            mut all in prop::collection::vec(any_one(), 0..40),
            share in 0_usize..12,
            count in 0_usize..45,
        ) {
            for (id, one) in (0..).zip(&mut all) {
                one.id = id;
            }

            let selected = ids(victims(all.clone(), share, count));

            prop_assert_eq!(selected, naive(all, share, count));
        }
    }
}
