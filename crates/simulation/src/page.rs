//! Pages of rows: where a row stands in an order, and what of a range fits on a page.

use ports::{Attributes, Direction, IndexDefinition, Key, Page, PageToken, Row, SortRange};

/// Where a page ends early, as DynamoDB's does (1 MB).
const PAGE_BYTES_MAX: usize = 1_024 * 1_024;

/// An order of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Of a scan: partition by partition.
    Table,
    /// Of one partition.
    Partition,
    Index(&'static IndexDefinition),
}

/// A row's place in its order; rows with equal sort attributes stand by their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place<'a> {
    sort: &'a str,
    pk: &'a str,
    sk: &'a str,
}

/// An item with the length of its text.
#[derive(Clone, Debug)]
pub(crate) struct StoredItem {
    pub attributes: Attributes,
    pub bytes: usize,
}

impl Order {
    /// `None` for an item that is not in the index.
    pub fn place<'a>(self, key: &'a Key, attributes: &'a Attributes) -> Option<Place<'a>> {
        let sort = match self {
            Self::Table => "",
            Self::Partition => &key.sk,
            Self::Index(index) => attributes.text(index.sort)?,
        };

        Some(Place { sort, pk: &key.pk, sk: &key.sk })
    }

    /// Where a token says that the page before ended; `None` if it is of another query.
    pub fn place_of_token<'a>(self, token: &'a PageToken, partition: &str) -> Option<Place<'a>> {
        let sort = match (self, &token.index) {
            (Self::Table, None) => "",
            (Self::Partition, None) if token.pk == partition => &token.sk,
            (Self::Index(_), Some((of, sort))) if of == partition => sort,
            _ => return None,
        };

        Some(Place { sort, pk: &token.pk, sk: &token.sk })
    }

    pub fn token(self, row: &Row) -> PageToken {
        let index = match self {
            Self::Table | Self::Partition => None,
            Self::Index(index) => {
                let text = |name| row.attributes.text(name).unwrap_or_default().to_owned();
                Some((text(index.partition), text(index.sort)))
            }
        };

        PageToken { pk: row.key.pk.clone(), sk: row.key.sk.clone(), index }
    }
}

impl Place<'_> {
    /// Whether it comes after another one in a direction.
    pub fn is_beyond(&self, other: &Self, direction: Direction) -> bool {
        match direction {
            Direction::Ascending => self > other,
            Direction::Descending => self < other,
        }
    }

    pub fn is_within(&self, range: &SortRange) -> bool {
        let sort = self.sort;

        match range {
            SortRange::All => true,
            SortRange::Prefix(prefix) => sort.starts_with(prefix.as_str()),
            SortRange::Between(from, to) => (from.as_str()..=to.as_str()).contains(&sort),
            SortRange::From(from) => sort >= from.as_str(),
            SortRange::After(after) => sort > after.as_str(),
            SortRange::Before(before) => sort < before.as_str(),
        }
    }
}

/// The first page of rows that are in order.
pub(crate) fn cut<'a>(
    rows: impl Iterator<Item = (&'a Key, &'a StoredItem)>,
    order: Order,
    limit: u32,
) -> Page {
    let mut page = Page::default();
    let mut bytes = 0;

    for (key, item) in rows {
        if page.rows.len() == limit as usize || bytes >= PAGE_BYTES_MAX {
            page.next = page.rows.last().map(|last| order.token(last));
            break;
        }
        bytes += item.bytes;
        page.rows.push(Row { key: key.clone(), attributes: item.attributes.clone() });
    }
    page
}
