//! The catalogues that are measured: the retail demo store where it stands beside the repository,
//! and made-up ones of any size.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use catalog_files::{CatalogReader, CatalogRow, CsvColumns, Mapping, RowWriter};
use domain::{Currency, Image, Money, Sku};

/// As many as the retail demo store has.
pub const RETAIL_SIZE: u32 = 2_465;

const RETAIL_MAPPING: [&str; 5] = [
    "sku=id",
    "stock=current_stock",
    "attributes.style=style",
    "attributes.gender=gender_affinity",
    "attributes.channel=where_visible",
];

/// Rows of a catalogue file; each is a product with one variant.
pub struct Corpus {
    pub name: &'static str,
    pub rows: Vec<CatalogRow>,
}

impl Corpus {
    /// The retail demo store, or as many made-up products. Its products name no brand, so each gets
    /// one of sixty made-up ones: a facet that shops have.
    pub fn retail() -> Result<Self> {
        let Some(file) = retail_file() else {
            return Ok(Self { name: "made up", ..Self::made_up(RETAIL_SIZE) });
        };
        let mapping = Mapping::parse(RETAIL_MAPPING)?;
        let mut reader = CatalogReader::open(&file, &mapping, Currency::USD)?;
        let mut rows = Vec::new();

        while let Some(row) = reader.next_row()? {
            let row = row.map_err(|error| anyhow!("{}: {}", file.display(), error.detail))?;
            rows.push(CatalogRow { brand: Some(brand(mixed(row.line))), ..row });
        }
        Ok(Self { name: "retail demo store", rows })
    }

    /// The same products every time.
    pub fn made_up(count: u32) -> Self {
        Self { name: "made up", rows: (1..=count).map(made_up).collect() }
    }

    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut columns = CsvColumns::default();
        self.rows.iter().for_each(|row| columns.observe(row));
        let mut out = BufWriter::new(File::create(path)?);
        let mut writer = RowWriter::csv(&mut out, columns)?;

        for row in &self.rows {
            writer.write(row)?;
        }
        writer.finish()?;
        Ok(out.flush()?)
    }
}

/// Beside the repository, or where `SHOP_SHARED` says.
pub fn retail_file() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = env::var_os("SHOP_SHARED").map_or_else(beside, PathBuf::from);
    let file = shared.join("data/retail-demo-store/products.jsonl");

    file.is_file().then_some(file)
}

/// The documented mapping of [`retail_file`], as `shopping import` takes it.
pub const fn retail_mapping() -> &'static [&'static str] {
    &RETAIL_MAPPING
}

const NOUNS: [&str; 16] = [
    "Backpack",
    "Bag",
    "Lamp",
    "Chair",
    "Shoes",
    "Jacket",
    "Headphones",
    "Knife",
    "Kettle",
    "Shirt",
    "Watch",
    "Tent",
    "Bottle",
    "Guitar",
    "Sofa",
    "Scarf",
];
const KINDS: [&str; 16] = [
    "Leather", "Wireless", "Running", "Travel", "Garden", "Kitchen", "Ceramic", "Cotton", "Oak",
    "Steel", "Folding", "Linen", "Woollen", "Copper", "Granite", "Bamboo",
];
const STYLES: [&str; 12] = [
    "classic", "modern", "rustic", "urban", "retro", "minimal", "sporty", "formal", "casual",
    "vintage", "outdoor", "studio",
];

/// A product of about the retail store's size: a name of three words, a description of thirty.
fn made_up(number: u32) -> CatalogRow {
    let seed = |turn: u64| mixed(u64::from(number) * 64 + turn);
    let pick = |words: &[&'static str], turn| words[(seed(turn) % words.len() as u64) as usize];
    let noun = pick(&NOUNS, 0);
    let words: Vec<_> = (8..38).map(|turn| word(seed(turn))).collect();
    let sku: Sku = format!("BENCH-{number:07}").parse().expect("letters, digits and a hyphen");
    let name = format!("{} {} {noun}", capitalised(&word(seed(1))), pick(&KINDS, 2));
    let price = Money::new(199 + (seed(3) % 30_000) as i64, Currency::USD);
    let shelf = format!("Shelf {}", seed(4) % 20 + 1);
    let attributes = [("style", pick(&STYLES, 5)), ("gender", pick(&["F", "M", "U"], 6))];
    let image = Image {
        url: format!("/images/bench-{number}.svg").parse().expect("a path of digits and letters"),
        alt: name.clone(),
    };

    CatalogRow {
        description: Some(format!("{}.", capitalised(&words.join(" ")))),
        stock: Some((seed(7) % 60) as i64),
        brand: Some(brand(seed(40))),
        images: vec![image],
        attributes: owned(attributes),
        ..CatalogRow::new(sku, name, vec![shelf], price)
    }
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn brand(seed: u64) -> String {
    capitalised(&word(3 * (seed % 60) + 1))
}

/// One of some twelve thousand words; a third of all are one of thirty-two.
fn word(seed: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "de", "fi", "go", "lu", "ma", "ne", "po", "ra", "se", "ti", "vo", "wu", "xa", "ze",
        "ky",
    ];
    let at = seed / 3;
    match seed % 3 {
        0 if at.is_multiple_of(2) => NOUNS[(at / 2 % 16) as usize].to_lowercase(),
        0 => KINDS[(at / 2 % 16) as usize].to_lowercase(),
        _ => (0..3).map(|place| SYLLABLES[(at >> (4 * place) & 15) as usize]).collect(),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();

    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// SplitMix64's finaliser: neighbours come out far apart.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);

    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_made_up_catalogue_is_the_same_every_time_and_no_sku_comes_twice() {
        let (one, other) = (Corpus::made_up(500), Corpus::made_up(500));
        let skus: BTreeSet<_> = one.rows.iter().map(|row| row.sku.as_str()).collect();

        assert_eq!(one.rows, other.rows);
        assert_eq!(skus.len(), 500);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        let corpus = Corpus::made_up(20);
        corpus.write_csv(&file).unwrap();

        let mut reader = CatalogReader::open(&file, &Mapping::default(), Currency::USD).unwrap();
        let mut read = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            read.push(row.unwrap().sku);
        }

        assert_eq!(read, corpus.rows.into_iter().map(|row| row.sku).collect::<Vec<_>>());
    }
}
