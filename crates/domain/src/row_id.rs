//! Which row stands at a place in a log: how a store that was put back is told from the one before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use xxhash_rust::xxh3::Xxh3;

use crate::coherence::InvalidStamp;
use crate::{ChangeRow, LogId, Seq, Stamp};

/// What a row says, in 64 bits: its time is in it, so a row that was written after a restore has
/// another one than the row that stood there before, whatever the two say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowDigest(u64);

/// One row of one log, and no other that ever stands at its place. Text: `{log}.{seq}.{digest}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowId {
    pub log: LogId,
    pub seq: Seq,
    pub digest: RowDigest,
}

/// A store's log, as the process next to the store finds it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub log: &'a LogId,
    /// What it was called before.
    pub formerly: &'a [LogId],
    pub head: Seq,
}

impl Standing<'_> {
    /// Whether the store was put back since this row was seen. `there` is what stands at its
    /// place now.
    pub fn has_undone(&self, seen: &RowId, there: Option<RowDigest>) -> bool {
        if seen.log != *self.log {
            return self.is_strange(&seen.log);
        }
        match there {
            Some(there) => there != seen.digest,
            // It has expired, unless the log never got so far. An engine that shows the items of a
            // transaction one by one may show a row before the head, but then the row is there.
            None => seen.seq > self.head,
        }
    }

    /// Whether this log was never called so: the store was put back to before it was, or wiped.
    pub fn is_strange(&self, log: &LogId) -> bool {
        log != self.log && !self.formerly.contains(log)
    }
}

impl ChangeRow {
    /// Of all that a row of the first build had; a part that is added later is not in it, so that
    /// builds agree.
    pub fn digest(&self) -> RowDigest {
        let mut hash = Xxh3::new();
        hash.update(&self.seq.0.to_le_bytes());
        hash.update(&self.at.as_millis().to_le_bytes());
        hash.update(&[u8::from(self.hard)]);

        // A byte that is in no text parts the texts.
        for tag in &self.tags {
            hash.update(tag.as_str().as_bytes());
            hash.update(&[0xff]);
        }
        for change in &self.changes {
            hash.update(change.entity.to_string().as_bytes());
            hash.update(&[0xff, u8::from(change.gone)]);
            hash.update(&change.version.to_le_bytes());
        }
        RowDigest(hash.digest())
    }
}

impl RowDigest {
    /// What stands before the first row.
    pub(crate) const OF_NOTHING: Self = Self(0);
}

impl RowId {
    pub fn stamp(&self) -> Stamp {
        Stamp { log: self.log.clone(), seq: self.seq }
    }
}

impl fmt::Display for RowDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl FromStr for RowDigest {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let is_well_formed = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digest = u64::from_str_radix(text, 16).ok().filter(|_| is_well_formed);

        digest.map(Self).ok_or(InvalidStamp)
    }
}

impl Serialize for RowDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RowDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;

        text.parse().map_err(|_| de::Error::custom("a row's digest is 16 hexadecimal digits"))
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.log, self.seq, self.digest)
    }
}

impl FromStr for RowId {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let (stamp, digest) = text.rsplit_once('.').ok_or(InvalidStamp)?;
        let Stamp { log, seq } = stamp.parse()?;

        Ok(Self { log, seq, digest: digest.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: serde_json::Value) -> ChangeRow {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn two_rows_at_one_place_have_two_digests() {
        let json = |at: &str, tag: &str, version: u64, hard: bool| {
            row(serde_json::json!({
                "seq": 7, "at": at, "tags": [tag], "hard": hard,
                "changes": [{ "entity": "prod_1", "version": version }],
            }))
        };
        let (now, later) = ("2026-11-23T14:02:32.123Z", "2026-11-23T14:02:32.124Z");
        let first = json(now, "a", 1, false);

        assert_eq!(first.digest(), json(now, "a", 1, false).digest());
        for other in [
            json(later, "a", 1, false),
            json(now, "b", 1, false),
            json(now, "a", 2, false),
            json(now, "a", 1, true),
        ] {
            assert_ne!(first.digest(), other.digest(), "{other:?}");
        }
    }

    #[test]
    fn a_row_id_reads_back_as_it_was_printed() {
        let id: RowId = "01JD.7.00000000000000ff".parse().unwrap();

        assert_eq!(id.to_string(), "01JD.7.00000000000000ff");
        assert_eq!(id.stamp().to_string(), "01JD.7");
        for text in ["", "01JD.7", "01JD.7.ff", "01JD.7.00000000000000fg", "01JD..0000000000000000"]
        {
            assert_eq!(text.parse::<RowId>(), Err(InvalidStamp), "{text}");
        }
    }
}
