//! Which products have which word, and where: an immutable inverted index.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::words;

/// The fields in which a product has a word, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) u8);

impl Fields {
    pub(crate) const NAME: Self = Self(1);
    pub(crate) const BRAND: Self = Self(2);
    pub(crate) const CATEGORY: Self = Self(4);
    pub(crate) const ATTRIBUTES: Self = Self(8);
    pub(crate) const SKU: Self = Self(16);
    pub(crate) const DESCRIPTION: Self = Self(32);
    /// As many values as the bits above can take.
    pub(crate) const SETS: usize = 64;
}

/// A sorted dictionary, and for each word its slots.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    /// All words, one behind the other.
    spelling: String,
    /// Where each word ends in `spelling`.
    ends: Vec<u32>,
    stems: Vec<u64>,
    /// The words, sorted by stem.
    by_stem: Vec<u32>,
    /// Where the hits of each word end.
    hit_ends: Vec<u32>,
    slots: Vec<u32>,
    fields: Vec<Fields>,
}

/// Gathers words in any order.
#[derive(Debug, Default)]
pub(crate) struct PostingsBuilder {
    words: FxHashMap<Box<str>, Vec<(u32, Fields)>>,
}

impl PostingsBuilder {
    /// A slot's words must come together, before those of the next.
    pub(crate) fn add(&mut self, slot: u32, field: Fields, word: &str) {
        let Some(hits) = self.words.get_mut(word) else {
            self.words.insert(word.into(), vec![(slot, field)]);
            return;
        };

        match hits.last_mut() {
            Some((last, fields)) if *last == slot => fields.0 |= field.0,
            _ => hits.push((slot, field)),
        }
    }

    pub(crate) fn finish(self) -> Postings {
        let mut sorted: Vec<_> = self.words.into_iter().collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut postings = Postings::with_capacity(
            sorted.len(),
            sorted.iter().map(|(word, _)| word.len()).sum(),
            sorted.iter().map(|(_, hits)| hits.len()).sum(),
        );

        for (word, hits) in sorted {
            postings.push(&word, words::stem(&word), hits);
        }
        postings.finished()
    }
}

impl Postings {
    fn with_capacity(words: usize, letters: usize, hits: usize) -> Self {
        Self {
            spelling: String::with_capacity(letters),
            ends: Vec::with_capacity(words),
            stems: Vec::with_capacity(words),
            by_stem: Vec::new(),
            hit_ends: Vec::with_capacity(words),
            slots: Vec::with_capacity(hits),
            fields: Vec::with_capacity(hits),
        }
    }

    /// Takes the next word of the dictionary, unless it has no hit.
    fn push(&mut self, word: &str, stem: u64, hits: impl IntoIterator<Item = (u32, Fields)>) {
        for (slot, fields) in hits {
            self.slots.push(slot);
            self.fields.push(fields);
        }
        let hits = self.slots.len() as u32;

        if hits > self.hit_ends.last().copied().unwrap_or(0) {
            self.spelling.push_str(word);
            self.ends.push(self.spelling.len() as u32);
            self.stems.push(stem);
            self.hit_ends.push(hits);
        }
    }

    fn finished(mut self) -> Self {
        self.by_stem = (0..self.stems.len() as u32).collect();
        self.by_stem.sort_unstable_by_key(|word| (self.stems[*word as usize], *word));
        // A merge makes room for all, and may have dropped most.
        self.spelling.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.stems.shrink_to_fit();
        self.hit_ends.shrink_to_fit();
        self.slots.shrink_to_fit();
        self.fields.shrink_to_fit();
        self
    }

