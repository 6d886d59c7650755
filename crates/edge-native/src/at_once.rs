//! The shortest way to a hit: a request that is spelt like a key that is kept asks for just that.
//!
//! A key is its read's canonical spelling, which parses to the same read and to no other
//! (`crates/edge-core/tests/keys.rs`). So a request in that spelling needs no parsing: one lookup
//! finds its answer. Whatever is not a plain, current hit goes the long way and is decided there.

use std::net::IpAddr;

use edge_core::CacheStatus;
use edge_core::decision::{self, Decision, LogAge, LogUse};
use limits::{Admission, RateLimit};

use crate::edge::Edge;
use crate::head::Head;
use crate::kept::Spelt;
use crate::lines::{put_age, put_hit};
use crate::reply::Reply;

impl Edge {
    /// Puts an answer that need not wait for anything into `reply`; `None` has changed and counted
    /// nothing.
    pub(crate) fn at_once(&self, head: &Head<'_>, peer: IpAddr, reply: &mut Reply) -> Option<()> {
        let log = LogAge(self.follower.age());
        if self.mode.is_off() || log.usage() != LogUse::Use {
            return None;
        }
        let kept = self.shelf.spelt(&Spelt { target: head.target, encoding: head.encoding })?;
        kept.answer.touch();
        let now = self.world.now();
        let verdict = kept.verdict(self.follower.table().table());
        let Decision::Serve(hit) = decision::decide(&kept.entry, verdict, log, now) else {
            return None;
        };
        let admission = match self.read_gate.as_deref() {
            Some(gate) => Some(self.admission(gate, head, peer)?),
            None => None,
        };

        if let Some((gate, Admission::Refused(refused))) = &admission {
            reply.say(self.too_many(gate, refused), head.is_head, now);
            return Some(());
        }
        self.measures.answered(&CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail });
        let form = kept.answer.form(head.is_head, head.if_none_match.into_iter());
        let age = kept.entry.age(now);
        reply.hit(kept, form, |fields| {
            put_age(fields, age);
            put_hit(fields, hit.ttl);
            if let Some((gate, admission)) = &admission {
                gate.write_headers(fields, admission);
            }
        });
        Some(())
    }

    fn admission<'a>(
        &self,
        gate: &'a RateLimit,
        head: &Head<'_>,
        peer: IpAddr,
    ) -> Option<(&'a RateLimit, Admission)> {
        let subject = self.subject(peer, head.forwarded_for.into_iter());

        Some((gate, gate.try_admit(subject)?))
    }
}
