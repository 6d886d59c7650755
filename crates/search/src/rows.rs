//! What filters, facets and orders look at: a row for each product, in chunks that snapshots share.

use std::sync::Arc;

use domain::{Availability, ProductId, Status};

use crate::entry::Entry;

/// Rows a chunk. Replacing one row copies its chunk: about 30 KB, some microseconds.
const CHUNK: usize = 512;

/// A category that is not in the tree; such a product is not listed.
pub(crate) const NO_CATEGORY: u32 = u32::MAX;

/// By slot: a product keeps its slot for as long as it is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    chunks: Vec<Arc<Chunk>>,
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    rows: Vec<Row>,
    entries: Vec<Option<Arc<Entry>>>,
    /// The labels and name words of all rows, each row's behind the other.
    pool: Vec<u32>,
    /// Numbers in the pool that no row points to any more.
    garbage: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: ProductId,
    /// The leading price, in minor units.
    pub(crate) price: i64,
    /// The first eight bytes of the name as it sorts; settles most comparisons.
    pub(crate) name: u64,
    /// Its number in [`crate::categories::Categories`].
    pub(crate) category: u32,
    pub(crate) status: Status,
    pub(crate) availability: Availability,
    /// A price before reduction is shown.
    pub(crate) on_sale: bool,
    pool: u32,
    labels: u16,
    words: u16,
}

/// A row with what hangs on it.
#[derive(Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub(crate) slot: u32,
    pub(crate) row: &'a Row,
    /// Numbers in [`crate::labels::Labels`].
    pub(crate) labels: &'a [u32],
    /// The stems of its name's words in order, without stop words.
    pub(crate) words: &'a [u32],
    pub(crate) entry: &'a Arc<Entry>,
}

/// A row to be, before its place is known.
pub(crate) struct NewRow {
    pub(crate) price: i64,
    pub(crate) on_sale: bool,
    pub(crate) category: u32,
    pub(crate) availability: Availability,
    pub(crate) labels: Vec<u32>,
    pub(crate) words: Vec<u32>,
    pub(crate) entry: Arc<Entry>,
}

impl NewRow {
    /// The same row with other numbers for its labels.
    pub(crate) fn again(row: RowRef<'_>, labels: Vec<u32>) -> Self {
        Self {
            price: row.row.price,
            on_sale: row.row.on_sale,
            category: row.row.category,
            availability: row.row.availability,
            labels,
            words: row.words.to_vec(),
            entry: Arc::clone(row.entry),
        }
    }
}

impl Row {
    /// Whether shoppers may see it.
    pub(crate) fn is_visible(&self) -> bool {
        self.status == Status::Published && self.category != NO_CATEGORY
    }
}

impl Rows {
    /// One more than the highest slot.
    pub(crate) fn slots(&self) -> u32 {
        let last = self.chunks.last().map_or(0, |chunk| chunk.rows.len());

        (self.chunks.len().saturating_sub(1) * CHUNK + last) as u32
    }

    pub(crate) fn get(&self, slot: u32) -> Option<RowRef<'_>> {
        let (chunk, at) = place(slot);

        self.chunks.get(chunk)?.get(slot, at)
    }

    /// All rows, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        self.chunks.iter().enumerate().flat_map(|(chunk, rows)| {
            (0..rows.rows.len()).filter_map(move |at| rows.get((chunk * CHUNK + at) as u32, at))
        })
    }

    /// Puts a row into a slot: one that is free, one that it replaces, or the next.
    pub(crate) fn put(&mut self, slot: u32, new: &NewRow) {
        let (chunk, at) = place(slot);
        if chunk == self.chunks.len() {
            self.chunks.push(Arc::default());
        }

        Arc::make_mut(&mut self.chunks[chunk]).put(at, new);
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let (chunk, at) = place(slot);

        Arc::make_mut(&mut self.chunks[chunk]).drop_row(at);
    }

    /// Writes the number of each row's category anew.
    pub(crate) fn renumber_categories(&mut self, number: impl Fn(&Entry) -> u32) {
        for chunk in &mut self.chunks {
            let chunk = Arc::make_mut(chunk);
            for (row, entry) in chunk.rows.iter_mut().zip(&chunk.entries) {
                row.category = entry.as_deref().map_or(NO_CATEGORY, &number);
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let bytes = |chunk: &Arc<Chunk>| {
            let entries = chunk.entries.iter().flatten().map(|entry| entry.bytes()).sum::<usize>();
            let rows = chunk.rows.capacity() * (size_of::<Row>() + size_of::<usize>());

            entries + rows + chunk.pool.capacity() * 4
        };

        self.chunks.iter().map(bytes).sum()
    }
}

impl Chunk {
    fn get(&self, slot: u32, at: usize) -> Option<RowRef<'_>> {
        let (row, entry) = (self.rows.get(at)?, self.entries[at].as_ref()?);
        let pooled =
            &self.pool[row.pool as usize..][..usize::from(row.labels) + usize::from(row.words)];
        let (labels, words) = pooled.split_at(usize::from(row.labels));

        Some(RowRef { slot, row, labels, words, entry })
    }

    fn put(&mut self, at: usize, new: &NewRow) {
        let entry = Some(Arc::clone(&new.entry));
        // More than 65,535 attributes would only be missing in filters.
        let labels = &new.labels[..new.labels.len().min(usize::from(u16::MAX))];
        let words = &new.words[..new.words.len().min(usize::from(u16::MAX))];
        let row = Row {
            id: new.entry.id,
            price: new.price,
            name: new.entry.name_key(),
            category: new.category,
            status: new.entry.status,
            availability: new.availability,
            on_sale: new.on_sale,
            pool: self.pool.len() as u32,
            labels: labels.len() as u16,
            words: words.len() as u16,
        };
        self.pool.extend(labels.iter().chain(words));

        if at == self.rows.len() {
            self.rows.push(row);
            self.entries.push(entry);
        } else {
            self.drop_row(at);
            self.rows[at] = row;
            self.entries[at] = entry;
        }
        self.collect_garbage();
    }

    fn drop_row(&mut self, at: usize) {
        if self.entries[at].take().is_some() {
            let row = &mut self.rows[at];
            self.garbage += usize::from(row.labels) + usize::from(row.words);
            row.labels = 0;
            row.words = 0;
        }
    }

    fn collect_garbage(&mut self) {
        if self.garbage <= self.pool.len() / 2 + CHUNK {
            return;
        }
        let mut pool = Vec::with_capacity(self.pool.len() - self.garbage);

        for row in &mut self.rows {
            let start = row.pool as usize;
            row.pool = pool.len() as u32;
            pool.extend(
                &self.pool[start..start + usize::from(row.labels) + usize::from(row.words)],
            );
        }
        self.pool = pool;
        self.garbage = 0;
    }
}

const fn place(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}
