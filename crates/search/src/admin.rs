//! The admin's list of products: drafts too, newest first.

use std::cmp::Reverse;

use domain::{CategoryId, ProductId, Status};

use crate::bits::Bits;
use crate::entry::Card;
use crate::rows::RowRef;
use crate::selection::Selection;
use crate::snapshot::CatalogSnapshot;
use crate::text::relevance::{self, Match};

/// One page of the admin's list.
#[derive(Clone, Debug)]
pub struct AdminPage {
    pub cards: Vec<Card>,
    /// Products on all pages together.
    pub total: u64,
    /// The page after this one comes after this product; `None` behind the last.
    pub next: Option<ProductId>,
}

impl CatalogSnapshot {
    /// All products, or those of one status, or those that `q` finds as shoppers would; the newest
    /// first, after `after` if it is given.
    pub fn admin_list(
        &self,
        status: Option<Status>,
        q: Option<&str>,
        after: Option<ProductId>,
        limit: usize,
    ) -> AdminPage {
        let mut total = 0;
        let mut newest = Selection::of(limit.saturating_add(1));
        let mut take = |row: RowRef<'_>| {
            if status.is_none_or(|status| row.row.status == status) {
                total += 1;
                if after.is_none_or(|after| row.row.id < after) {
                    newest.offer(Reverse(row.row.id), row.slot);
                }
            }
        };

        match q {
            Some(q) => {
                let found = self.search_all(q);
                found.iter().filter_map(|found| self.rows.get(found.slot)).for_each(&mut take);
            }
            None => self.rows.iter().for_each(&mut take),
        }
        let mut shown = newest.sorted();
        let more = shown.len() > limit;
        shown.truncate(limit);
        let next = shown.last().filter(|_| more).map(|(Reverse(id), _)| *id);
        let rows = shown.iter().filter_map(|(_, slot)| self.rows.get(*slot));

        AdminPage { cards: rows.map(|row| self.card_of(row)).collect(), total, next }
    }

    /// Whether any product, a draft too, is in the category itself.
    pub fn holds_products(&self, category: CategoryId) -> bool {
        self.rows.iter().any(|row| row.entry.category == category)
    }

    fn search_all(&self, q: &str) -> Vec<Match> {
        let mut all = Bits::default();
        self.rows.iter().for_each(|row| all.set(row.slot));

        relevance::search(self.corpus(&all), q)
    }
}
