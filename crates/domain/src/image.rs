//! Pictures of a product: where each is, and what it shows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::is_invisible;

/// As long as every browser and proxy takes.
pub const URL_MAX: usize = 2_048;

/// What the file of a picture ends in, where its name stands without a path before it.
const EXTENSIONS: [&str; 15] = [
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl", "png", "svg", "tif",
    "tiff", "webp",
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Image {
    pub url: ImageUrl,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 512))]
    pub alt: String,
}

/// Where a picture is: an http(s) URL, a path of this site (`/images/a.jpg`), or a picture's file
/// below a folder that the site knows (`a.jpg`). Never what a browser would run, what lies on
/// a local disk, or another host without its scheme (`//host/a.jpg`); and no character that
/// could end the attribute of a page in which it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ImageUrl(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImageUrl {
    #[error("the address of a picture has 1 to {URL_MAX} characters")]
    Length,
    #[error("a URL can't hold {}", .0.escape_debug())]
    Character(char),
    #[error("not an http(s) URL or a path of this site: {0}")]
    NotAnAddress(String),
}

impl ImageUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text begins as a URL with a scheme that pictures have.
    pub fn has_scheme(text: &str) -> bool {
        after_scheme(text).is_some()
    }
}

impl FromStr for ImageUrl {
    type Err = InvalidImageUrl;

    fn from_str(text: &str) -> Result<Self, InvalidImageUrl> {
        if text.is_empty() || text.chars().count() > URL_MAX {
            return Err(InvalidImageUrl::Length);
        }
        if let Some(character) = text.chars().find(|character| !is_of_a_url(*character)) {
            return Err(InvalidImageUrl::Character(character));
        }
        let is_address = match after_scheme(text) {
            Some(rest) => has_host(rest),
            None if text.starts_with('/') => !text.starts_with("//"),
            None => is_picture_file(text),
        };

        if is_address {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidImageUrl::NotAnAddress(text.chars().take(64).collect()))
        }
    }
}

/// RFC 3986 has no blanks, quotes, angle or curly brackets, backslash, caret, grave accent or bar
/// in a URL. The apostrophe, which it has, ends an attribute; `%27` is the same.
fn is_of_a_url(character: char) -> bool {
    !is_invisible(character)
        && !matches!(character, '"' | '\'' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

fn after_scheme(text: &str) -> Option<&str> {
    ["https://", "http://"].iter().find_map(|scheme| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Without a user before it, who only ever hides which host it is.
fn has_host(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();

    !authority.is_empty() && !authority.starts_with(':') && !authority.contains('@')
}

fn is_picture_file(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let known = |extension: &str| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str());

    !path.contains(':')
        && !path.split('/').any(|part| matches!(part, "" | "." | ".."))
        && file.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && known(end))
}

/// The pictures of a stored product. What an earlier version let in and is no picture is left
/// out: a product that can't be read would be worse than one without a picture.
pub(crate) fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Image>, D::Error> {
    #[derive(Deserialize)]
    struct Stored {
        url: String,
        #[serde(default)]
        alt: String,
    }

    let stored = Vec::<Stored>::deserialize(deserializer)?;
    let read = |Stored { url, alt }| Some(Image { url: url.parse().ok()?, alt });
    Ok(stored.into_iter().filter_map(read).collect())
}

impl fmt::Display for ImageUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImageUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

crate::object::from_objects_alone!(Image + Serialize);

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for super::ImageUrl {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(
                    "An http(s) URL, a path of this site (`/images/a.jpg`), or the name of a \
                     picture's file.",
                ))
                .min_length(Some(1))
                .max_length(Some(super::URL_MAX))
                .pattern(Some(r#"^[^\s"'<>\\^`{|}]+$"#))
                .into()
        }
    }

    impl utoipa::ToSchema for super::ImageUrl {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_at_an_http_url_a_path_or_a_pictures_file() {
        for text in [
            "https://x.example/a.jpg",
            "HTTP://x.example:8080/a?b=c&d=%20#e",
            "https://x.example",
            "http://localhost/prestashop/img/p/1/5/15.jpg",
            "/images/a.svg",
            "/",
            "a.jpg",
            "m/u/a.PNG?v=2",
            "https://bücher.example/größe.jpg",
            "https://x.example/w_100,h_100/a;v=1.jpg",
        ] {
            assert_eq!(text.parse::<ImageUrl>().map(|url| url.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_of_a_picture_is_refused() {
        for text in [
            "",
            "see shelf 4",
            "yes",
            "<img src=\"x\">",
            "C:\\pics\\a.jpg",
            "C:/pics/a.jpg",
            "file:///etc/passwd",
            "file:a.jpg",
            "//evil.example/a.jpg",
            "///a.jpg",
            "/\\evil.example",
            "\\\\server\\a.jpg",
            "javascript:alert(1)",
            "data:image/png;base64,AA==",
            "ftp://x.example/a.jpg",
            "https:///a.jpg",
            "https://",
            "http:a.jpg",
            "https://user@x.example/a.jpg",
            "https://:80/a.jpg",
            "https://x.example/a b.jpg",
            "https://x.example/a\".jpg",
            "https://x.example/a'.jpg",
            "/a\u{202e}gpj.jpg",
            "/a\u{200b}.jpg",
            "/a\n.jpg",
            "../a.jpg",
            "evil.example",
            ".jpg",
        ] {
            assert!(text.parse::<ImageUrl>().is_err(), "{text}");
        }
        assert!(format!("/{}", "a".repeat(URL_MAX)).parse::<ImageUrl>().is_err());
    }

    #[test]
    fn a_stored_product_is_read_without_what_is_no_picture() {
        let json = r#"[{"url":"/a.jpg","alt":"A"},{"url":"file:///etc/passwd"},{"url":"a b"}]"#;

        let read = stored(&mut serde_json::Deserializer::from_str(json)).unwrap();

        assert_eq!(read, [Image { url: "/a.jpg".parse().unwrap(), alt: "A".to_owned() }]);
    }
}
