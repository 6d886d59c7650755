//! What of a request the edge itself looks at.

use edge_core::{Encoding, conditional};
use wasm_bindgen::JsValue;

use crate::js;

pub(crate) struct RequestView {
    /// Method, URL and headers, one a line.
    text: String,
    /// Where the lines after the first end.
    ends: [usize; 5],
    /// Where the path begins in the URL.
    path: usize,
}

impl RequestView {
    pub fn of(request: &JsValue) -> Self {
        let text = js::asked(request);
        let mut ends = [text.len(); 5];
        for (end, (at, _)) in ends.iter_mut().zip(text.match_indices('\n')) {
            *end = at;
        }
        let url = &text[(ends[0] + 1).min(text.len())..ends[1]];
        let authority = url.find("://").map_or(0, |at| at + 3);
        let path = url[authority..].find('/').map_or(url.len(), |at| authority + at);

        Self { text, ends, path }
    }

    pub fn method(&self) -> &str {
        &self.text[..self.ends[0]]
    }

    /// Path and query. The platform has resolved dot segments and backslashes already, for us and
    /// for the origin alike.
    pub fn target(&self) -> &str {
        &self.line(0)[self.path..]
    }

    pub fn encoding(&self) -> Encoding {
        Encoding::negotiate(self.accept_encoding())
    }

    /// The client's own, not the one that Cloudflare puts in its place.
    pub fn accept_encoding(&self) -> &str {
        self.line(1)
    }

    pub fn knows(&self, etag: &str) -> bool {
        conditional::is_known(self.line(2).as_bytes(), etag)
    }

    pub fn token(&self) -> Option<&str> {
        Some(self.line(3)).filter(|token| !token.is_empty())
    }

    /// As Cloudflare saw it; a client can't make it up.
    pub fn client_addr(&self) -> &str {
        self.line(4)
    }

    pub fn is_head(&self) -> bool {
        self.method() == "HEAD"
    }

    fn line(&self, n: usize) -> &str {
        let from = (self.ends[n] + 1).min(self.text.len());
        let to = self.ends.get(n + 1).copied().unwrap_or(self.text.len());

        self.text.get(from..to).unwrap_or_default()
    }
}
