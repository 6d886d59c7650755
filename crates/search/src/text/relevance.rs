//! Which products match what was typed, and how well.
//!
//! A score depends on the product and the query alone, never on how frequent a word is in the
//! shop: every process, and every page of one list, agrees on the order, no matter in which order changes were indexed.
//! Scores are integers.

use super::postings::{Fields, Postings};
use super::query::{Joined, Query, Word};
use super::{TextIndex, typos};
use crate::bits::Bits;
use crate::categories::Categories;
use crate::rows::Rows;

/// What a hit in each field is worth. A SKU says most, a description least.
const WEIGHTS: [(Fields, u32); 6] = [
    (Fields::SKU, 120),
    (Fields::NAME, 100),
    (Fields::BRAND, 60),
    (Fields::CATEGORY, 50),
    (Fields::ATTRIBUTES, 50),
    (Fields::DESCRIPTION, 16),
];

/// How well a word matches; multiplies the field's weight. A whole word in a description beats
/// the beginning of a word in a name, and any of them beats a correction.
mod quality {
    pub(super) const EXACT: u32 = 16;
    pub(super) const SAME_STEM: u32 = 14;
    pub(super) const BEGINNING: u32 = 2;
    pub(super) const ONE_SLIP: u32 = 8;
    pub(super) const TWO_SLIPS: u32 = 6;
    pub(super) const UNFINISHED_SLIP: u32 = 1;
}

/// Shared among the words of a name: a name that is nothing but the query gets all of it.
const NAME_COVERED: u32 = 320;
/// For two words that stand beside each other in the name as in the query.
const NEIGHBOURS: u32 = 160;
/// A whole SKU names exactly one product; above any other hit.
const WHOLE_SKU: u32 = 1 << 14;
/// Products with more of the words come first when none has them all; above any sum of the rest.
const WORD_FOUND: u32 = 1 << 20;

/// What the search looks through.
#[derive(Clone, Copy)]
pub(crate) struct Corpus<'a> {
    pub(crate) text: &'a TextIndex,
    pub(crate) categories: &'a Categories,
    pub(crate) rows: &'a Rows,
    /// The slots that may be found; words that only others have count as unknown.
    pub(crate) visible: &'a Bits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) slot: u32,
    pub(crate) score: u32,
}

/// All products that match, by no particular order. Those with all words; if there is none,
/// those with most of at least half of them.
pub(crate) fn search(corpus: Corpus<'_>, q: &str) -> Vec<Match> {
    let query = Query::parse(q);
    if query.needed == 0 {
        return Vec::new();
    }
    let mut tally = Tally::new(corpus);
    let joined: Vec<_> = query.joined().map(|joined| tally.joined(&joined)).collect();
    let known = joined.iter().filter(|joined| !joined.hits.is_empty());
    let known = known.fold(0, |known, joined| known | joined.words);

    for (at, word) in query.needed_words() {
        tally.word(at, word, known >> at & 1 == 1);
    }
    for joined in joined {
        tally.add_joined(&joined);
    }
    tally.finish(&query)
}

struct JoinedHits {
    words: u16,
    hits: Vec<Match>,
}

/// Adds up what each slot has matched.
struct Tally<'a> {
    corpus: Corpus<'a>,
    /// The best hit of the current word, by slot.
    best: Vec<u32>,
    /// The slots that it hit.
    hit: Vec<u32>,
    /// The best hit of the current word, by category.
    categories: Vec<u32>,
    /// Over all words so far, by slot.
    sums: Vec<Sum>,
    /// The slots that any word hit.
    found: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    score: u32,
    words: u16,
}

impl<'a> Tally<'a> {
    fn new(corpus: Corpus<'a>) -> Self {
        let slots = corpus.rows.slots() as usize;

        Self {
            corpus,
            best: vec![0; slots],
            hit: Vec::new(),
            categories: vec![0; corpus.categories.len()],
            sums: vec![Sum::default(); slots],
            found: Vec::new(),
        }
    }

    fn joined(&mut self, joined: &Joined) -> JoinedHits {
        self.spelled(&joined.word);
        let hits = self.take_hits();

        JoinedHits { words: joined.words, hits }
    }

    fn word(&mut self, at: usize, word: &Word, known: bool) {
        self.spelled(word);
        if self.hit.is_empty() && !known {
            self.corrected(word);
        }

        for Match { slot, score } in self.take_hits() {
            let sum = self.sum(slot);
            sum.score += score;
            sum.words |= 1 << at;
        }
    }

    /// A joined word stands for each of its words that was not found by itself; where all of them
    /// were, having it too shows that they belong together.
    fn add_joined(&mut self, joined: &JoinedHits) {
        for Match { slot, score } in &joined.hits {
            let sum = self.sum(*slot);
            sum.score += score * (joined.words & !sum.words).count_ones().max(1);
            sum.words |= joined.words;
        }
    }

    /// Hits of the word itself, of its other forms, and of what begins with it if it is open.
    fn spelled(&mut self, word: &Word) {
        self.each_dictionary(|tally, dictionary| {
            if let Some(at) = dictionary.postings.find(&word.text) {
                tally.take(dictionary, at, quality::EXACT);
            }
            for at in dictionary.postings.family(word.stem) {
                tally.take(dictionary, at, quality::SAME_STEM);
            }
            if word.open {
                for at in dictionary.postings.starting_with(&word.text) {
                    tally.take(dictionary, at, quality::BEGINNING);
                }
            }
        });
        self.spread_categories();
    }

