//! The shortest way to a hit: a request that is spelt like a key that is kept asks for just that.
//!
//! A key is its read's canonical spelling, which parses to the same read and to no other
//! (`crates/edge-core/tests/keys.rs`). So a request in that spelling needs no parsing: one lookup
//! finds its answer. Whatever is not a plain, current hit goes the long way and is decided there.

use std::net::IpAddr;

use edge_core::Key;
use edge_core::decision::{self, Decision, LogAge, LogUse};
use edge_core::headers::CATALOG_TOKEN;
use http::{Method, Response};
use limits::Admission;

use crate::answer::Asked;
use crate::body::Body;
use crate::catalog::encoding_of;
use crate::edge::Edge;
use crate::limit::unlimited;

impl Edge {
    /// The answer to a request that need not wait for anything; `None` has changed and counted
    /// nothing.
    pub(crate) fn at_once(
        &self,
        method: &Method,
        target: &str,
        asked: &Asked<'_>,
        peer: IpAddr,
    ) -> Option<Response<Body>> {
        let log = LogAge(self.follower.age());
        let is_plain = (asked.is_head || *method == Method::GET)
            && !asked.headers.contains_key(CATALOG_TOKEN)
            && !self.mode.is_off()
            && log.usage() == LogUse::Use;
        if !is_plain {
            return None;
        }
        let kept = self.shelf.get(&Key::spelt(target, encoding_of(asked.headers)))?;
        let now = self.world.now();
        let verdict = kept.verdict(self.follower.table().table());
        let Decision::Serve(hit) = decision::decide(&kept.entry, verdict, log, now) else {
            return None;
        };

        let Some(gate) = &self.read_gate else {
            return Some(unlimited(self.hit(&kept, hit, asked, now)));
        };
        let admission = gate.at_once(self.subject(peer, asked.headers))?;
        let mut response = match &admission {
            Admission::Allowed(_) => self.hit(&kept, hit, asked, now),
            Admission::Refused(decision) => self.too_many(gate, decision),
        };
        gate.mark(response.headers_mut(), &admission);
        Some(response)
    }
}
