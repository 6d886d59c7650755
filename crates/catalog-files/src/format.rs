//! CSV or JSON lines.

use std::path::Path;

use crate::FileError;

pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Csv,
    JsonLines,
}

impl Format {
    /// By the extension, else by the first bytes: a JSON line begins with a brace.
    pub fn of(path: &Path, head: &[u8]) -> Result<Self, FileError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");

        Self::of_extension(extension)
            .or_else(|| Self::of_head(head))
            .ok_or(FileError::UnknownFormat)
    }

    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            _ => None,
        }
    }

    fn of_head(head: &[u8]) -> Option<Self> {
        let head = head.strip_prefix(BOM).unwrap_or(head);
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace())?;

        Some(if matches!(first, b'{' | b'[') { Self::JsonLines } else { Self::Csv })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_and_without_one_the_first_byte_does() {
        let of = |path: &str, head: &str| Format::of(Path::new(path), head.as_bytes()).ok();

        assert_eq!(of("a.CSV", "{"), Some(Format::Csv));
        assert_eq!(of("a.jsonl", ""), Some(Format::JsonLines));
        assert_eq!(of("a.ndjson", "x"), Some(Format::JsonLines));
        assert_eq!(of("a.json", "x"), Some(Format::JsonLines));
        assert_eq!(of("export", "\n {\"sku\":1}"), Some(Format::JsonLines));
        assert_eq!(of("export", "\u{feff}{\"sku\":1}"), Some(Format::JsonLines));
        assert_eq!(of("export.txt", "sku,name"), Some(Format::Csv));
        assert_eq!(of("export", ""), None);
    }
}
