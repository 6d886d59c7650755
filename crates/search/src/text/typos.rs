//! Words that are nearly the one that was typed.

use super::postings::Postings;

/// A word of a dictionary, and how far it is from the one that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Near {
    pub(crate) distance: u8,
    /// Only its beginning is near: the shopper is still typing.
    pub(crate) unfinished: bool,
    pub(crate) word: usize,
}

/// How many slips of the keyboard a word of so many characters is forgiven. Short words and codes
/// with digits mean just what they say.
pub(crate) fn tolerance(word: &str) -> u8 {
    if word.bytes().any(|byte| byte.is_ascii_digit()) {
        return 0;
    }

    match word.chars().count() {
        ..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// All words of the dictionary within [`tolerance`]: a letter too much, missing, wrong, or two
/// neighbours swapped count one each. The dictionary is sorted, so words with one beginning share
/// the rows that were worked out for it, and a hopeless beginning is skipped with all its words.
pub(crate) fn near(postings: &Postings, typed: &str, unfinished: bool) -> Vec<Near> {
    let most = tolerance(typed);
    if most == 0 {
        return Vec::new();
    }
    let mut walk = Walk::new(typed, most);
    let mut found = Vec::new();

    for word in 0..postings.len() {
        walk.follow(postings.word(word));
        let whole = walk.distance();

        if whole <= most {
            found.push(Near { distance: whole, unfinished: false, word });
        } else if unfinished && walk.closest_beginning() <= most {
            found.push(Near { distance: walk.closest_beginning(), unfinished: true, word });
        }
    }
    found
}

/// The optimal string alignment distance from `typed` to each beginning of the current word.
struct Walk {
    typed: Vec<char>,
    most: u8,
    /// The letters of the current word as far as they were followed.
    path: Vec<char>,
    /// Row `n` is about the first `n` letters: its distances to each beginning of `typed`.
    rows: Vec<Vec<u8>>,
    /// No word that begins with `path` can be near.
    hopeless: bool,
}

impl Walk {
    fn new(typed: &str, most: u8) -> Self {
        let typed: Vec<char> = typed.chars().collect();
        let first = (0..=typed.len()).map(|at| u8::try_from(at).unwrap_or(u8::MAX)).collect();

        Self { typed, most, path: Vec::new(), rows: vec![first], hopeless: false }
    }

    /// Goes to the next word, as far as there is hope.
    fn follow(&mut self, word: &str) {
        let shared = self.path.iter().zip(word.chars()).take_while(|(a, b)| **a == *b).count();
        if self.hopeless && shared == self.path.len() {
            return;
        }
        self.hopeless = false;
        self.path.truncate(shared);

        for letter in word.chars().skip(shared) {
            self.path.push(letter);
            if self.extend(letter) > self.most {
                self.hopeless = true;
                return;
            }
        }
    }

    /// Works out the row behind `letter`, and returns its least distance. A later row can't be
    /// below it: each step down adds one, and a swap adds one to the row before.
    fn extend(&mut self, letter: char) -> u8 {
        let depth = self.path.len();
        if self.rows.len() <= depth {
            self.rows.push(vec![0; self.typed.len() + 1]);
        }
        let (above, rest) = self.rows.split_at_mut(depth);
        let (row, last) = (&mut rest[0], &above[depth - 1]);
        row[0] = u8::try_from(depth).unwrap_or(u8::MAX);
        let mut least = row[0];

        for at in 1..=self.typed.len() {
            let wrong = u8::from(self.typed[at - 1] != letter);
            let mut distance = (last[at - 1].saturating_add(wrong))
                .min(last[at].saturating_add(1))
                .min(row[at - 1].saturating_add(1));
            let swapped = depth > 1
                && at > 1
                && self.typed[at - 2] == letter
                && self.typed[at - 1] == self.path[depth - 2];
            if swapped {
                distance = distance.min(above[depth - 2][at - 2].saturating_add(1));
            }
            row[at] = distance;
            least = least.min(distance);
        }
        least
    }

    fn distance(&self) -> u8 {
        if self.hopeless { u8::MAX } else { self.rows[self.path.len()][self.typed.len()] }
    }

    fn closest_beginning(&self) -> u8 {
        let rows = &self.rows[..=self.path.len()];

        rows.iter().map(|row| row[self.typed.len()]).min().unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::postings::{Fields, PostingsBuilder};
    use super::*;

    fn dictionary<'a>(words: impl IntoIterator<Item = &'a str>) -> Postings {
        let mut builder = PostingsBuilder::default();
        for (slot, word) in words.into_iter().enumerate() {
            builder.add(slot as u32, Fields::NAME, word);
        }
        builder.finish()
    }

    fn corrections(words: &[&str], typed: &str) -> Vec<String> {
        let postings = dictionary(words.iter().copied());
        let found = near(&postings, typed, false);

        found.into_iter().map(|near| postings.word(near.word).to_owned()).collect()
    }

    #[test]
    fn one_slip_is_forgiven_from_four_letters_on_and_two_from_eight() {
        let words = ["backpack", "bag", "headphones", "lamp"];

        assert_eq!(corrections(&words, "backpak"), ["backpack"]);
        assert_eq!(corrections(&words, "bakcpack"), ["backpack"]);
        assert_eq!(corrections(&words, "hedphnes"), ["headphones"]);
        assert_eq!(corrections(&words, "lmap"), ["lamp"]);
        assert!(corrections(&words, "bgg").is_empty());
        assert!(corrections(&words, "bckpak").is_empty());
    }

    #[test]
    fn what_is_still_being_typed_may_be_near_the_beginning_of_a_word() {
        let postings = dictionary(["headphones", "hat"]);

        assert!(near(&postings, "haedpho", false).is_empty());
        assert_eq!(near(&postings, "haedpho", true).len(), 1);
    }

    #[test]
    fn codes_with_digits_are_not_corrected() {
        assert!(corrections(&["model13"], "model14").is_empty());
    }

    /// The textbook's table, without pruning or sharing.
    fn distance(a: &[char], b: &[char]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let wrong = usize::from(a[i - 1] != b[j - 1]);
                    let mut least = (table[i - 1][j - 1] + wrong)
                        .min(table[i - 1][j] + 1)
                        .min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                };
            }
        }
        table[a.len()][b.len()]
    }

    proptest! {
        #[test]
        fn the_walk_finds_just_what_the_textbook_finds(
            words in prop::collection::btree_set("[abcé]{1,9}", 1..40),
            typed in "[abcé]{4,9}",
        ) {
            let postings = dictionary(words.iter().map(String::as_str));
            let letters: Vec<char> = typed.chars().collect();
            let most = usize::from(tolerance(&typed));

            let mut found = near(&postings, &typed, false);
            found.sort_unstable_by_key(|near| near.word);

            let expected: Vec<_> = words.iter().enumerate().filter_map(|(word, text)| {
                let distance = distance(&letters, &text.chars().collect::<Vec<_>>());
                let distance = u8::try_from(distance).unwrap();
                (usize::from(distance) <= most)
                    .then_some(Near { distance, unfinished: false, word })
            }).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
