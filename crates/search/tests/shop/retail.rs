//! The retail demo store as a snapshot.

use std::collections::HashMap;
use std::path::PathBuf;

use domain::{Availability, CatalogProduct, Currency, Money};
use search::{CatalogSnapshot, SnapshotDelta};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{But, category, product, stamp};

/// The data stands beside the repository, or where `SHOP_SHARED` says.
fn data() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let shared = std::env::var_os("SHOP_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("data/retail-demo-store");

    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("\n*** NOT TESTED: {} is absent ***\n", folder.display());
    None
}

pub struct Retail {
    pub snapshot: CatalogSnapshot,
    /// Products by the name of their category.
    pub by_category: HashMap<String, u64>,
}

pub fn retail() -> Option<Retail> {
    let folder = data()?;
    let text = std::fs::read_to_string(folder.join("products.jsonl")).unwrap();
    let lines: Vec<HashMap<String, Box<RawValue>>> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let field = |line: &HashMap<String, Box<RawValue>>, name: &str| {
        let value: Option<Value> =
            line.get(name).map(|value| serde_json::from_str(value.get()).unwrap());
        value
    };
    let mut by_category = HashMap::new();
    let mut numbers = HashMap::new();
    let mut products: Vec<CatalogProduct> = Vec::new();

    for (number, line) in (1..).zip(&lines) {
        let text = |name| field(line, name).unwrap().as_str().unwrap().to_owned();
        let next = numbers.len() as u64 + 1;
        let of = *numbers.entry(text("category")).or_insert(next);
        *by_category.entry(text("category")).or_default() += 1;
        // The number's own digits: a float would lose cents.
        let price = Money::from_decimal(line["price"].get(), Currency::USD).unwrap();
        let stock = field(line, "current_stock").unwrap().as_i64().unwrap();
        let mut listed = product(number, &text("name"))
            .described(&text("description"))
            .within(of)
            .price(price.amount)
            .is(Availability::of(stock))
            .attribute("style", &text("style"));
        if let Some(gender) = field(line, "gender_affinity") {
            listed = listed.attribute("gender", gender.as_str().unwrap());
        }
        products.push(listed);
    }
    let categories = numbers.iter().map(|(name, number)| category(*number, name, None)).collect();
    let delta =
        SnapshotDelta { categories: Some(categories), ..SnapshotDelta::with_products(products) };

    Some(Retail { snapshot: CatalogSnapshot::default().after(delta, stamp(1)), by_category })
}
