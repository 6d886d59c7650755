//! The shopper's limit on cached reads: who is counted, and what a refusal looks like.

use std::net::IpAddr;

use domain::CatalogRead;
use domain::limits::Subject;
use edge_core::CacheStatus;
use edge_core::arrival::REFUSAL;
use edge_core::browser::{self, READABLE};
use edge_core::client_addr::{self, FORWARDED_FOR};
use http::{HeaderMap, HeaderValue, Response};
use limits::{Admission, RateLimit};

use crate::answer::Asked;
use crate::body::Body;
use crate::edge::Edge;
use crate::problem;

impl Edge {
    /// Answers a cached read, if the shopper has not asked too often.
    pub(crate) async fn within_limit(
        self: &std::sync::Arc<Self>,
        read: CatalogRead,
        asked: Asked<'_>,
    ) -> Response<Body> {
        let Some(gate) = &self.read_gate else {
            return self.catalog(read, asked).await;
        };
        let subject = Subject::address(asked.client);
        let admission = match gate.try_admit(subject) {
            Some(admission) => admission,
            // Of a store that others count in as well.
            None => Box::pin(gate.admit(subject)).await,
        };

        if let Admission::Refused(refused) = &admission {
            return self.too_many(gate, refused);
        }
        let mut response = self.catalog(read, asked).await;
        // The origin's refusal says which limit it was, and when to come back.
        if response.status().as_u16() != REFUSAL {
            gate.set_headers(response.headers_mut(), &admission);
        }
        response
    }

    /// Whose request it is, by address.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter();

        client_addr::of(peer, lines.map(HeaderValue::as_bytes), &self.trusted_proxies)
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

    pub(crate) fn too_many(&self, gate: &RateLimit, refused: &ports::Decision) -> Response<Body> {
        self.measures.answered(&CacheStatus::Refused);

        let problem = gate.problem(refused);
        let mut response = problem::of(problem, &CacheStatus::Refused, &*self.world);
        gate.set_headers(response.headers_mut(), &Admission::Refused(*refused));
        browser::put(response.headers_mut(), &READABLE);
        response
    }
}
