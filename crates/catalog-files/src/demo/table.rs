//! The tables behind the demo catalogue, read once.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One table a category; the first line names it, then come its types, then its products.
const CATEGORIES: [&str; 12] = [
    include_str!("tables/jackets.txt"),
    include_str!("tables/knitwear.txt"),
    include_str!("tables/shirts.txt"),
    include_str!("tables/shoes.txt"),
    include_str!("tables/backpacks.txt"),
    include_str!("tables/tents.txt"),
    include_str!("tables/lighting.txt"),
    include_str!("tables/cookware.txt"),
    include_str!("tables/linen.txt"),
    include_str!("tables/coffee.txt"),
    include_str!("tables/stationery.txt"),
    include_str!("tables/audio.txt"),
];

/// What a kind of product has in common.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The option beside colour, with what each value costs more than the first: `size` → `M`.
    pub(crate) option: Option<(&'static str, Vec<(&'static str, &'static str)>)>,
    /// What the attribute is called that says what it is made of.
    pub(crate) made_of: &'static str,
    pub(crate) sentences: Vec<&'static str>,
}

/// A product, as its table has it.
#[derive(Debug)]
pub(crate) struct Model {
    /// `JKT-007`
    pub(crate) code: String,
    pub(crate) category: Vec<String>,
    pub(crate) name: &'static str,
    pub(crate) featured: bool,
    pub(crate) brand: &'static str,
    pub(crate) price: &'static str,
    pub(crate) was: Option<&'static str>,
    pub(crate) kind: &'static str,
    pub(crate) material: &'static str,
    pub(crate) colours: Vec<&'static str>,
    pub(crate) sentence: &'static str,
}

#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) kinds: HashMap<&'static str, Kind>,
    pub(crate) models: Vec<Model>,
    pub(crate) materials: HashMap<&'static str, Vec<&'static str>>,
    /// Brand → where it makes its things.
    pub(crate) brands: HashMap<&'static str, &'static str>,
}

pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut kinds = HashMap::new();
    let mut models = Vec::new();

    for table in CATEGORIES {
        let (mut code, mut category) = ("", Vec::new());
        let mut number = 0;
        for cells in table.lines().map(cells) {
            match cells.as_slice() {
                ["category", short, path] => {
                    code = short;
                    category = path.split(" > ").map(str::to_owned).collect();
                }
                ["type", name, option, made_of, sentences] => {
                    kinds.insert(*name, kind(name, option, made_of, sentences));
                }
                ["product", name, brand, price, was, kind, material, colours, sentence] => {
                    number += 1;
                    models.push(Model {
                        code: format!("{code}-{number:03}"),
                        category: category.clone(),
                        name: name.trim_start_matches('*'),
                        featured: name.starts_with('*'),
                        brand,
                        price,
                        was: (!was.is_empty()).then_some(was),
                        kind,
                        material,
                        colours: colours.split(", ").collect(),
                        sentence,
                    });
                }
                other => unreachable!("the tests read every line of the tables: {other:?}"),
            }
        }
    }

    Tables {
        kinds,
        models,
        materials: pairs(include_str!("tables/materials.txt"))
            .map(|(material, sentences)| (material, sentences.split(" / ").collect()))
            .collect(),
        brands: pairs(include_str!("tables/brands.txt")).collect(),
    }
});

fn cells(line: &'static str) -> Vec<&'static str> {
    line.split('|').map(str::trim).collect()
}

fn pairs(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter_map(|line| line.split_once(" | "))
}

fn kind(
    name: &'static str,
    option: &'static str,
    made_of: &'static str,
    sentences: &'static str,
) -> Kind {
    let option = option.split_once(": ").map(|(option, values)| {
        let values = values.split(", ").map(|value| value.split_once('+').unwrap_or((value, "0")));
        (option, values.collect())
    });

    Kind { name, option, made_of, sentences: sentences.split(" / ").collect() }
}
