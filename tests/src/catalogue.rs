//! A small catalogue made for a test, and how an admin and a shopper go about it.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{Answer, Endpoint};

/// A file of `rows` products in JSON lines, all columns under our own names.
pub fn json_lines(rows: usize) -> String {
    (0..rows)
        .map(|row| {
            let category = ["Tools", "Toys", "Tea"][row % 3];
            let product = json!({
                "sku": format!("row-{row:06}"),
                "name": format!("Product number {row}"),
                "description": format!("The product that stands in row {row}."),
                "category": category,
                "price": format!("{}.{:02}", 1 + row % 90, row % 100),
                "stock": 10 + row % 50,
            });
            format!("{product}\n")
        })
        .collect()
}

/// The products of a list, walked from cursor to cursor.
///
/// # Errors
/// When a page is no list, or there are more pages than a walk of `most` products needs.
pub async fn walk(endpoint: &Endpoint, list: &str, most: usize) -> Result<Vec<Value>> {
    let joint = if list.contains('?') { '&' } else { '?' };
    let mut products = Vec::new();
    let mut cursor = String::new();

    for _ in 0..=most / 100 + 1 {
        let mut page = endpoint.get_json(&format!("{list}{joint}limit=100{cursor}")).await?;
        let data = page["data"].as_array_mut().context("a list has `data`")?;
        products.append(data);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(products),
        }
    }
    anyhow::bail!("the walk of {list} does not end")
}

/// Value → count of one facet of a list; empty where the list has no such facet.
pub fn facet(list: &Value, name: &str) -> std::collections::BTreeMap<String, u64> {
    let facets = list["facets"].as_array().into_iter().flatten();
    let values = facets
        .filter(|facet| facet["name"] == name)
        .flat_map(|facet| facet["values"].as_array().into_iter().flatten());

    values
        .filter_map(|value| Some((value["value"].as_str()?.to_owned(), value["count"].as_u64()?)))
        .collect()
}

/// Every category of the tree, wherever it stands.
pub fn categories(tree: &Value) -> Vec<&Value> {
    let mut found: Vec<&Value> = tree["data"].as_array().into_iter().flatten().collect();
    let mut at = 0;
    while let Some(category) = found.get(at) {
        found.extend(category["children"].as_array().into_iter().flatten());
        at += 1;
    }
    found
}

/// What `POST /admin/products` takes.
pub fn draft(name: &str, sku: &str, category: &str) -> Value {
    json!({
        "name": name,
        "category": category,
        "variants": [{
            "sku": sku,
            "price": { "amount": 1_999, "currency": "USD" },
            "stock": 7,
        }],
    })
}

/// Makes a category and gives its slug.
pub async fn create_category(endpoint: &Endpoint, key: &str, name: &str) -> Result<String> {
    let call = endpoint.call("POST", "/admin/categories").by(key).json(&json!({ "name": name }));
    let made = call.send().await?.must_be(201)?.json()?;

    Ok(made["slug"].as_str().context("a category has a slug")?.to_owned())
}

/// Makes a product in a category of its own and gives it as the answer has it.
pub async fn create_product(
    endpoint: &Endpoint,
    key: &str,
    name: &str,
    sku: &str,
) -> Result<Value> {
    let category = create_category(endpoint, key, &format!("For {name}")).await?;
    let call = endpoint.call("POST", "/admin/products").by(key).json(&draft(name, sku, &category));

    call.send().await?.must_be(201)?.json()
}

/// Gives a variant another price, as an admin whose page is up to date.
pub async fn reprice(endpoint: &Endpoint, key: &str, variant: &str, amount: i64) -> Result<Answer> {
    let path = format!("/admin/variants/{variant}");
    let shown = endpoint.call("GET", &path).by(key).send().await?.must_be(200)?;
    let price = json!({ "price": { "amount": amount, "currency": "USD" } });

    let change = endpoint.call("PATCH", &path).by(key).header("if-match", shown.header("etag"));
    change.merge_patch(&price).send().await?.must_be(200)
}

/// The log's head as a write's answer names it.
pub fn seq(written: &Answer) -> Result<u64> {
    let seq = written.header("x-catalog-seq");

    seq.parse().with_context(|| format!("X-Catalog-Seq is {seq:?}: {written}"))
}

/// The id of a product's first variant.
pub fn first_variant(product: &Value) -> Result<String> {
    let id = product["variants"][0]["id"].as_str();

    Ok(id.with_context(|| format!("no variant: {product}"))?.to_owned())
}
