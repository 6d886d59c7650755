//! A catalogue that was not made for this project; it is used if it lies beside the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::process::say_loudly;
use crate::{Ended, World};

/// The mapping as the documentation has it.
const MAPPING: [&str; 6] = [
    "sku=id",
    "stock=current_stock",
    "attributes.style=style",
    "attributes.gender=gender_affinity",
    "attributes.promoted=promoted",
    "attributes.channel=where_visible",
];

#[derive(Debug)]
pub struct Retail {
    pub file: PathBuf,
    pub products: Vec<RetailProduct>,
}

#[derive(Debug, Deserialize)]
pub struct RetailProduct {
    /// Becomes the SKU.
    pub id: String,
    pub name: String,
    pub category: String,
    pub style: String,
    pub description: String,
    /// As it stands in the file; see [`Self::price_cents`].
    price: Box<RawValue>,
    pub current_stock: i64,
    pub gender_affinity: Option<String>,
    #[serde(default)]
    pub featured: serde_json::Value,
}

impl Retail {
    /// `None`, and a loud word, where the data is not there.
    pub fn find() -> Result<Option<Self>> {
        let shared = env::var_os("SHOP_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
            PathBuf::from,
        );
        let file = shared.join("data/retail-demo-store/products.jsonl");
        if !file.is_file() {
            say_loudly(&format!(
                "SKIPPED, nothing was tested: {} is not there; SHOP_SHARED names the folder",
                file.display()
            ));
            return Ok(None);
        }

        let text = fs::read_to_string(&file)?;
        let products = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        Ok(Some(Self { products: products.context("not the catalogue that is known")?, file }))
    }

    /// Imports it with the documented command.
    pub async fn import(&self, world: &World) -> Result<Ended> {
        let mut arguments = vec!["import", self.file.to_str().context("a path in UTF-8")?];
        for mapping in MAPPING {
            arguments.extend(["--map", mapping]);
        }
        world.run(&arguments).await
    }

    /// How many products have each value of what `key` reads.
    pub fn counts<'a>(
        &'a self,
        key: impl Fn(&'a RetailProduct) -> Option<&'a str>,
    ) -> BTreeMap<&'a str, u64> {
        let mut counts = BTreeMap::new();
        for value in self.products.iter().filter_map(key) {
            *counts.entry(value).or_default() += 1;
        }
        counts
    }
}

impl RetailProduct {
    /// Reads the decimal text: `129.99`, `1999.0`, `15`.
    pub fn price_cents(&self) -> Result<i64> {
        let (units, fraction) = self.price.get().split_once('.').unwrap_or((self.price.get(), ""));
        let cents = format!("{units}{fraction:0<2}");

        cents.parse().with_context(|| format!("not a price: {}", self.price))
    }
}
