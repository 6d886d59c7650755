//! Which column of a file is which column of ours.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Column, FileError};

/// So many names of a file's columns are shown in an error.
const SHOWN_MAX: usize = 40;

/// What other shops call the column that says whether shoppers see a product.
const NAMES_OF_STATUS: [&str; 14] = [
    "active",
    "actif",
    "aktiv",
    "enabled",
    "is_active",
    "is_enabled",
    "online",
    "product_online",
    "publié",
    "published",
    "state",
    "veröffentlicht",
    "visibility",
    "visible",
];

/// The `--map ours=theirs` pairs; same-named columns map by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    pairs: Vec<(Column, String)>,
}

/// Something about the file that its owner should know, and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The column is not one of ours and not mapped to one.
    Ignored { column: String, why: Option<String> },
    /// More columns are ignored than are named.
    IgnoredMore,
}

impl Mapping {
    /// Reads `ours=theirs` pairs; what stands behind the first `=` is taken as it is.
    pub fn parse<T: AsRef<str>>(pairs: impl IntoIterator<Item = T>) -> Result<Self, FileError> {
        let mut mapping = Self::default();

        for pair in pairs {
            let pair = pair.as_ref();
            let (ours, theirs) = pair
                .split_once('=')
                .filter(|(_, theirs)| !theirs.is_empty())
                .ok_or_else(|| FileError::Mapping(pair.to_owned()))?;
            let ours: Column = ours.trim().parse()?;

            if mapping.pairs.iter().any(|(known, _)| *known == ours) {
                return Err(FileError::MappedTwice(ours.to_string()));
            }
            mapping.pairs.push((ours, theirs.to_owned()));
        }
        Ok(mapping)
    }

    /// The pairs as they were given, one spelling each: two runs over a file agree when these do.
    pub fn canonical(&self) -> Vec<String> {
        let mut pairs: Vec<String> =
            self.pairs.iter().map(|(ours, theirs)| format!("{ours}={theirs}")).collect();

        pairs.sort();
        pairs
    }

    /// How the file calls a column of ours.
    pub(crate) fn theirs<'a>(&'a self, ours: &'a str) -> &'a str {
        let mapped = self.pairs.iter().find(|(known, _)| known.to_string() == ours);

        mapped.map_or(ours, |(_, theirs)| theirs)
    }

    /// What a column of the file gives us: what it is mapped to, and its namesake unless another
    /// column is mapped to that. Nothing: it is ignored.
    pub(crate) fn columns_of(&self, theirs: &str) -> Result<Vec<Column>, Warning> {
        let mapped = self.pairs.iter().filter(|(_, known)| known == theirs);
        let mut columns: Vec<Column> = mapped.map(|(ours, _)| ours.clone()).collect();
        let mut why = None;

        match theirs.parse::<Column>() {
            Ok(own) if !self.pairs.iter().any(|(ours, _)| *ours == own) => columns.push(own),
            Ok(own) => why = Some(format!("another column is mapped to {own}")),
            Err(crate::column::InvalidColumn::Unknown(_)) => why = self.hint(theirs),
            Err(error) => why = Some(error.to_string()),
        }
        if columns.is_empty() {
            return Err(Warning::Ignored { column: theirs.to_owned(), why });
        }

        Ok(columns)
    }

    /// A column that other shops hide products by: without it all of them are live.
    fn hint(&self, theirs: &str) -> Option<String> {
        let name = theirs.split('(').next().unwrap_or_default().trim().to_lowercase();
        let is_known = self.pairs.iter().any(|(ours, _)| *ours == Column::Status);

        (NAMES_OF_STATUS.contains(&name.as_str()) && !is_known)
            .then(|| format!("if it controls visibility, map it with --map \"status={theirs}\""))
    }

