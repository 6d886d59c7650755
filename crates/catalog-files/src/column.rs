//! The columns of our own: their names in a file and in a `--map`.

use std::fmt;
use std::str::FromStr;

use domain::draft::IMAGES_MAX;
use domain::product::is_attribute_name;

/// A column that the shop understands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    Sku,
    Slug,
    Name,
    Description,
    Category,
    Price,
    CompareAt,
    Stock,
    Brand,
    /// The pictures from 0: `image`, `image.2`, `image.3`, ….
    Image(usize),
    /// What the picture of the same number shows: `image_alt`, `image_alt.2`, ….
    ImageAlt(usize),
    Featured,
    Status,
    /// `options.NAME`
    Option(String),
    /// `attributes.NAME`
    Attribute(String),
}

/// The text names no column of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidColumn {
    #[error(
        "not a column of ours: {0} (ours are sku, slug, name, description, category, price, \
         compare_at, stock, brand, image, image_alt, featured, status, options.NAME and \
         attributes.NAME)"
    )]
    Unknown(String),
    #[error("{0}: the name of an attribute or option is 1 to 32 characters of a-z, 0-9 and _")]
    AttributeName(String),
}

impl Column {
    /// Without these a row means nothing.
    pub const REQUIRED: [Self; 4] = [Self::Sku, Self::Name, Self::Price, Self::Category];
}

impl FromStr for Column {
    type Err = InvalidColumn;

    fn from_str(text: &str) -> Result<Self, InvalidColumn> {
        let shown = || text.chars().take(64).collect::<String>();

        Ok(match text {
            "sku" => Self::Sku,
            "slug" => Self::Slug,
            "name" => Self::Name,
            "description" => Self::Description,
            "category" => Self::Category,
            "price" => Self::Price,
            "compare_at" => Self::CompareAt,
            "stock" => Self::Stock,
            "brand" => Self::Brand,
            "image" => Self::Image(0),
            "image_alt" => Self::ImageAlt(0),
            "featured" => Self::Featured,
            "status" => Self::Status,
            _ => {
                let Some((kind, name)) = text.split_once('.') else {
                    return Err(InvalidColumn::Unknown(shown()));
                };
                match kind {
                    "options" | "attributes" if !is_attribute_name(name) => {
                        return Err(InvalidColumn::AttributeName(shown()));
                    }
                    "options" => Self::Option(name.to_owned()),
                    "attributes" => Self::Attribute(name.to_owned()),
                    "image" | "image_alt" => {
                        let index = picture(name).ok_or_else(|| InvalidColumn::Unknown(shown()))?;
                        if kind == "image" { Self::Image(index) } else { Self::ImageAlt(index) }
                    }
                    _ => return Err(InvalidColumn::Unknown(shown())),
                }
            }
        })
    }
}

/// `2` to the most that a product has, one spelling each, as an index from 0.
fn picture(number: &str) -> Option<usize> {
    (2..=IMAGES_MAX).find(|known| known.to_string() == number).map(|known| known - 1)
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sku => formatter.write_str("sku"),
            Self::Slug => formatter.write_str("slug"),
            Self::Name => formatter.write_str("name"),
            Self::Description => formatter.write_str("description"),
            Self::Category => formatter.write_str("category"),
            Self::Price => formatter.write_str("price"),
            Self::CompareAt => formatter.write_str("compare_at"),
            Self::Stock => formatter.write_str("stock"),
            Self::Brand => formatter.write_str("brand"),
            Self::Image(0) => formatter.write_str("image"),
            Self::Image(index) => write!(formatter, "image.{}", index + 1),
            Self::ImageAlt(0) => formatter.write_str("image_alt"),
            Self::ImageAlt(index) => write!(formatter, "image_alt.{}", index + 1),
            Self::Featured => formatter.write_str("featured"),
            Self::Status => formatter.write_str("status"),
            Self::Option(name) => write!(formatter, "options.{name}"),
            Self::Attribute(name) => write!(formatter, "attributes.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_reads_back_as_it_is_printed() {
        for text in [
            "sku",
            "slug",
            "name",
            "description",
            "category",
            "price",
            "compare_at",
            "stock",
            "brand",
            "image",
            "image.2",
            "image.32",
            "image_alt",
            "image_alt.2",
            "featured",
            "status",
            "options.size",
            "attributes.heel_height",
        ] {
            assert_eq!(text.parse::<Column>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_column_has_one_spelling() {
        for text in [
            "",
            "SKU",
            "image.1",
            "image.02",
            "image.33",
            "attributes.",
            "attributes.Size",
            "options.a b",
            "attributes",
            "stock.2",
        ] {
            assert!(text.parse::<Column>().is_err(), "{text}");
        }
    }
}
