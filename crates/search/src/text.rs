//! The words of all products, in segments: a change of text adds a small segment beside the large
//! ones, and neighbours of like size are merged, so that `n` changes cost `n log n`.

pub(crate) mod document;
mod markup;
pub(crate) mod postings;
mod query;
pub(crate) mod relevance;
mod typos;
pub(crate) mod words;

use std::sync::Arc;

use crate::bits::Bits;
use document::Documents;
use postings::Postings;

/// Cheap to clone: the postings are shared, and the live bits take a bit a slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextIndex {
    /// From the oldest and largest to the newest.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) postings: Arc<Postings>,
    /// The slots whose current text this is; other hits are left from earlier texts.
    pub(crate) live: Bits,
    live_count: usize,
    /// With those that are no longer live.
    documents: usize,
}

impl TextIndex {
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Forgets the text of a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        for segment in &mut self.segments {
            if segment.live.clear(slot) {
                segment.live_count -= 1;
                break;
            }
        }
    }

    /// Takes the texts of slots that have none, and tidies up after removals.
    pub(crate) fn add(&mut self, texts: Documents) {
        if !texts.slots.is_empty() {
            self.segments.push(Segment::of(texts));
        }
        self.tidy();
    }

    /// The same texts in one segment, each slot where `place` says.
    pub(crate) fn moved(&self, place: impl Fn(u32) -> Option<u32>) -> Self {
        let mut moved = Self::default();

        if !self.segments.is_empty() {
            moved.segments.push(merged(&self.segments, place));
        }
        moved
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let bytes = |segment: &Segment| segment.postings.heap_bytes() + segment.live.heap_bytes();

        self.segments.iter().map(bytes).sum()
    }

    /// Merges the newest segments while they are of like size, and rewrites those that are mostly
    /// dead: at most log₂(products) segments stay, at most half of each is dead.
    fn tidy(&mut self) {
        while let [.., older, newer] = self.segments.as_slice() {
            if older.documents > 2 * newer.documents {
                break;
            }
            let both = merged(&self.segments[self.segments.len() - 2..], Some);
            self.segments.truncate(self.segments.len() - 2);
            self.segments.push(both);
        }
        for segment in &mut self.segments {
            if segment.live_count * 2 < segment.documents {
                *segment = merged(std::slice::from_ref(segment), Some);
            }
        }
        self.segments.retain(|segment| segment.live_count > 0);
    }
}

impl Segment {
    fn of(Documents { postings, slots }: Documents) -> Self {
        let mut live = Bits::default();
        slots.iter().for_each(|slot| live.set(*slot));

        Self {
            postings: Arc::new(postings.finish()),
            live,
            live_count: slots.len(),
            documents: slots.len(),
        }
    }
}

fn merged(segments: &[Segment], place: impl Fn(u32) -> Option<u32>) -> Segment {
    let parts: Vec<&Postings> = segments.iter().map(|segment| &*segment.postings).collect();
    let mut live = Bits::default();
    let live_count = segments.iter().map(|segment| segment.live_count).sum();

    for segment in segments {
        segment.live.ones().filter_map(&place).for_each(|slot| live.set(slot));
    }
    let postings = Postings::merged(&parts, |part, slot| {
        segments[part].live.contains(slot).then(|| place(slot)).flatten()
    });

    Segment { postings: Arc::new(postings), live, live_count, documents: live_count }
}
