//! Catalogue reads as responses: from memory at once, or through the cache.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Uri};
use axum::response::Response;
use cache::Follower;
use domain::{Resource, Seq};
use edge_core::route::Route;
use ports::World;

use super::reads::Reads;
use super::response::{Requester, respond};
use crate::access::Caller;
use crate::problem::Problem;
use crate::token::TokenKey;

#[derive(Clone)]
pub struct CatalogReads {
    pub reads: Reads,
    pub follower: Follower,
    pub tokens: Arc<TokenKey>,
    pub world: Arc<dyn World>,
}

impl CatalogReads {
    /// The response to a request. The parser is the one that edges use, so that neither sees a
    /// request that the other does not.
    pub async fn respond(&self, request: &Parts, caller: &Caller) -> Result<Response, Problem> {
        let (method, headers) = (request.method.as_str(), &request.headers);
        let Route::Catalog(read) = Route::of(method, target(&request.uri))? else {
            return Err(Problem::not_found("page"));
        };
        let (requester, min_seq) = self.requester(caller, headers);
        let answer = self.reads.get(read, min_seq).await?;

        Ok(respond(&answer, headers, requester, &self.follower))
    }

    /// The response to a request whose answer is in memory and may be served as it is.
    pub fn try_from_memory<B>(
        &self,
        request: &Request<B>,
        caller: &Caller,
    ) -> Option<(Resource, Response)> {
        let (method, headers) = (request.method().as_str(), request.headers());
        let Ok(Route::Catalog(read)) = Route::of(method, target(request.uri())) else {
            return None;
        };
        let (requester, min_seq) = self.requester(caller, headers);
        let answer = self.reads.peek(&read, min_seq)?;

        Some((read.resource(), respond(&answer, headers, requester, &self.follower)))
    }

    /// Entries in memory, and their bytes.
    pub fn size(&self) -> (u64, u64) {
        self.reads.size()
    }

    /// Only an edge and the bearer of a token may require a minimum position.
    fn requester(&self, caller: &Caller, headers: &HeaderMap) -> (Requester, Option<Seq>) {
        if let Caller::Edge(edge) = caller {
            return (Requester::Edge(edge.encoding), edge.min_seq);
        }
        match self.tokens.read(headers, self.world.now()) {
            // A position in a log of another name means nothing in this one.
            Some(written) => (Requester::Writer, self.follower.place_of(&written)),
            None => (Requester::Anyone, None),
        }
    }
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}
