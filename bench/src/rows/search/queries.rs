//! What shoppers ask for, in terms that both sides understand.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use domain::{ListQuery, PriceRange, Ref, Slug, Sort};

use super::products::Products;

pub struct Wanted {
    pub name: String,
    pub text: Option<Text>,
    pub category: Option<Slug>,
    pub price: Option<(i64, i64)>,
    pub in_stock: bool,
    pub style: Option<String>,
}

#[derive(Clone, Copy)]
pub enum Text {
    Words(&'static str),
    /// The last word is still being typed.
    Unfinished(&'static str),
    /// A letter is wrong.
    Slip(&'static str),
}

pub fn queries(products: &Products) -> Result<Vec<Wanted>> {
    let first = &products.listed.first().context("no products")?.product;
    let category: Slug = products.category(first.category).parse()?;
    let style = style_for(products, "bag");
    let words = |name: &str, text| Wanted { text: Some(text), ..Wanted::named(name) };

    Ok(vec![
        words("`backpack`", Text::Words("backpack")),
        words("`running shoes`", Text::Words("running shoes")),
        words("`jacket`", Text::Words("jacket")),
        Wanted {
            price: Some((2_000, 20_000)),
            in_stock: true,
            style,
            ..words("`leather bag`, price, stock, style", Text::Words("leather bag"))
        },
        words("`jack`, unfinished", Text::Unfinished("jack")),
        words("`backpak`, a slip", Text::Slip("backpak")),
        Wanted { category: Some(category.clone()), ..Wanted::named("a category, newest") },
        Wanted {
            category: Some(category),
            price: Some((1_000, 50_000)),
            in_stock: true,
            ..Wanted::named("a category, price, stock")
        },
        Wanted::named("everything, newest"),
    ])
}

/// The first style of a product whose text has the word beside leather.
fn style_for(products: &Products, word: &str) -> Option<String> {
    let texts = products.listed.iter().filter(|listed| {
        let name = listed.product.name.to_lowercase();
        let price = listed.leading().map_or(0, |variant| variant.price.amount);
        let text = format!("{name} {}", listed.product.description.to_lowercase());
        (2_000..=20_000).contains(&price)
            && ["leather", word].iter().all(|word| text.split_whitespace().any(|one| one == *word))
    });

    texts.filter_map(|listed| listed.product.attributes.get("style").cloned()).next()
}

impl Wanted {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: None,
            category: None,
            price: None,
            in_stock: false,
            style: None,
        }
    }

    /// As our door reads it.
    pub fn to_list_query(&self) -> ListQuery {
        let style = self.style.iter().map(|style| ("style".to_owned(), vec![style.clone()]));

        ListQuery {
            q: self.text.map(|text| text.as_str().to_owned()),
            category: self.category.clone().map(Ref::Slug),
            price: self.price.map(|(min, max)| PriceRange { min: Some(min), max: Some(max) }),
            in_stock: self.in_stock,
            attributes: style.collect::<BTreeMap<_, _>>(),
            sort: if self.text.is_some() { Sort::Relevance } else { Sort::Newest },
            ..ListQuery::default()
        }
    }
}

impl Text {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Words(text) | Self::Unfinished(text) | Self::Slip(text) => text,
        }
    }
}
