//! Sticky cohorts: the same person is in the same hundredth for the same experiment, everywhere.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One hundredth of all people, 0 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cohort(u8);

impl Cohort {
    /// The cohort of `person` in `experiment`; independent of those of other experiments.
    pub fn of(experiment: &str, person: &str) -> Self {
        let seed = xxh3_64_with_seed(experiment.as_bytes(), 0);

        Self((xxh3_64_with_seed(person.as_bytes(), seed) % 100) as u8)
    }

    /// Whether a rollout to `percent` reaches this cohort. Raising the share only ever adds people.
    pub const fn is_reached(self, percent: u8) -> bool {
        self.0 < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_only_adds_people_and_reaches_about_its_share() {
        let people: Vec<_> = (0..10_000).map(|n| Cohort::of("new", &n.to_string())).collect();
        let reached = |percent| people.iter().filter(|cohort| cohort.is_reached(percent)).count();

        assert_eq!((reached(0), reached(100)), (0, 10_000));
        assert!((2_700..3_300).contains(&reached(30)), "{}", reached(30));
        assert!(people.iter().all(|cohort| !cohort.is_reached(30) || cohort.is_reached(31)));
    }

    #[test]
    fn cohorts_of_two_experiments_are_independent() {
        let both = (0..10_000)
            .filter(|n| {
                let person = n.to_string();
                Cohort::of("a", &person).is_reached(50) && Cohort::of("b", &person).is_reached(50)
            })
            .count();

        assert!((2_200..2_800).contains(&both), "{both}");
    }
}