    /// Hits of the nearest words there are.
    fn corrected(&mut self, word: &Word) {
        let mut near = Vec::new();
        self.each_dictionary(|_, dictionary| {
            let found = typos::near(dictionary.postings, &word.text, word.open);
            let stems = found.iter().map(|found| dictionary.postings.stem(found.word));
            let levels = found.iter().map(|found| (found.unfinished, found.distance));
            near.extend(levels.zip(stems));
        });
        near.sort_unstable();
        near.dedup();

        for level in near.chunk_by(|(a, _), (b, _)| a == b) {
            let quality = match level[0].0 {
                (true, _) => quality::UNFINISHED_SLIP,
                (false, ..=1) => quality::ONE_SLIP,
                (false, _) => quality::TWO_SLIPS,
            };
            for (_, stem) in level {
                self.each_dictionary(|tally, dictionary| {
                    for at in dictionary.postings.family(*stem) {
                        tally.take_corrected(dictionary, at, quality);
                    }
                });
            }
            self.spread_categories();
            if !self.hit.is_empty() {
                return;
            }
        }
    }

    fn each_dictionary(&mut self, mut visit: impl FnMut(&mut Self, Dictionary<'a>)) {
        for segment in self.corpus.text.segments() {
            visit(self, Dictionary { postings: &segment.postings, live: Some(&segment.live) });
        }
        visit(self, Dictionary { postings: self.corpus.categories.words(), live: None });
    }

    fn take(&mut self, dictionary: Dictionary<'_>, at: usize, quality: u32) {
        for (slot, fields) in dictionary.postings.hits(at) {
            let whole = quality == quality::EXACT && fields.0 & Fields::SKU.0 != 0;
            let score = worth(fields) * quality + if whole { WHOLE_SKU } else { 0 };
            self.take_hit(dictionary, slot, score);
        }
    }

    /// A SKU that is nearly the one that was typed is another product's.
    fn take_corrected(&mut self, dictionary: Dictionary<'_>, at: usize, quality: u32) {
        for (slot, fields) in dictionary.postings.hits(at) {
            let fields = Fields(fields.0 & !Fields::SKU.0);
            self.take_hit(dictionary, slot, worth(fields) * quality);
        }
    }

    fn take_hit(&mut self, dictionary: Dictionary<'_>, slot: u32, score: u32) {
        match dictionary.live {
            Some(live) => {
                if live.contains(slot) {
                    self.take_slot(slot, score);
                }
            }
            None => {
                let best = &mut self.categories[slot as usize];
                *best = score.max(*best);
            }
        }
    }

    fn take_slot(&mut self, slot: u32, score: u32) {
        if score == 0 || !self.corpus.visible.contains(slot) {
            return;
        }
        let best = &mut self.best[slot as usize];
        if *best == 0 {
            self.hit.push(slot);
        }
        *best = score.max(*best);
    }

    /// Gives the products of each category what its name was hit with.
    fn spread_categories(&mut self) {
        if self.categories.iter().all(|score| *score == 0) {
            return;
        }
        let rows = self.corpus.rows;
        for row in rows.iter() {
            if let Some(score) = self.categories.get(row.row.category as usize).copied() {
                self.take_slot(row.slot, score);
            }
        }
        self.categories.fill(0);
    }

    fn take_hits(&mut self) -> Vec<Match> {
        let best = &mut self.best;
        let hits = self.hit.drain(..);

        hits.map(|slot| Match { slot, score: std::mem::take(&mut best[slot as usize]) }).collect()
    }

    fn sum(&mut self, slot: u32) -> &mut Sum {
        let sum = &mut self.sums[slot as usize];
        if sum.words == 0 {
            self.found.push(slot);
        }
        sum
    }

    fn finish(self, query: &Query) -> Vec<Match> {
        let words = |slot: &u32| self.sums[*slot as usize].words;
        let all = query.needed.count_ones();
        let complete = self.found.iter().any(|slot| words(slot) == query.needed);
        let enough = if complete { all } else { all.div_ceil(2) };
        let enough = self.found.iter().filter(|slot| words(slot).count_ones() >= enough);

        enough
            .map(|slot| {
                let Sum { score, words } = self.sums[*slot as usize];
                let score = score + self.name_bonus(*slot, query) + words.count_ones() * WORD_FOUND;
                Match { slot: *slot, score }
            })
            .collect()
    }

    fn name_bonus(&self, slot: u32, query: &Query) -> u32 {
        let Some(row) = self.corpus.rows.get(slot) else { return 0 };
        let place = |word: &Word| row.words.iter().position(|stem| *stem == word.stem as u32);
        let mut covered = 0;
        let mut neighbours = 0;
        let mut before = None;

        for (_, word) in query.needed_words() {
            let at = place(word);
            covered += u32::from(at.is_some());
            neighbours += u32::from(at.is_some() && before.map(|before| before + 1) == at);
            before = at;
        }
        let longer = row.words.len().max(query.needed.count_ones() as usize).max(1) as u32;

        NAME_COVERED * covered / longer + NEIGHBOURS * neighbours
    }
}

/// One segment's words, or those of the categories (whose slots are categories).
#[derive(Clone, Copy)]
struct Dictionary<'a> {
    postings: &'a Postings,
    live: Option<&'a Bits>,
}

/// The best field counts in full, the others for a quarter.
const fn worth(fields: Fields) -> u32 {
    WORTH[fields.0 as usize % Fields::SETS]
}

const WORTH: [u32; Fields::SETS] = {
    let mut worth = [0; Fields::SETS];
    let mut set = 0;

    while set < Fields::SETS {
        let (mut sum, mut best, mut at) = (0, 0, 0);
        while at < WEIGHTS.len() {
            let (field, weight) = WEIGHTS[at];
            if set & field.0 as usize != 0 {
                sum += weight;
                if weight > best {
                    best = weight;
                }
            }
            at += 1;
        }
        worth[set] = best + (sum - best) / 4;
        set += 1;
    }
    worth
};
