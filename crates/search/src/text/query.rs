//! What was typed, taken apart: plain words, never a query language.

use super::words::{fold, is_stop_word, stem, words};

/// Longer queries are cut: the sixteenth word of a search box changes nothing.
const WORDS_MAX: usize = 16;
/// In characters; four times what a shopper's `q` may have.
const Q_MAX: usize = 256;

/// What was typed, as words.
pub(super) struct Query {
    words: Vec<Word>,
    /// Chunks of several words, as ranges: `abc-12-x`.
    chunks: Vec<(usize, usize)>,
    /// A bit for each word that must match.
    pub(super) needed: u16,
}

pub(super) struct Word {
    pub(super) text: String,
    pub(super) stem: u64,
    /// It is the last one, so it may be the beginning of a longer one.
    pub(super) open: bool,
}

/// Neighbouring words without the gap: `t shirt` finds `tshirt`, `ab-12` the SKU `AB12`.
pub(super) struct Joined {
    pub(super) word: Word,
    /// The needed words that it stands for.
    pub(super) words: u16,
}

impl Query {
    pub(super) fn parse(q: &str) -> Self {
        let q: String = q.chars().take(Q_MAX).collect();
        let mut found: Vec<(String, usize)> = Vec::new();
        words(&fold(&q), |word, chunk| found.push((word.to_owned(), chunk)));
        let last = found.len().saturating_sub(1);
        found.truncate(WORDS_MAX);

        let mut chunks: Vec<(usize, usize)> = Vec::new();
        for chunk in found.chunk_by(|(_, a), (_, b)| a == b) {
            let start = chunks.last().map_or(0, |(_, end)| *end);
            chunks.push((start, start + chunk.len()));
        }
        let bits = |which: &dyn Fn(&str) -> bool| {
            let words = found.iter().enumerate().filter(|(_, (word, _))| which(word));
            words.fold(0, |bits, (at, _)| bits | 1 << at)
        };
        let telling = bits(&|word| !is_stop_word(word));
        let needed = if telling == 0 { bits(&|_| true) } else { telling };
        let words = found.into_iter().enumerate();
        let words = words.map(|(at, (text, _))| Word::new(text, at == last)).collect();

        Self { words, chunks, needed }
    }

    /// The words that must match, with their places.
    pub(super) fn needed_words(&self) -> impl Iterator<Item = (usize, &Word)> {
        self.words.iter().enumerate().filter(|(at, _)| self.needed >> at & 1 == 1)
    }

    /// Each pair of neighbours, each chunk, and the whole.
    pub(super) fn joined(&self) -> impl Iterator<Item = Joined> {
        let pairs = (1..self.words.len()).map(|at| (at - 1, at + 1));
        let longer = self.chunks.iter().copied().chain([(0, self.words.len())]);
        let mut longer: Vec<_> = longer.filter(|(start, end)| end - start > 2).collect();
        longer.dedup();

        let joined = pairs.chain(longer).map(|(start, end)| {
            let text = self.words[start..end].iter().map(|word| word.text.as_str()).collect();
            let words = (start..end).fold(0, |words, at| words | 1 << at) & self.needed;
            Joined { word: Word::new(text, self.words[end - 1].open), words }
        });

        joined.filter(|joined| joined.words != 0)
    }
}

impl Word {
    fn new(text: String, open: bool) -> Self {
        Self { stem: stem(&text), text, open }
    }
}
