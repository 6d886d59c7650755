//! The name of a change log.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::coherence::InvalidStamp;

/// Which log a place is in. A restored or wiped store has another one. Letters and digits, which lie
/// in it: each use of a kept answer compares its log with the table's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LogId {
    len: u8,
    /// Zeroes behind the text.
    text: [u8; LOG_ID_MAX],
}

/// In bytes.
const LOG_ID_MAX: usize = 40;

impl LogId {
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidStamp> {
        let text = text.as_ref().as_bytes();
        let is_well_formed = !text.is_empty() && text.iter().all(u8::is_ascii_alphanumeric);
        let mut log = Self::default();

        let place = log.text.get_mut(..text.len()).filter(|_| is_well_formed);
        place.ok_or(InvalidStamp)?.copy_from_slice(text);
        log.len = u8::try_from(text.len()).map_err(|_| InvalidStamp)?;
        Ok(log)
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl Default for LogId {
    /// No log's.
    fn default() -> Self {
        Self { len: 0, text: [0; LOG_ID_MAX] }
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LogId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for LogId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;

        Self::new(&text).map_err(|_| de::Error::custom("a log is 1 to 40 letters and digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_named_by_letters_and_digits() {
        for text in ["L", "01JZX0000000000000000000AB", &"a".repeat(LOG_ID_MAX)] {
            let log = LogId::new(text).unwrap();
            assert_eq!(log.as_str(), text);
            assert_eq!(serde_json::from_str::<LogId>(&format!("\"{text}\"")).unwrap(), log);
            assert_eq!(serde_json::to_string(&log).unwrap(), format!("\"{text}\""));
        }
        for text in ["", "a b", "a.1", "\u{e9}", &"a".repeat(LOG_ID_MAX + 1)] {
            LogId::new(text).unwrap_err();
            serde_json::from_str::<LogId>(&format!("\"{text}\"")).unwrap_err();
        }
    }

    #[test]
    fn one_log_is_not_the_beginning_of_another() {
        assert_ne!(LogId::new("a").unwrap(), LogId::new("aa").unwrap());
        assert_ne!(LogId::default(), LogId::new("0").unwrap());
    }
}
