//! The shopper's limit on cached reads: who is counted, and what a refusal looks like.

use std::net::IpAddr;

use domain::CatalogRead;
use domain::limits::Subject;
use edge_core::CacheStatus;
use edge_core::browser::{self, READABLE};
use edge_core::client_addr::{self, FORWARDED_FOR};
use edge_core::origin_response::REFUSAL;
use http::{HeaderMap, HeaderValue, Response};
use limits::{Admission, Gate};

use crate::edge::Edge;
use crate::http::body::Body;
use crate::http::prepared_response::RequestView;
use crate::http::problem;

impl Edge {
    /// Answers a cached read within the client's rate limit.
    pub(crate) async fn within_limit(
        self: &std::sync::Arc<Self>,
        read: CatalogRead,
        view: RequestView<'_>,
    ) -> Response<Body> {
        let Some(gate) = &self.read_gate else {
            return self.read_catalog(read, view).await;
        };
        let subject = Subject::address(view.client);
        let admission = match gate.at_once(subject) {
            Some(admission) => admission,
            // Of a store that others count in as well.
            None => Box::pin(gate.admit(subject)).await,
        };

        if let Admission::Refused(refused) = &admission {
            return self.rate_limited(gate, refused);
        }
        let mut response = self.read_catalog(read, view).await;
        // The origin's refusal says which limit it was, and when to come back.
        if response.status().as_u16() != REFUSAL {
            gate.mark(response.headers_mut(), &admission);
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

    pub(crate) fn rate_limited(&self, gate: &Gate, refused: &ports::Decision) -> Response<Body> {
        self.metrics.count_response(&CacheStatus::Refused);

        let problem = gate.problem(refused);
        let mut response = problem::of(problem, &CacheStatus::Refused, &*self.world);
        gate.mark(response.headers_mut(), &Admission::Refused(*refused));
        browser::put(response.headers_mut(), &READABLE);
        response
    }
}
