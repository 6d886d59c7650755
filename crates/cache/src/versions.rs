//! Which version of each entity the log has named: how a read that came too early is recognised.

use std::collections::HashMap;

use domain::{Change, ChangeRow, Seq, TagHash};

/// Entities that are remembered. An index or a lagging replica is seconds behind, not fifty
/// thousand writes, so forgetting the oldest costs nothing; 50,000 take about 2 MB.
const ENTITIES_MAX: usize = 50_000;

#[derive(Debug)]
pub(crate) struct NamedVersions {
    last: HashMap<TagHash, Named>,
    capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    version: u64,
    gone: bool,
    seq: Seq,
}

impl Default for NamedVersions {
    fn default() -> Self {
        Self { last: HashMap::new(), capacity: ENTITIES_MAX }
    }
}

impl NamedVersions {
    pub(crate) fn take(&mut self, row: &ChangeRow) {
        for change in &row.changes {
            let named = Named { version: change.version, gone: change.gone, seq: row.seq };
            self.last.insert(TagHash::of(&change.entity.to_string()), named);
        }
        if self.last.len() > self.capacity {
            self.forget_older_half();
        }
    }

    pub(crate) fn version_of(&self, entity: &str) -> Option<u64> {
        self.last.get(&TagHash::of(entity)).map(|named| named.version)
    }

    /// Whether a read that found `version` of an entity (`None`: nothing) is at least as new as the
    /// log says.
    pub(crate) fn are_seen_by(&self, entity: &str, version: Option<u64>) -> bool {
        let named = self.last.get(&TagHash::of(entity));

        named.is_none_or(|named| Change::is_seen(named.version, named.gone, version))
    }

    pub(crate) fn clear(&mut self) {
        self.last.clear();
    }

    fn forget_older_half(&mut self) {
        let mut seqs: Vec<_> = self.last.values().map(|named| named.seq).collect();
        let middle = seqs.len() / 2;
        let cut = *seqs.select_nth_unstable(middle).1;

        self.last.retain(|_, named| named.seq > cut);
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn row(seq: u64, changes: Vec<Change>) -> ChangeRow {
        ChangeRow {
            seq: Seq(seq),
            at: Timestamp::default(),
            tags: Vec::new(),
            changes,
            hard: false,
        }
    }

    #[test]
    fn a_read_below_the_named_version_came_too_early() {
        let mut versions = NamedVersions::default();
        versions.take(&row(1, vec![Change::to("a", 7), Change::gone("b", 3)]));

        assert!(!versions.are_seen_by("a", Some(6)));
        assert!(!versions.are_seen_by("a", None));
        assert!(versions.are_seen_by("a", Some(7)));
        assert!(versions.are_seen_by("a", Some(8)));
        assert!(!versions.are_seen_by("b", Some(3)));
        assert!(versions.are_seen_by("b", None));
        assert!(versions.are_seen_by("never named", None));
        assert_eq!(versions.version_of("a"), Some(7));
    }

    #[test]
    fn the_entities_named_longest_ago_are_forgotten_first() {
        let mut versions = NamedVersions { capacity: 4, ..NamedVersions::default() };

        for seq in 1..=5 {
            versions.take(&row(seq, vec![Change::to(format!("e{seq}"), seq)]));
        }

        assert!(versions.last.len() <= 4);
        assert_eq!(versions.version_of("e1"), None);
        assert_eq!(versions.version_of("e5"), Some(5));
    }
}
