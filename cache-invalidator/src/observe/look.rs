//! One look through an edge, and what it says of a change.

use domain::ProductId;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use super::sample::Sample;
use crate::http;

/// A product page of 20 variants has some 10 KB.
const BODY_MAX: usize = 1 << 20;

/// What an edge showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Version(u64),
    Missing,
    /// It could not say, or said that it stands in for an origin that failed.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Shown,
    NotYet,
    Unknown,
}

/// The product JSON's public `version`: whoever compares it needs no key.
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
    let stands_in = cache.is_some_and(|cache| {
        ["detail=stale-if-error", "detail=log-unavailable"].iter().any(|why| cache.contains(why))
    });
    if stands_in {
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
    /// Whether a change shows in it. A product that is missing without having been taken away by
    /// this row may be a draft, or gone by a later one: only the store can tell.
    pub(crate) const fn of(self, sample: &Sample) -> Look {
        match self {
            Self::Version(version) if version >= sample.version => Look::Shown,
            Self::Missing if sample.is_hard => Look::Shown,
            Self::Version(_) | Self::Missing => Look::NotYet,
            Self::Nothing => Look::Unknown,
        }
    }

    /// The judgement once the bound has passed; `public` is the version that the store shows now.
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
    fn a_change_shows_by_its_version_or_by_absence_where_it_took_something_away() {
        #[rustfmt::skip]
        let table = [
            // seen              hard    at once         at last, while the store shows
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

        for (seen, is_hard, at_once, hidden, public) in table {
            let sample = sample(is_hard);

            assert_eq!(seen.of(&sample), at_once, "{seen:?} {is_hard}");
            assert_eq!(seen.at_last(&sample, None), hidden, "{seen:?} {is_hard}");
            assert_eq!(seen.at_last(&sample, Some(8)), public, "{seen:?} {is_hard}");
        }
    }
}
