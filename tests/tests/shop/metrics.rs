//! What a running shop counts, held against the table that operators read: each name and its labels.
//! That the table is whole, `xtask` checks on the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Answer, World};

/// What Prometheus' text format adds to a histogram or a summary.
const OF_THE_FORMAT: [&str; 2] = ["le", "quantile"];

type Labels = BTreeSet<String>;

/// The rows of the table in docs/operations.md.
fn documented() -> Result<BTreeMap<String, Labels>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a workspace")?;
    let document = fs::read_to_string(root.join("docs/operations.md"))?;
    let (_, section) = document.split_once("## Metrics").context("a table of metrics")?;
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));

    Ok(rows.map(|(metric, _)| named(metric)).collect())
}

/// `name{first,second}` or `name{first="…",second="…"}`.
fn named(metric: &str) -> (String, Labels) {
    let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| {
        let label = label.split('=').next().unwrap_or_default();
        (!label.is_empty() && !OF_THE_FORMAT.contains(&label)).then(|| label.to_owned())
    });

    (name.to_owned(), labels.collect())
}

/// Each metric of a page with its labels; no label's value here has a comma or a brace in it.
fn counted(page: &Answer) -> Result<BTreeMap<String, Labels>> {
    let text = std::str::from_utf8(&page.body)?;
    let mut counted = BTreeMap::new();
    let mut of_type = String::new();

    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            rest.split(' ').next().unwrap_or_default().clone_into(&mut of_type);
        } else if !line.starts_with('#') {
            let (sample, _) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            let (name, labels) = named(sample);
            ensure!(name.starts_with(&of_type), "{line} stands under the type of {of_type}");
            counted.insert(of_type.clone(), labels);
        }
    }
    Ok(counted)
}

fn is_all_documented(page: &Answer) -> Result<usize> {
    let documented = documented()?;
    let counted = counted(page)?;

    for (name, labels) in &counted {
        let row = documented.get(name).with_context(|| format!("{name} has no row"))?;
        ensure!(row == labels, "{name} has the labels {labels:?}, its row says {row:?}");
    }
    Ok(counted.len())
}

#[tokio::test]
async fn what_a_running_shop_counts_is_in_the_operators_table_with_its_labels() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open_demo().await?;
    let alone = world.open_edge(&shop.origin().url(), &[]).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    for endpoint in [shop.edge(), alone.edge()] {
        for page in ["/products/lamp", "/products/lamp", "/search?q=lamp", "/products?limit=x"] {
            endpoint.call("GET", page).send().await?;
        }
    }
    reprice(shop.origin(), &key, &first_variant(&product)?, 2_000).await?;
    shop.origin().call("GET", "/products/lamp").header("x-edge-auth", "no").send().await?;

    let whole = is_all_documented(&shop.operators().get("/metrics").await?).context("the shop")?;
    let edge = is_all_documented(&alone.operators().get("/metrics").await?).context("the edge")?;

    ensure!(whole >= 12 && edge >= 1, "{whole} and {edge}: too few for what was done");
    alone.close().await?;
    shop.close().await
}
