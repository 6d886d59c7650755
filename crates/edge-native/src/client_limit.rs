//! The rate limit on cached reads: which client a request counts for, and what a refusal looks
//! like.

use std::net::IpAddr;
use std::sync::Arc;

use domain::limits::Subject;
use edge_core::CacheStatus;
use edge_core::browser::{self, READABLE};
use edge_core::client_addr::{self, FORWARDED_FOR};
use edge_core::failure::REFUSAL;
use http::{HeaderMap, HeaderValue, Response};
use limits::{Admission, RateLimit};
use ports::World;

use crate::http::body::Body;
use crate::http::head::FastRequest;
use crate::http::problem;
use crate::metrics::Metrics;

/// The limit on cached reads, and the proxies that are trusted to name the client.
pub(crate) struct ReadLimit {
    /// `None`: unlimited.
    pub gate: Option<Arc<RateLimit>>,
    pub trusted_proxies: Vec<IpAddr>,
}

/// Applies the limit, and answers the requests that are beyond it.
pub(crate) struct ClientLimit {
    limit: ReadLimit,
    metrics: Arc<Metrics>,
    world: Arc<dyn World>,
}

/// A request that was counted, or that no limit applies to.
pub(crate) struct Counted<'a>(Option<(&'a RateLimit, Admission)>);

impl ClientLimit {
    pub const fn new(limit: ReadLimit, metrics: Arc<Metrics>, world: Arc<dyn World>) -> Self {
        Self { limit, metrics, world }
    }

    /// Counts a cached read of this client.
    pub async fn count(&self, client: IpAddr) -> Counted<'_> {
        let Some(gate) = self.limit.gate.as_deref() else { return Counted(None) };
        let subject = Subject::address(client);
        let admission = match gate.try_admit(subject) {
            Some(admission) => admission,
            // The count is in a store that several processes share.
            None => Box::pin(gate.admit(subject)).await,
        };

        Counted(Some((gate, admission)))
    }

    /// The same without waiting; `None` if the count has to be waited for.
    pub fn try_count(&self, peer: IpAddr, head: &FastRequest<'_>) -> Option<Counted<'_>> {
        let Some(gate) = self.limit.gate.as_deref() else { return Some(Counted(None)) };
        let forwarded_for = head.forwarded_for.into_iter();
        let client = client_addr::of(peer, forwarded_for, &self.limit.trusted_proxies);
        let admission = gate.try_admit(Subject::address(client))?;

        Some(Counted(Some((gate, admission))))
    }

    /// The answer to a request that is beyond the limit.
    pub fn refusal(&self, counted: &Counted<'_>) -> Option<Response<Body>> {
        let Some((gate, admission @ Admission::Refused(refused))) = &counted.0 else { return None };
        self.metrics.count_response(&CacheStatus::Refused);
        let problem = gate.problem(refused);
        let mut response = problem::of(problem, &CacheStatus::Refused, &*self.world);
        gate.set_headers(response.headers_mut(), admission);
        browser::put(response.headers_mut(), &READABLE);

        Some(response)
    }

    /// The address that a request comes from. It is what is counted, since there are no customers
    /// yet whose cookie could be checked, and nothing else that a client sends identifies it.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter();

        client_addr::of(peer, lines.map(HeaderValue::as_bytes), &self.limit.trusted_proxies)
    }
}

impl Counted<'_> {
    /// Adds what is left of the limit.
    pub fn mark(&self, response: &mut Response<Body>) {
        // The origin's refusal says which limit it was, and when to come back.
        if let Some((gate, admission)) = &self.0
            && response.status().as_u16() != REFUSAL
        {
            gate.set_headers(response.headers_mut(), admission);
        }
    }

    /// The same as lines of a head.
    pub fn write(&self, fields: &mut Vec<u8>) {
        if let Some((gate, admission)) = &self.0 {
            gate.write_headers(fields, admission);
        }
    }
}