    /// One index of several; `place` says where a part's slot goes, or that it is dropped.
    pub(crate) fn merged(parts: &[&Self], place: impl Fn(usize, u32) -> Option<u32>) -> Self {
        let mut words: Vec<_> = (0..parts.len())
            .flat_map(|part| (0..parts[part].len()).map(move |word| (part, word)))
            .collect();
        words.sort_unstable_by_key(|&(part, word)| (parts[part].word(word), part));
        let mut merged = Self::with_capacity(
            words.len(),
            parts.iter().map(|part| part.spelling.len()).sum(),
            parts.iter().map(|part| part.slots.len()).sum(),
        );

        for same in words.chunk_by(|a, b| parts[a.0].word(a.1) == parts[b.0].word(b.1)) {
            let (part, word) = same[0];
            let hits = same.iter().flat_map(|&(part, word)| {
                let hits = parts[part].hits(word);
                hits.map(move |(slot, fields)| (part, slot, fields))
            });
            let kept = hits.filter_map(|(part, slot, fields)| Some((place(part, slot)?, fields)));

            merged.push(parts[part].word(word), parts[part].stems[word], kept);
        }
        merged.finished()
    }

    /// How many words the dictionary has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn word(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };

        &self.spelling[start..self.ends[at] as usize]
    }

    pub(crate) fn stem(&self, at: usize) -> u64 {
        self.stems[at]
    }

    /// Where a word is found.
    pub(crate) fn hits(&self, at: usize) -> impl Iterator<Item = (u32, Fields)> {
        let start = if at == 0 { 0 } else { self.hit_ends[at - 1] as usize };
        let range = start..self.hit_ends[at] as usize;

        self.slots[range.clone()].iter().copied().zip(self.fields[range].iter().copied())
    }

    pub(crate) fn find(&self, word: &str) -> Option<usize> {
        let at = self.first_not(0, |other| other < word);

        (at < self.len() && self.word(at) == word).then_some(at)
    }

    pub(crate) fn starting_with(&self, prefix: &str) -> Range<usize> {
        let start = self.first_not(0, |word| word < prefix);

        start..self.first_not(start, |word| word.starts_with(prefix))
    }

    /// All words with this stem.
    pub(crate) fn family(&self, stem: u64) -> impl Iterator<Item = usize> {
        let start = self.by_stem.partition_point(|word| self.stems[*word as usize] < stem);
        let rest = self.by_stem[start..].iter().map(|word| *word as usize);

        rest.take_while(move |word| self.stems[*word] == stem)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.spelling.capacity()
            + self.stems.capacity() * 8
            + (self.ends.capacity() + self.by_stem.capacity() + self.hit_ends.capacity()) * 4
            + self.slots.capacity() * 4
            + self.fields.capacity()
    }

    /// The first word from `start` on for which `holds` is false; it must hold for those before.
    fn first_not(&self, start: usize, holds: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (start, self.len());

        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.word(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(hits: &[(u32, &str)]) -> Postings {
        let mut builder = PostingsBuilder::default();
        for (slot, word) in hits {
            builder.add(*slot, Fields::NAME, word);
        }
        builder.finish()
    }

    fn slots(postings: &Postings, word: &str) -> Vec<u32> {
        let found = postings.find(word).map(|at| postings.hits(at).map(|(slot, _)| slot).collect());

        found.unwrap_or_default()
    }

    #[test]
    fn a_word_is_found_by_itself_by_its_beginning_and_by_its_forms() {
        let postings = built(&[(0, "jacket"), (1, "jackets"), (2, "jack"), (3, "bag")]);

        assert_eq!(slots(&postings, "jacket"), [0]);
        assert_eq!(postings.starting_with("jack").len(), 3);
        assert_eq!(postings.family(words::stem("jacket")).count(), 2);
        assert_eq!(postings.find("zebra"), None);
        assert_eq!(postings.starting_with("zebra").len(), 0);
    }

    #[test]
    fn a_merge_moves_what_is_kept_and_forgets_words_without_a_hit() {
        let (a, b) = (built(&[(0, "bag"), (1, "hat")]), built(&[(0, "bag"), (1, "sock")]));

        let merged = Postings::merged(&[&a, &b], |part, slot| match (part, slot) {
            (0, slot) => Some(slot + 10),
            (_, 0) => Some(20),
            _ => None,
        });

        assert_eq!(slots(&merged, "bag"), [10, 20]);
        assert_eq!(slots(&merged, "hat"), [11]);
        assert_eq!(merged.find("sock"), None);
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        let empty = Postings::default();

        assert_eq!(empty.find(""), None);
        assert!(empty.starting_with("").is_empty());
        assert_eq!(empty.family(0).count(), 0);
    }
}
