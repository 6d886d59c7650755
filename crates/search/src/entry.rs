//! A product as lists show it: its card, serialised once.

use std::fmt;
use std::sync::Arc;

use domain::api::{CardView, CategoryLink};
use domain::cursor::TEXT_MAX;
use domain::{
    CatalogProduct, Category, CategoryId, CategoryTree, ProductId, Status, Timestamp, VariantId,
};

use crate::text::words::fold;

/// The JSON has a gap where the category goes, so that renaming one touches no card.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: ProductId,
    pub(crate) category: CategoryId,
    pub(crate) status: Status,
    pub(crate) version: u64,
    pub(crate) variants: Box<[VariantVersions]>,
    /// The name as it sorts: folded, at most [`TEXT_MAX`] bytes.
    pub(crate) sort_name: Box<str>,
    /// What the text index knows of it; equal when nothing changed there.
    pub(crate) text: u64,
    json: Box<[u8]>,
    gap: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct VariantVersions {
    pub(crate) id: VariantId,
    pub(crate) version: u64,
    /// Of the stock level that its availability was worked out from.
    pub(crate) level: u64,
}

/// A product in a list; cheap to clone.
#[derive(Clone)]
pub struct Card {
    entry: Arc<Entry>,
    category: Arc<[u8]>,
}

impl Entry {
    /// `None` without a variant, which no committed state has.
    pub(crate) fn of(listed: &CatalogProduct, text: u64) -> Option<Self> {
        let product = &listed.product;
        let (placeholder, tree) = placeholder_category(product.category);
        let card = CardView::of(listed, &tree)?;
        let mut json = serde_json::to_vec(&card).expect("a card has text keys alone");
        let category = serde_json::to_vec(&CategoryLink::of(&placeholder)).expect("as has a link");
        let gap = gap(&json, &category).expect("a card has its category");
        json.drain(gap..gap + category.len());

        Some(Self {
            id: product.id,
            category: product.category,
            status: product.status,
            version: product.version,
            variants: listed.variants.iter().map(VariantVersions::of).collect(),
            sort_name: sort_name(&product.name),
            text,
            json: json.into(),
            gap,
        })
    }

    /// The first bytes of the name, so that comparing the numbers compares the names.
    pub(crate) fn name_key(&self) -> u64 {
        name_key(&self.sort_name)
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.json.len()
            + self.sort_name.len()
            + self.variants.len() * size_of::<VariantVersions>()
    }
}

impl VariantVersions {
    fn of(variant: &domain::Variant) -> Self {
        Self { id: variant.id, version: variant.version, level: variant.level_version }
    }
}

impl Card {
    pub(crate) fn new(entry: &Arc<Entry>, category: &Arc<[u8]>) -> Self {
        Self { entry: Arc::clone(entry), category: Arc::clone(category) }
    }

    pub fn id(&self) -> ProductId {
        self.entry.id
    }

    pub fn status(&self) -> Status {
        self.entry.status
    }

    pub fn version(&self) -> u64 {
        self.entry.version
    }

    pub fn category(&self) -> CategoryId {
        self.entry.category
    }

    /// Appends the card's JSON, just as [`CardView`] serialises.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let (head, tail) = self.entry.json.split_at(self.entry.gap);

        out.extend_from_slice(head);
        out.extend_from_slice(&self.category);
        out.extend_from_slice(tail);
    }

    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.json_len());
        self.write_json(&mut json);

        json
    }

    /// In bytes.
    pub fn json_len(&self) -> usize {
        self.entry.json.len() + self.category.len()
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Card").field(&self.entry.id).finish()
    }
}

pub(crate) fn name_key(sort_name: &str) -> u64 {
    let mut key = [0; 8];
    let length = sort_name.len().min(8);
    key[..length].copy_from_slice(&sort_name.as_bytes()[..length]);

    u64::from_be_bytes(key)
}

fn sort_name(name: &str) -> Box<str> {
    let folded = fold(name.trim());
    let end = (0..=TEXT_MAX.min(folded.len())).rev().find(|end| folded.is_char_boundary(*end));

    folded[..end.unwrap_or(0)].into()
}

/// A tree with this one category, by which the card is made before its real one is known.
fn placeholder_category(id: CategoryId) -> (Category, CategoryTree) {
    let category = Category {
        id,
        slug: "category".parse().expect("it is a slug"),
        name: String::new(),
        parent: None,
        position: 0,
        version: 0,
        updated_at: Timestamp::default(),
    };

    (category.clone(), CategoryTree::new([category]))
}

/// Where the category stands. Quotes within text are escaped, so nothing else can look like it.
fn gap(json: &[u8], category: &[u8]) -> Option<usize> {
    let key: &[u8] = b",\"category\":";
    let found = json.windows(key.len()).position(|window| window == key)? + key.len();

    json[found..].starts_with(category).then_some(found)
}
