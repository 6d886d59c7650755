//! The shopper's limit on cached reads: who is counted, and what a refusal looks like.

use std::net::IpAddr;

use domain::CatalogRead;
use domain::limits::Subject;
use edge_core::CacheStatus;
use edge_core::browser::{self, READABLE};
use http::{HeaderValue, Response};
use limits::{Admission, Gate};

use crate::answer::Asked;
use crate::body::Body;
use crate::client_addr;
use crate::edge::Edge;
use crate::problem;

const FORWARDED_FOR: &str = "x-forwarded-for";

impl Edge {
    /// Answers a cached read, if the shopper has not asked too often.
    pub(crate) async fn within_limit(
        self: &std::sync::Arc<Self>,
        read: CatalogRead,
        asked: Asked<'_>,
        peer: IpAddr,
    ) -> Response<Body> {
        let Some(gate) = &self.read_gate else {
            return self.catalog(read, asked).await;
        };
        let lines = asked.headers.get_all(FORWARDED_FOR).iter();
        let subject = self.subject(peer, lines.map(HeaderValue::as_bytes));
        let admission = match gate.at_once(subject) {
            Some(admission) => admission,
            // Of a store that others count in as well.
            None => Box::pin(gate.admit(subject)).await,
        };

        if let Admission::Refused(refused) = &admission {
            return self.too_many(gate, refused);
        }
        let mut response = self.catalog(read, asked).await;
        gate.mark(response.headers_mut(), &admission);
        response
    }

    /// Who is counted: the address, since there are no customers yet whose cookie could be checked.
    /// Nothing else that a client sends says who it is.
    pub(crate) fn subject<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Subject {
        Subject::address(client_addr::of(peer, forwarded_for, &self.trusted_proxies))
    }

    pub(crate) fn too_many(&self, gate: &Gate, refused: &ports::Decision) -> Response<Body> {
        self.measures.answered(&CacheStatus::Refused);

        let problem = gate.problem(refused);
        let mut response = problem::of(problem, &CacheStatus::Refused, &*self.world);
        gate.mark(response.headers_mut(), &Admission::Refused(*refused));
        browser::put(response.headers_mut(), &READABLE);
        response
    }
}
