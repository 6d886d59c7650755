//! What the change log calls the things that a write leaves in a new version.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CategoryId, CollectionId, ProductId, VariantId};

/// Text: `prod_…`, `var_…`, `prod_…/var_…`, `cat_…`, `col_…`, `featured`, `bestsellers`,
/// `bestsellers#cat_…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Entity {
    Product(ProductId),
    /// Named beside its product.
    Variant(VariantId),
    /// What pages show of a variant's stock; its version is the moves of the level.
    Availability(ProductId, VariantId),
    Category(CategoryId),
    Collection(CollectionId),
    Featured,
    /// The shop's ranking (`None`), or a category's.
    Bestsellers(Option<CategoryId>),
    /// Of a kind that this build does not know, as it is spelt.
    Unknown(String),
}

impl Entity {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "featured" => return Some(Self::Featured),
            "bestsellers" => return Some(Self::Bestsellers(None)),
            _ => {}
        }
        if let Some(category) = text.strip_prefix("bestsellers#") {
            return Some(Self::Bestsellers(Some(category.parse().ok()?)));
        }
        if let Some((product, variant)) = text.split_once('/') {
            return Some(Self::Availability(product.parse().ok()?, variant.parse().ok()?));
        }

        match text.split_once('_')?.0 {
            "prod" => text.parse().ok().map(Self::Product),
            "var" => text.parse().ok().map(Self::Variant),
            "cat" => text.parse().ok().map(Self::Category),
            "col" => text.parse().ok().map(Self::Collection),
            _ => None,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product(id) => id.fmt(formatter),
            Self::Variant(id) => id.fmt(formatter),
            Self::Availability(product, variant) => write!(formatter, "{product}/{variant}"),
            Self::Category(id) => id.fmt(formatter),
            Self::Collection(id) => id.fmt(formatter),
            Self::Featured => formatter.write_str("featured"),
            Self::Bestsellers(None) => formatter.write_str("bestsellers"),
            Self::Bestsellers(Some(category)) => write!(formatter, "bestsellers#{category}"),
            Self::Unknown(text) => formatter.write_str(text),
        }
    }
}

impl From<String> for Entity {
    fn from(text: String) -> Self {
        Self::parse(&text).unwrap_or(Self::Unknown(text))
    }
}

impl From<&str> for Entity {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Entity> for String {
    fn from(entity: Entity) -> Self {
        entity.to_string()
    }
}

impl From<ProductId> for Entity {
    fn from(id: ProductId) -> Self {
        Self::Product(id)
    }
}

impl From<VariantId> for Entity {
    fn from(id: VariantId) -> Self {
        Self::Variant(id)
    }
}

impl From<CategoryId> for Entity {
    fn from(id: CategoryId) -> Self {
        Self::Category(id)
    }
}

impl From<CollectionId> for Entity {
    fn from(id: CollectionId) -> Self {
        Self::Collection(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01J9ZC4M5T2W3X4Y5Z6A7B8C9D";

    #[test]
    fn an_entity_reads_back_as_it_was_printed() {
        let entities = [
            (Entity::Product(id("prod")), format!("prod_{ID}")),
            (Entity::Variant(id("var")), format!("var_{ID}")),
            (Entity::Availability(id("prod"), id("var")), format!("prod_{ID}/var_{ID}")),
            (Entity::Category(id("cat")), format!("cat_{ID}")),
            (Entity::Collection(id("col")), format!("col_{ID}")),
            (Entity::Featured, "featured".to_owned()),
            (Entity::Bestsellers(None), "bestsellers".to_owned()),
            (Entity::Bestsellers(Some(id("cat"))), format!("bestsellers#cat_{ID}")),
        ];

        for (entity, text) in entities {
            assert_eq!(entity.to_string(), text);
            assert_eq!(Entity::from(text), entity);
        }
    }

    #[test]
    fn what_this_build_does_not_know_keeps_its_spelling_and_is_no_ranking() {
        let lower = format!("prod_{}", ID.to_lowercase());

        for text in ["", "/", "prod_", "page_1", "bestsellers_of_today", "bestsellers#", &lower] {
            let entity = Entity::from(text);

            assert_eq!(entity, Entity::Unknown(text.to_owned()));
            assert_eq!(serde_json::to_value(&entity).unwrap(), text);
        }
    }

    fn id<T: std::str::FromStr>(prefix: &str) -> T
    where
        T::Err: fmt::Debug,
    {
        format!("{prefix}_{ID}").parse().unwrap()
    }
}