    /// Whether a column inside of the object `outer` is asked for (`brand=vendor.name`).
    pub(crate) fn looks_into(&self, outer: &str) -> bool {
        let inside =
            |theirs: &str| theirs.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));

        matches!(outer, "attributes" | "options")
            || self.pairs.iter().any(|(_, theirs)| inside(theirs))
    }

    /// Whether the file has every column that is mapped, and every column that a row must have.
    pub(crate) fn check(&self, file: &BTreeSet<String>) -> Result<(), FileError> {
        for (ours, theirs) in &self.pairs {
            if !file.contains(theirs) {
                return Err(FileError::NoSuchColumn {
                    ours: ours.to_string(),
                    theirs: theirs.clone(),
                    has: shown(file),
                });
            }
        }
        let given: BTreeSet<Column> =
            file.iter().filter_map(|theirs| self.columns_of(theirs).ok()).flatten().collect();
        let missing: Vec<String> = Column::REQUIRED
            .iter()
            .filter(|required| !given.contains(required))
            .map(Column::to_string)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }

        let guess = |ours: &String| {
            let theirs = file.iter().find(|theirs| theirs.eq_ignore_ascii_case(ours))?;
            Some(format!("{ours}={theirs}"))
        };
        let hints: Vec<String> = missing.iter().filter_map(guess).collect();
        let hint = if hints.is_empty() {
            String::new()
        } else {
            format!(": --map {}", hints.join(" --map "))
        };

        Err(FileError::MissingColumns { missing: missing.join(", "), has: shown(file), hint })
    }
}

fn shown(file: &BTreeSet<String>) -> String {
    if file.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = file.iter().take(SHOWN_MAX).map(String::as_str).collect();
    let more = if file.len() > SHOWN_MAX { ", …" } else { "" };

    format!("{}{more}", names.join(", "))
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { column, why: None } => {
                write!(
                    formatter,
                    "column {column} is ignored: it is not a known column and not mapped"
                )
            }
            Self::Ignored { column, why: Some(why) } => {
                write!(formatter, "column {column} is ignored: {why}")
            }
            Self::IgnoredMore => formatter.write_str("further columns are ignored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(columns: &[&str]) -> BTreeSet<String> {
        columns.iter().map(|column| (*column).to_owned()).collect()
    }

    #[test]
    fn a_same_named_column_maps_by_itself_unless_another_is_mapped_to_it() {
        let mapping = Mapping::parse(["name=title", "attributes.kind=sku"]).unwrap();

        assert_eq!(mapping.columns_of("title"), Ok(vec![Column::Name]));
        assert_eq!(
            mapping.columns_of("sku"),
            Ok(vec![Column::Attribute("kind".to_owned()), Column::Sku])
        );
        assert_eq!(
            mapping.columns_of("name").unwrap_err().to_string(),
            "column name is ignored: another column is mapped to name"
        );
    }

    #[test]
    fn an_ignored_column_that_may_hide_products_is_pointed_out() {
        let warning = |maps: &[&str], theirs| {
            Mapping::parse(maps).unwrap().columns_of(theirs).unwrap_err().to_string()
        };

        assert_eq!(
            warning(&[], "Active (0/1)"),
            "column Active (0/1) is ignored: if it controls visibility, map it with \
             --map \"status=Active (0/1)\""
        );
        assert_eq!(
            warning(&["status=State"], "Active (0/1)"),
            "column Active (0/1) is ignored: it is not a known column and not mapped"
        );
    }

    #[test]
    fn a_pair_that_is_none_is_refused_by_name() {
        let refused = |pair: &str| Mapping::parse([pair]).unwrap_err().to_string();

        assert_eq!(refused("sku"), "--map takes OURS=THEIRS, not: sku");
        assert_eq!(refused("sku="), "--map takes OURS=THEIRS, not: sku=");
        assert!(refused("colour=color").starts_with("not a column of ours: colour (ours are sku"));
        assert!(
            refused("attributes.Big=x").starts_with("attributes.Big: the name of an attribute")
        );
        assert_eq!(
            Mapping::parse(["sku=a", "sku=b"]).unwrap_err().to_string(),
            "--map names sku twice"
        );
    }

    #[test]
    fn a_mapping_to_nothing_and_a_missing_column_list_what_the_file_has() {
        let has = file(&["SKU", "title", "cost", "category"]);

        let nothing = Mapping::parse(["name=label"]).unwrap().check(&has).unwrap_err();
        let missing = Mapping::parse(["name=title"]).unwrap().check(&has).unwrap_err();

        assert_eq!(
            nothing.to_string(),
            "--map name=label: the file has no column label (it has SKU, category, cost, title)"
        );
        assert_eq!(
            missing.to_string(),
            "the file has no column for sku, price (it has SKU, category, cost, title); name it \
             with --map: --map sku=SKU"
        );
    }
}
