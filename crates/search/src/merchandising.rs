//! Merchandising: bestsellers, and recommendations for a product.

use std::cmp::Reverse;

use domain::{Availability, CategoryId, ProductId, Ref};

use crate::bits::Bits;
use crate::entry::Card;
use crate::rows::RowRef;
use crate::selection::Selection;
use crate::snapshot::{CatalogSnapshot, Unknown};

/// Weights of what two products have in common. The category counts most; an equal attribute value
/// (`style`: `backpack`) counts more than a word that both names happen to contain.
const SAME_CATEGORY: u32 = 40;
const SAME_PARENT: u32 = 15;
const SHARED_LABEL: u32 = 20;
const SHARED_WORD: u32 = 12;
/// For an equal price; half the price or twice the price gets half of it.
const EQUAL_PRICE: i64 = 20;

impl CatalogSnapshot {
    /// Whether there is a ranking of the shop's or the category's products.
    pub fn has_ranking(&self, category: Option<CategoryId>) -> bool {
        self.rankings.get(&category).is_some_and(|ranking| !ranking.is_empty())
    }

    /// At most `most` products in the order of the ranking. Without a ranking (nothing was sold yet)
    /// the featured products come first, then the newest ones in stock.
    pub fn bestsellers(
        &self,
        category: Option<&Ref<CategoryId>>,
        most: usize,
    ) -> Result<Vec<Card>, Unknown> {
        let category = category.map(|category| self.category(category)).transpose()?;
        let id = category.map(|category| category.id);
        let within = id.map(|id| self.categories.within(id));
        let belongs = |row: RowRef<'_>| {
            row.row.is_visible()
                && within.as_ref().is_none_or(|within| within.contains(row.row.category))
        };
        if let Some(ranking) = self.rankings.get(&id).filter(|ranking| !ranking.is_empty()) {
            let rows = ranking.iter().filter_map(|id| self.row(*id)).filter(|row| belongs(*row));
            return Ok(rows.take(most).map(|row| self.card_of(row)).collect());
        }

        let mut seen = Bits::default();
        let mut found: Vec<_> = self
            .featured
            .iter()
            .filter_map(|id| self.row(*id))
            .filter(|row| belongs(*row))
            .filter(|row| seen.insert(row.slot))
            .take(most)
            .collect();
        let mut newest = Selection::of(most - found.len());
        let in_stock = |row: &RowRef<'_>| row.row.availability != Availability::Out;
        for row in self.rows.iter().filter(in_stock).filter(|row| belongs(*row)) {
            if !seen.contains(row.slot) {
                newest.offer(Reverse(row.row.id), row.slot);
            }
        }
        found.extend(newest.sorted().iter().filter_map(|(_, slot)| self.rows.get(*slot)));

        Ok(found.into_iter().map(|row| self.card_of(row)).collect())
    }

    /// At most `most` products, the most similar to a published one first, and those in stock before
    /// those out of stock. They come from its category and the categories beside it, or from the
    /// smallest larger part of the shop with enough products in stock. `None` when the product does
    /// not exist or is not published.
    pub fn recommendations(&self, id: ProductId, most: usize) -> Option<Recommendations> {
        let reference = Reference::of(self.shown(id)?, self);
        let within = self.scope_of(reference.row, most);
        let part = within.map(|category| self.categories.within(category));
        let belongs = |row: &RowRef<'_>| {
            row.row.is_visible()
                && row.row.id != id
                && part.as_ref().is_none_or(|part| part.contains(row.row.category))
        };
        let mut closest = Selection::of(most);

        for candidate in self.rows.iter().filter(belongs) {
            let is_out = candidate.row.availability == Availability::Out;
            let similarity = reference.similarity(candidate);
            closest.offer((is_out, Reverse(similarity), Reverse(candidate.row.id)), candidate.slot);
        }
        let closest = closest.sorted();
        let rows = closest.iter().filter_map(|(_, slot)| self.rows.get(*slot));

        Some(Recommendations { cards: rows.map(|row| self.card_of(row)).collect(), within })
    }

    /// The smallest category at or above the parent of the row's own that has `enough` other
    /// products in stock.
    fn scope_of(&self, row: RowRef<'_>, enough: usize) -> Option<CategoryId> {
        let own = self.categories.get(row.row.category)?;
        let mut in_stock = vec![0; self.categories.len()];
        for other in self.rows.iter().filter(|other| other.row.is_visible()) {
            let counts = other.row.availability != Availability::Out && other.slot != row.slot;
            in_stock[other.row.category as usize] += usize::from(counts);
        }
        let holds_enough = |category: &CategoryId| {
            let part = self.categories.within(*category);
            let counts = (0..).zip(&in_stock).filter(|(number, _)| part.contains(*number));
            counts.map(|(_, count)| count).sum::<usize>() >= enough
        };

        self.tree().lineage(own.parent.unwrap_or(own.id)).into_iter().find(holds_enough)
    }
}

/// Products that are similar to one.
#[derive(Clone, Debug)]
pub struct Recommendations {
    pub cards: Vec<Card>,
    /// Only changes in this category or below can change them; `None` is the whole shop.
    pub within: Option<CategoryId>,
}

/// The product for which candidates are compared.
struct Reference<'a> {
    row: RowRef<'a>,
    /// The categories beside its own, under the same parent.
    siblings: Bits,
}

impl<'a> Reference<'a> {
    fn of(row: RowRef<'a>, snapshot: &CatalogSnapshot) -> Self {
        let parent = snapshot.categories.get(row.row.category).and_then(|category| category.parent);
        let siblings = parent.map(|parent| snapshot.categories.within(parent)).unwrap_or_default();

        Self { row, siblings }
    }

    fn similarity(&self, candidate: RowRef<'_>) -> u32 {
        let category = if candidate.row.category == self.row.row.category {
            SAME_CATEGORY
        } else if self.siblings.contains(candidate.row.category) {
            SAME_PARENT
        } else {
            0
        };

        category
            + SHARED_LABEL * shared(self.row.labels, candidate.labels)
            + SHARED_WORD * shared(self.row.words, candidate.words)
            + price_similarity(self.row.row.price, candidate.row.price)
    }
}

fn shared(these: &[u32], those: &[u32]) -> u32 {
    these.iter().filter(|number| those.contains(number)).count() as u32
}

/// [`EQUAL_PRICE`] times the ratio of the lower price to the higher one.
fn price_similarity(one: i64, other: i64) -> u32 {
    let (lower, higher) = (one.min(other).max(0), one.max(other).max(1));

    u32::try_from(i128::from(lower) * i128::from(EQUAL_PRICE) / i128::from(higher)).unwrap_or(0)
}
