//! The shopper's limit on cached reads: who is counted, and what a refusal looks like.

use std::net::IpAddr;

use domain::CatalogRead;
use domain::limits::Subject;
use edge_core::CacheStatus;
use http::{HeaderMap, Response};
use limits::{Admission, Gate, RATELIMIT, RATELIMIT_POLICY};

use crate::answer::Asked;
use crate::body::Body;
use crate::client_addr;
use crate::edge::Edge;
use crate::problem;

impl Edge {
    /// Answers a cached read, if the shopper has not asked too often.
    pub(crate) async fn within_limit(
        self: &std::sync::Arc<Self>,
        read: CatalogRead,
        asked: Asked<'_>,
        peer: IpAddr,
    ) -> Response<Body> {
        let Some(gate) = &self.read_gate else {
            return unlimited(self.catalog(read, asked).await);
        };
        let subject = self.subject(peer, asked.headers);
        let admission = match gate.at_once(subject) {
            Some(admission) => admission,
            // Of a store that others count in as well.
            None => Box::pin(gate.admit(subject)).await,
        };

        let mut response = match &admission {
            Admission::Allowed(_) => self.catalog(read, asked).await,
            Admission::Refused(decision) => self.too_many(gate, decision),
        };
        gate.mark(response.headers_mut(), &admission);
        response
    }

    /// Who is counted: the address, since there are no customers yet whose cookie could be checked.
    /// Nothing else that a client sends says who it is.
    pub(crate) fn subject(&self, peer: IpAddr, headers: &HeaderMap) -> Subject {
        if self.trusted_proxies.is_empty() {
            return Subject::address(peer);
        }
        let lines = headers.get_all("x-forwarded-for").iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();

        Subject::address(client_addr::of(peer, lines.into_iter(), &self.trusted_proxies))
    }

    pub(crate) fn too_many(&self, gate: &Gate, refused: &ports::Decision) -> Response<Body> {
        self.measures.answered(&CacheStatus::Refused);

        problem::of(gate.problem(refused), &CacheStatus::Refused, &*self.world)
    }
}

/// Without the places that an answer holds for a gate's words.
pub(crate) fn unlimited(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove(RATELIMIT);
    headers.remove(RATELIMIT_POLICY);

    response
}
