//! Asks the origin for a cached read, judges the response, and stores it if it may be stored.

use std::rc::Rc;
use std::time::Duration;

use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL};
use domain::{CatalogRead, RowId, Seq};
use edge_core::fetch::{self, Arrived, AskAgain, CatalogFetch, Step};
use edge_core::fields::Lines as _;
use edge_core::headers::{SEEN, TAGS};
use edge_core::{EntryMeta, Failure, Key, decision};

use crate::cache::data_center::DataCenterCache;
use crate::cache::store::CacheEntry;
use crate::edge::Edge;
use crate::http::prepared_response::PreparedResponse;
use crate::http::request_view::RequestView;
use crate::js::{self, Context};
use crate::runtime::{behind, now};
use crate::upstream::origin::{OriginRequest, UpstreamResponse};

/// For the origin's whole answer to a cached read.
pub(crate) const FETCH_WITHIN: Duration = Duration::from_secs(10);
/// A page of 100 products has some 200 KB.
const BODY_MAX: u32 = 8 << 20;

/// What came of asking the origin.
pub(crate) type FetchOutcome = fetch::FetchOutcome<Rc<CacheEntry>, PreparedResponse>;

/// A cached read that has to be fetched.
#[derive(Clone)]
pub(crate) struct Fill {
    pub read: CatalogRead,
    pub key: Key,
    /// What is stored and can't be served as it is.
    pub entry: Option<Rc<CacheEntry>>,
    /// Its bytes may still be right.
    pub revalidate: bool,
    /// The position of the client's own last write.
    pub at_least: Option<Seq>,
    /// The client, by whom the origin's rate limit counts.
    pub client_addr: Rc<str>,
    /// The stored response was invalidated by the change log.
    pub refills: bool,
}

/// What the data centre's cache needs beside a response.
struct Told {
    /// Without it no other isolate could tell whether the response was undone.
    seen: Option<RowId>,
    /// The tags, as the origin wrote them.
    tags: String,
}

impl Fill {
    pub fn new(read: CatalogRead, key: Key, view: &RequestView) -> Self {
        let client_addr = view.client_addr().into();

        Self {
            read,
            key,
            entry: None,
            revalidate: false,
            at_least: None,
            client_addr,
            refills: false,
        }
    }
}

impl Edge {
    pub(crate) async fn fill(self: &Rc<Self>, fill: &Fill, context: &Context) -> FetchOutcome {
        let outcome = self.asked_for(fill, context).await.unwrap_or_else(FetchOutcome::Failed);

        if let Some(entry) = &fill.entry
            && outcome.has_failed()
        {
            entry.note_failure(now());
        }
        outcome
    }

    async fn asked_for(
        self: &Rc<Self>,
        fill: &Fill,
        context: &Context,
    ) -> Result<FetchOutcome, Failure> {
        let stored = fill.entry.as_deref().filter(|_| fill.revalidate);
        let validates = stored.map(|entry| entry.response.status);
        let (resource, min_seq) = (fill.read.resource(), self.required_seq(fill));
        let mut fetch = CatalogFetch::start(&fill.key, resource, min_seq, validates);

        loop {
            let request = OriginRequest {
                target: fetch.target(),
                encoding: fetch.encoding(),
                min_seq: fetch.min_seq(),
                validator: stored
                    .filter(|_| fetch.is_conditional())
                    .and_then(|entry| entry.response.etag()),
                client_addr: &fill.client_addr,
                refills: fill.refills,
            };
            let asked_at = now();
            let reply = self.ask_origin(request, BODY_MAX, FETCH_WITHIN).await?;
            let seen = reply.fields.joined(SEEN).and_then(|seen| seen.parse().ok());
            if let Some(seen) = &seen {
                self.log.borrow_mut().hear_of(seen);
            }
            // The platform breaks off what is not complete.
            let arrived =
                Arrived { status: reply.status, fields: &reply.fields, is_complete: true };
            let step = fetch.on_response(arrived, self.log.borrow().table(), js::random);

            match step {
                Step::Ask(AskAgain::ForNewer) => {
                    js::error(&format!("{}: an answer behind the change log", fill.key.as_str()));
                }
                Step::Ask(AskAgain::Unconditionally | AskAgain::ForPlainBytes) => {}
                Step::Store { storable, is_validated } => {
                    let response = self.cacheable(&reply, stored.filter(|_| is_validated))?;
                    let meta = storable.into_meta(asked_at, js::random() as u64);
                    let tags = reply.fields.joined(TAGS).unwrap_or_default();
                    let told = Told { seen, tags };
                    let entry = self.keep(fill, meta, response, told, context);
                    return Ok(FetchOutcome::Cacheable { entry, is_validated });
                }
                Step::Show { detail, is_shareable, is_validated } => {
                    if detail.is_some() {
                        // The origin may know of a row that this isolate has not read yet.
                        self.read_on(context, now());
                    }
                    let response = self.uncacheable(&reply, stored.filter(|_| is_validated))?;
                    let status = response.status;
                    return Ok(FetchOutcome::Uncacheable {
                        response,
                        status,
                        detail,
                        is_shareable,
                    });
                }
                Step::Fail(error) => {
                    js::error(&format!("{}: {error}", fill.key.as_str()));
                    return Err(error.failure());
                }
            }
        }
    }

    fn required_seq(&self, fill: &Fill) -> Option<Seq> {
        let log = self.log.borrow();
        let entry = fill.entry.as_ref().map(|entry| &entry.meta);

        decision::required_seq(log.table(), entry, &fill.read).max(fill.at_least)
    }

    fn cacheable(
        &self,
        reply: &UpstreamResponse,
        validated: Option<&CacheEntry>,
    ) -> Result<PreparedResponse, Failure> {
        match validated {
            Some(entry) => Ok(entry.response.validated(&reply.fields)),
            None => Ok(PreparedResponse::cacheable(
                reply.status,
                &reply.fields,
                reply.bytes()?,
                self.policy(),
            )),
        }
    }

    fn uncacheable(
        &self,
        reply: &UpstreamResponse,
        validated: Option<&CacheEntry>,
    ) -> Result<PreparedResponse, Failure> {
        if let Some(entry) = validated {
            return Ok(entry.response.validated(&reply.fields));
        }
        let mut fields = reply.fields.clone();
        if fields.get("cache-control") == Some(EDGE_CACHE_CONTROL) {
            fields.set("cache-control", BROWSER_CACHE_CONTROL);
        }
        Ok(PreparedResponse::uncacheable(reply.status, &fields, reply.bytes()?, self.policy()))
    }

    fn keep(
        &self,
        fill: &Fill,
        meta: EntryMeta,
        response: PreparedResponse,
        told: Told,
        context: &Context,
    ) -> Rc<CacheEntry> {
        let log = self.log.borrow();
        let entry = Rc::new(CacheEntry::new(meta, response, log.position()));
        if log.is_cache_off() {
            return entry;
        }
        self.store.borrow_mut().put(&fill.key, &entry, log.table());

        let Told { seen: Some(seen), tags } = told else { return entry };
        let data_center = DataCenterCache::new(&self.settings.public_host);
        let (key, saved) = (fill.key.clone(), Rc::clone(&entry));
        behind(context, async move { data_center.save(&key, &saved, seen, &tags).await });
        entry
    }
}
