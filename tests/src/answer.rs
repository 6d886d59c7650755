//! One HTTP answer, read whole.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for messages: `GET /products`.
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {self}"))
    }

    /// The answer itself, when it has this status.
    pub fn must_be(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "wanted {status}: {self}");
        Ok(self)
    }

    /// Whether a cache on the way had it (RFC 9211).
    pub fn is_hit(&self) -> bool {
        self.cache_parameters().any(|parameter| parameter == "hit")
    }

    /// The parameters of `Cache-Status`, of whichever cache.
    pub fn cache_parameters(&self) -> impl Iterator<Item = &str> {
        // One line each, where a cache has put its own behind another's.
        let lines = self.headers.get_all("cache-status").iter();

        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split([';', ',']))
            .map(str::trim)
    }

    /// Checks that this is a problem as RFC 9457 and the shop's conventions have it; gives its code.
    pub fn problem(&self) -> Result<String> {
        let kind = self.header("content-type");
        ensure!(kind.starts_with("application/problem+json"), "no problem type: {self}");
        let body = self.json()?;
        for field in ["type", "title", "detail", "code"] {
            ensure!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {self}");
        }
        ensure!(body["status"] == self.status, "the status in the body differs: {self}");
        ensure!(
            self.header("cache-control").contains("no-store") || self.status == 404,
            "a problem that may be kept: {self}"
        );
        if let Some(errors) = body.get("errors") {
            let errors = errors.as_array().with_context(|| format!("errors: {self}"))?;
            for error in errors {
                for field in ["pointer", "code", "detail"] {
                    ensure!(error[field].is_string(), "errors without {field}: {self}");
                }
            }
        }
        for secret in ["panicked", "src/", "sqlite", "SQLITE", "/tmp/"] {
            ensure!(!body.to_string().contains(secret), "shows its inside ({secret}): {self}");
        }

        Ok(body["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);

        write!(formatter, "{} answered {} {:?} {body:.600}", self.asked, self.status, self.headers)
    }
}
