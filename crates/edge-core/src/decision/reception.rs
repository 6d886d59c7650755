//! What to ask for where nothing that is kept may be used, and what to do with the answer: its own
//! tags, of which not all are known beforehand, judge it once more.

use domain::coherence::Verdict;
use domain::{CatalogRead, Ref, Seq, Stamp, Tag, TagHash, TagTable};

use super::EntryMeta;
use crate::cache_status::Detail;

/// What to do with an answer that has just arrived, see [`receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    Store,
    /// Older than what this tier knows of its tags: ask once more, for this at least.
    FetchAgain {
        min_seq: Seq,
    },
    /// The origin can't do better now: show it and forget it.
    Pass(Detail),
}

/// What an answer to `read` must at least be stamped with, by the tags that are known beforehand.
pub fn required_seq(
    table: Option<&TagTable>,
    kept: Option<&EntryMeta>,
    read: &CatalogRead,
) -> Option<Seq> {
    table.map(|table| match kept {
        Some(kept) => table.required(&kept.tags),
        None => table.required(&known_tags(read)),
    })
}

/// The tags that an answer to `read` has for certain; the others are known with the answer.
pub fn known_tags(read: &CatalogRead) -> Vec<TagHash> {
    let own = match read {
        CatalogRead::Product(Ref::Id(id)) => Some(Tag::product(*id)),
        CatalogRead::Product(Ref::Slug(slug)) => Some(Tag::slug(slug)),
        CatalogRead::Categories => Some(Tag::CATEGORIES),
        CatalogRead::Featured => Some(Tag::FEATURED),
        CatalogRead::Bestsellers { category: None } => Some(Tag::BESTSELLERS),
        CatalogRead::Bestsellers { category: Some(Ref::Id(id)) } => Some(Tag::bestsellers(*id)),
        CatalogRead::Products(query) | CatalogRead::Search(query) => {
            match (&query.category, &query.collection) {
                (Some(Ref::Id(id)), _) => Some(Tag::category(*id)),
                (None, Some(Ref::Id(id))) => Some(Tag::collection(*id)),
                (None, None) => Some(Tag::PRODUCTS),
                // The slug's id is known with the answer.
                (Some(Ref::Slug(_)), _) | (None, Some(Ref::Slug(_))) => None,
            }
        }
        CatalogRead::Recommendations(_)
        | CatalogRead::Bestsellers { category: Some(Ref::Slug(_)) } => None,
    };

    own.iter().chain([&Tag::CATALOG]).map(Tag::hash).collect()
}

/// Judges a fresh answer once more by its own tags, of which not all could be known before it was
/// asked for. `again` is whether this already is the second answer.
pub fn receive(
    stamp: &Stamp,
    tags: &[TagHash],
    table: Option<&TagTable>,
    again: bool,
) -> Reception {
    match table {
        // It is stored, and judged as soon as there is a table.
        None => Reception::Store,
        // Either of the two logs is the newer one; the table's next refresh will tell.
        Some(table) if stamp.log != *table.log() => Reception::Pass(Detail::LogUnavailable),
        Some(table) if table.judge_seq(stamp.seq, tags).is_valid() => Reception::Store,
        Some(_) if again => Reception::Pass(Detail::Behind),
        Some(table) => Reception::FetchAgain { min_seq: table.required(tags) },
    }
}

/// Whether what is kept stays where an answer with `stamp` has arrived: it is newer, of the same
/// log, and may be used.
pub fn is_outranked(stamp: &Stamp, kept: &EntryMeta, verdict: Verdict) -> bool {
    kept.stamp.log == stamp.log && kept.stamp.seq > stamp.seq && verdict.is_valid()
}

#[cfg(test)]
mod tests {
    use domain::{ChangeRow, LogId, Timestamp};

    use super::*;

    fn table(rows: &[(u64, bool)]) -> TagTable {
        let mut table = TagTable::starting_at(LogId::new("L").unwrap(), Seq(10));
        for (seq, hard) in rows {
            let tags = vec![serde_json::from_str("\"a\"").unwrap()];
            let row = ChangeRow {
                seq: Seq(*seq),
                at: Timestamp::from_millis(0),
                tags,
                changes: Vec::new(),
                hard: *hard,
            };
            table.apply(&row).unwrap();
        }
        table
    }

    #[test]
    fn an_answer_is_judged_again_by_its_own_tags() {
        let tags = [TagHash::of("a")];
        let stamp = |seq| Stamp { log: LogId::new("L").unwrap(), seq: Seq(seq) };
        let table = table(&[(11, false), (12, false)]);

        assert_eq!(receive(&stamp(12), &tags, Some(&table), false), Reception::Store);
        assert_eq!(receive(&stamp(11), &[], Some(&table), false), Reception::Store);
        assert_eq!(
            receive(&stamp(11), &tags, Some(&table), false),
            Reception::FetchAgain { min_seq: Seq(12) }
        );
        assert_eq!(receive(&stamp(11), &tags, Some(&table), true), Reception::Pass(Detail::Behind));
        let foreign = Stamp { log: LogId::new("M").unwrap(), seq: Seq(99) };
        assert_eq!(
            receive(&foreign, &tags, Some(&table), false),
            Reception::Pass(Detail::LogUnavailable)
        );
    }
}
