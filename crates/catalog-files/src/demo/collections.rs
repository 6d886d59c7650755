//! The demo's collections and its ranking.

use std::cmp::Reverse;
use std::collections::HashSet;

use domain::{Rule, Slug};

use crate::demo::compose::rows;
use crate::demo::table::{Model, TABLES};

/// As long as a page of the ranking.
const BESTSELLERS: usize = 48;

/// A collection of the demo, before its products have ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoCollection {
    pub slug: Slug,
    pub name: &'static str,
    pub membership: DemoMembership,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DemoMembership {
    /// These products, in this order.
    Manual(Vec<Slug>),
    Rule(Rule),
}

const WEEKEND_AWAY: [&str; 16] = [
    "Weekender Canvas Duffel",
    "Tarn 24 Backpack",
    "Drizzle Pack Jacket",
    "Bivy Ridge One-Person Tent",
    "Thermal Moss 5 Sleeping Bag",
    "Cloud Nine Sleeping Mat",
    "Bothy Fleece",
    "Scree Light Hiking Boot",
    "Watchman Beanie",
    "Enamel Camp Mug",
    "Crank Hand Grinder",
    "Ember Camp Lantern",
    "Pebble Travel Speaker",
    "Field Notebook A5",
    "Pebble Beach Picnic Blanket",
    "Trailhead Merino Tee",
];

/// One put together by hand, two by a rule.
pub fn collections() -> Vec<DemoCollection> {
    let collection =
        |name: &'static str, membership| DemoCollection { slug: slug(name), name, membership };

    vec![
        collection("Weekend Away", DemoMembership::Manual(WEEKEND_AWAY.map(slug).into())),
        collection(
            "On Sale",
            DemoMembership::Rule(Rule { on_sale: Some(true), ..Rule::default() }),
        ),
        collection(
            "Gifts Under 50",
            DemoMembership::Rule(Rule {
                price_max: Some(50_00),
                in_stock: Some(true),
                ..Rule::default()
            }),
        ),
    ]
}

/// What sells best, the best first; nothing in it is sold out.
pub fn bestsellers() -> Vec<Slug> {
    ranking(&[])
}

/// What sells best in a category and below it; in the whole shop for the empty path.
pub(crate) fn ranking(path: &[String]) -> Vec<Slug> {
    let in_stock: HashSet<Slug> = rows()
        .into_iter()
        .filter(|row| row.stock.is_some_and(|stock| stock > 0))
        .filter_map(|row| row.slug)
        .collect();
    let sells =
        |model: &&Model| model.category.starts_with(path) && in_stock.contains(&model.slug());
    let mut models: Vec<&Model> = TABLES.models.iter().filter(sells).collect();

    models.sort_by_key(|model| (Reverse(popularity(model)), &model.code));
    models.truncate(BESTSELLERS);
    models.into_iter().map(Model::slug).collect()
}

/// Chance, helped by a place on the front page, a reduction and a small price.
fn popularity(model: &Model) -> u64 {
    let chance = (model.seed() >> 32) % 1_000;
    let small = model.price.len() < "100.00".len();

    chance
        + if model.featured { 500 } else { 0 }
        + if model.was.is_some() { 150 } else { 0 }
        + if small { 150 } else { 0 }
}

fn slug(name: &str) -> Slug {
    Slug::of_name(name).expect("the tests make a slug of every name")
}
