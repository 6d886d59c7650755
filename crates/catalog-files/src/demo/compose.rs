//! From the tables to rows: texts, variants, prices and stock.

use std::collections::BTreeMap;

use domain::{Currency, Image, Money, Sku, Slug, Status};
use xxhash_rust::xxh3::xxh3_64;

use crate::CatalogRow;
use crate::demo::table::{Kind, Model, TABLES};

/// One choice of a variant: the option, its value, its mark in the SKU, what it costs more.
type Choice = (&'static str, String, String, i64);

/// Every row of the demo catalogue: about 325 products in 12 categories, priced in US dollars, the
/// variants of a product one after the other.
pub fn rows() -> Vec<CatalogRow> {
    TABLES.models.iter().flat_map(rows_of).collect()
}

impl Model {
    pub(crate) fn slug(&self) -> Slug {
        Slug::of_name(self.name).expect("the tests make a slug of every name")
    }

    pub(crate) fn kind(&self) -> &'static Kind {
        &TABLES.kinds[self.kind]
    }

    /// A number that is the product's own, and the same on every machine.
    pub(crate) fn seed(&self) -> u64 {
        xxh3_64(self.code.as_bytes())
    }

    /// `tarn-24-backpack` in its first colour, `tarn-24-backpack-navy` in another.
    pub(crate) fn picture_name(&self, colour: &str) -> String {
        if colour == self.colours[0] {
            self.slug().to_string()
        } else {
            format!("{}-{colour}", self.slug())
        }
    }

    /// What its picture shows, for those who can't see it.
    pub(crate) fn alt(&self, colour: &str) -> String {
        format!("{} by {}: {} in {colour}", self.name, self.brand, self.kind)
    }
}

fn rows_of(model: &Model) -> Vec<CatalogRow> {
    let colours = choices_of_colour(model);
    let others = choices_of_option(model.kind());

    colours
        .iter()
        .flat_map(|colour| others.iter().map(move |other| (colour, other)))
        .map(|(colour, other)| row(model, [colour, other].into_iter().flatten()))
        .collect()
}

/// One entry without a choice where there is one colour alone.
fn choices_of_colour(model: &Model) -> Vec<Option<Choice>> {
    if model.colours.len() < 2 {
        return vec![None];
    }

    let choice = |colour: &&str| Some(("colour", capitalised(colour), mark(colour), 0));
    model.colours.iter().map(choice).collect()
}

fn choices_of_option(kind: &Kind) -> Vec<Option<Choice>> {
    let Some((option, values)) = &kind.option else { return vec![None] };

    values
        .iter()
        .map(|(value, more)| Some((*option, (*value).to_owned(), mark(value), usd(more).amount)))
        .collect()
}

fn row<'a>(model: &Model, choices: impl Iterator<Item = &'a Choice>) -> CatalogRow {
    let mut sku = model.code.clone();
    let mut options = BTreeMap::new();
    let mut more = 0;

    for (option, value, mark, costs) in choices {
        sku = format!("{sku}-{mark}");
        options.insert((*option).to_owned(), value.clone());
        more += costs;
    }
    let dearer = |text| {
        let money = usd(text);
        Money::new(money.amount + more, money.currency)
    };
    let sku: Sku = sku.parse().expect("the tests make every SKU");

    CatalogRow {
        slug: Some(model.slug()),
        description: Some(description(model)),
        compare_at: model.was.map(dearer),
        stock: Some(stock(model, &sku)),
        brand: Some(model.brand.to_owned()),
        images: images(model),
        featured: Some(model.featured),
        status: Some(Status::Published),
        options,
        attributes: attributes(model),
        ..CatalogRow::new(sku, model.name, model.category.clone(), dearer(model.price))
    }
}

/// Three sentences: its own, one on what it is made of, one that all of its kind share.
fn description(model: &Model) -> String {
    let of = |sentences: &[&'static str], turn: u64| {
        sentences[(model.seed() >> turn) as usize % sentences.len()]
    };
    let made = of(&TABLES.materials[model.material], 0);
    let shared = of(&model.kind().sentences, 8);

    format!("{} {made} {shared}", model.sentence)
}

fn images(model: &Model) -> Vec<Image> {
    let image = |colour: &&str| Image {
        url: format!("/images/{}.svg", model.picture_name(colour))
            .parse()
            .expect("the names of pictures are letters and hyphens"),
        alt: model.alt(colour),
    };

    model.colours.iter().map(image).collect()
}

fn attributes(model: &Model) -> BTreeMap<String, String> {
    let kind = model.kind();

    [
        ("type", kind.name),
        (kind.made_of, model.material),
        ("colour", model.colours[0]),
        ("made_in", TABLES.brands[model.brand]),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Out of 100 products 4 are sold out and 6 nearly so; of the others' variants 5 and 8.
fn stock(model: &Model, sku: &Sku) -> i64 {
    let roll = xxh3_64(sku.as_str().as_bytes());
    let few = 1 + (roll >> 16) as i64 % 3;
    let many = 4 + (roll >> 16) as i64 % 117;

    match (model.seed() >> 24) % 100 {
        _ if model.featured => many,
        0..4 => 0,
        4..10 => few,
        _ => match roll % 100 {
            0..5 => 0,
            5..13 => few,
            _ => many,
        },
    }
}

/// `navy` → `NAV`, `XL` → `XL`, `130 × 170 cm` → `130X170CM`.
fn mark(value: &str) -> String {
    let kept = value.replace('×', "X");
    let kept = kept.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let kept = kept.to_ascii_uppercase();

    if kept.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        kept.chars().take(3).collect()
    } else {
        kept
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();

    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn usd(text: &str) -> Money {
    Money::from_decimal(text, Currency::USD).expect("the tests read every price")
}
