//! One read through an edge, and whether a change is visible in it.

use domain::ProductId;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use super::sample::Sample;
use crate::http;

/// A product page of 20 variants has some 10 KB.
const BODY_MAX: usize = 1 << 20;

/// What one read through an edge has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Version(u64),
    Missing,
    /// The read failed, or the edge serves a stale response because its origin fails.
    Nothing,
}

/// Whether a change is visible at an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Shown,
    NotYet,
    Unknown,
}

/// The public `version` of the product's JSON.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

pub(crate) async fn look(client: &Client, edge: &str, product: ProductId) -> Seen {
    let request = client
        .get(format!("{edge}/products/{product}"))
        .header(ACCEPT, HeaderValue::from_static("application/json"));
    let Ok(response) = request.send().await else { return Seen::Nothing };

    let status = response.status();
    let cache = response.headers().get("cache-status").and_then(|value| value.to_str().ok());
    let serves_stale = cache.is_some_and(|cache| {
        ["detail=stale-if-error", "detail=log-unavailable"].iter().any(|why| cache.contains(why))
    });
    if serves_stale {
        return Seen::Nothing;
    }
    match status {
        StatusCode::OK => version(response).await.map_or(Seen::Nothing, Seen::Version),
        StatusCode::NOT_FOUND => Seen::Missing,
        _ => Seen::Nothing,
    }
}

async fn version(response: reqwest::Response) -> Option<u64> {
    let body = http::body(response, BODY_MAX).await.ok()?;

    serde_json::from_slice(&body).ok().map(|Versioned { version }| version)
}

impl Seen {
    /// Whether the change is visible. A product that is missing although this row did not remove it
    /// may be a draft, or removed by a later row: only the store can tell.
    pub(crate) const fn of(self, sample: &Sample) -> Look {
        match self {
            Self::Version(version) if version >= sample.version => Look::Shown,
            Self::Missing if sample.is_hard => Look::Shown,
            Self::Version(_) | Self::Missing => Look::NotYet,
            Self::Nothing => Look::Unknown,
        }
    }

    /// The result once the bound has passed; `public` is the version that the store shows now.
    pub(crate) const fn at_last(self, sample: &Sample, public: Option<u64>) -> Look {
        match (self.of(sample), self, public) {
            (Look::NotYet, Self::Missing, None) => Look::Shown,
            (look, ..) => look,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn sample(is_hard: bool) -> Sample {
        let product = "prod_01J9ZC4M5T2W3X4Y5Z6A7B8C9D".parse().unwrap();

        Sample { product, version: 7, is_hard, at: Timestamp::from_millis(0) }
    }

    #[test]
    fn a_change_is_visible_by_its_version_or_by_absence_if_it_removed_the_product() {
        #[rustfmt::skip]
        let table = [
            // seen              hard    first look      at last, while the store shows
            //                                           nothing          a version
            (Seen::Version(6),  false,  Look::NotYet,   Look::NotYet,    Look::NotYet),
            (Seen::Version(7),  false,  Look::Shown,    Look::Shown,     Look::Shown),
            (Seen::Version(9),  false,  Look::Shown,    Look::Shown,     Look::Shown),
            (Seen::Missing,     false,  Look::NotYet,   Look::Shown,     Look::NotYet),
            (Seen::Version(6),  true,   Look::NotYet,   Look::NotYet,    Look::NotYet),
            (Seen::Missing,     true,   Look::Shown,    Look::Shown,     Look::Shown),
            (Seen::Nothing,     false,  Look::Unknown,  Look::Unknown,   Look::Unknown),
            (Seen::Nothing,     true,   Look::Unknown,  Look::Unknown,   Look::Unknown),
        ];

        for (seen, is_hard, first_look, hidden, public) in table {
            let sample = sample(is_hard);

            assert_eq!(seen.of(&sample), first_look, "{seen:?} {is_hard}");
            assert_eq!(seen.at_last(&sample, None), hidden, "{seen:?} {is_hard}");
            assert_eq!(seen.at_last(&sample, Some(8)), public, "{seen:?} {is_hard}");
        }
    }
}
