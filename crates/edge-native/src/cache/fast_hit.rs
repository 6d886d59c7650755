//! The fast path to a hit: a request whose target is a stored key needs no parsing.
//!
//! A key is its read's canonical text, which parses to the same read and to no other
//! (`crates/edge-core/tests/keys.rs`), so one lookup with the target as it was received finds the
//! response. Whatever is not a plain, current hit is left to hyper and decided there.

use std::net::IpAddr;

use edge_core::CacheStatus;
use edge_core::decision::{self, Decision, LogAge, LogUse};
use limits::{Admission, Gate};

use crate::cache::store::RawKey;
use crate::edge::Edge;
use crate::http::head::FastRequest;
use crate::http::header_lines::{put_age, put_hit};
use crate::http::raw_response::RawResponse;

impl Edge {
    /// Puts the response into `response`, if nothing has to be waited for; otherwise changes and counts
    /// nothing, and returns `None`.
    pub(crate) fn try_fast_hit(
        &self,
        head: &FastRequest<'_>,
        peer: IpAddr,
        response: &mut RawResponse,
    ) -> Option<()> {
        let log = LogAge(self.follower.age());
        if self.mode.is_off() || log.usage() != LogUse::Use {
            return None;
        }
        let entry = self.store.get_raw(&RawKey { target: head.target, encoding: head.encoding })?;
        entry.response.touch();
        let now = self.world.now();
        let verdict = entry.verdict(self.follower.table().table());
        let Decision::Serve(hit) = decision::decide(&entry.meta, verdict, log, now) else {
            return None;
        };
        let admission = match self.read_gate.as_deref() {
            Some(gate) => Some(self.admission(gate, head, peer)?),
            None => None,
        };

        if let Some((gate, Admission::Refused(refused))) = &admission {
            response.set_refusal(self.rate_limited(gate, refused), head.is_head, now);
            return Some(());
        }
        self.metrics.count_response(&CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail });
        let form = entry.response.form(head.is_head, head.if_none_match.into_iter());
        let age = entry.meta.age(now);
        response.hit(entry, form, |fields| {
            put_age(fields, age);
            put_hit(fields, hit.ttl);
            if let Some((gate, admission)) = &admission {
                gate.write(fields, admission);
            }
        });
        Some(())
    }

    fn admission<'a>(
        &self,
        gate: &'a Gate,
        head: &FastRequest<'_>,
        peer: IpAddr,
    ) -> Option<(&'a Gate, Admission)> {
        let subject = self.subject(peer, head.forwarded_for.into_iter());

        Some((gate, gate.at_once(subject)?))
    }
}
