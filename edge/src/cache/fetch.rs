//! Asks the origin for a cached read, judges the response, and stores it if it may be stored.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL};
use domain::{CatalogRead, RowId, Seq};
use edge_core::cache_status::Detail;
use edge_core::decision::Outcome;
use edge_core::fields::Lines as _;
use edge_core::headers::{SEEN, TAGS};
use edge_core::origin_response::{Disposition, OriginResponse};
use edge_core::{Encoding, EntryMeta, Failure, Key, decision, unique};

use crate::cache::data_center::DataCenterCache;
use crate::cache::store::CacheEntry;
use crate::edge::{Edge, behind, now};
use crate::http::prepared_response::PreparedResponse;
use crate::http::request_view::RequestView;
use crate::js::{self, Context};
use crate::upstream::origin::{OriginRequest, UpstreamResponse};

/// For the origin's whole answer to a cached read.
pub(crate) const FETCH_WITHIN: Duration = Duration::from_secs(10);
/// A page of 100 products has some 200 KB.
const BODY_MAX: u32 = 8 << 20;
/// The first answer, the whole one where a 304 did not do, the plain one where a proxy has encoded
/// it by itself, and one that is not behind.
const QUESTIONS_MAX: u32 = 4;

/// What came of asking the origin.
pub(crate) enum FetchOutcome {
    /// A response that may be stored.
    Cacheable {
        entry: Rc<CacheEntry>,
        /// The origin confirmed the stored bytes with a 304.
        is_validated: bool,
    },
    /// One that is shown and not stored.
    Uncacheable {
        response: PreparedResponse,
        detail: Option<Detail>,
    },
    Failed(Failure),
}

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

/// What the origin says of an answer, for the data centre's cache.
struct Told {
    /// Without it no other isolate could tell whether the response was undone.
    seen: Option<RowId>,
    /// The origin's own words.
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

impl FetchOutcome {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cacheable { is_validated: true, .. } => "validated",
            Self::Cacheable { .. } => "kept",
            Self::Uncacheable { .. } => "passing",
            Self::Failed(failure) => failure.name(),
        }
    }

    /// `None` where the answer may be kept.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Failed(failure) => Some(Outcome::Failed(*failure)),
            Self::Uncacheable { response, .. } => Some(Outcome::Answered(response.status)),
            Self::Cacheable { .. } => None,
        }
    }
}

impl Edge {
    pub(crate) async fn fill(self: &Rc<Self>, fill: &Fill, context: &Context) -> FetchOutcome {
        let outcome = self.asked_for(fill, context).await.unwrap_or_else(FetchOutcome::Failed);

        if let Some(entry) = &fill.entry
            && outcome.outcome().is_some_and(Outcome::is_failure)
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
        let mut validated = fill.entry.clone().filter(|_| fill.revalidate);
        let mut min_seq = self.required_seq(fill);
        let mut encoding = fill.key.encoding;
        let mut again = false;
        let mut target = Cow::Borrowed(fill.key.target());

        for _ in 0..QUESTIONS_MAX {
            let ask = OriginRequest {
                target: &target,
                encoding,
                min_seq,
                validator: validated.as_ref().and_then(|entry| entry.response.etag()),
                client_addr: &fill.client_addr,
                refills: fill.refills,
            };
            let asked_at = now();
            let reply = self.ask_origin(ask, BODY_MAX, FETCH_WITHIN).await?;
            let seen = reply.fields.joined(SEEN).and_then(|seen| seen.parse().ok());
            if let Some(seen) = &seen {
                self.log.borrow_mut().hear_of(seen);
            }
            let received = OriginResponse {
                status: reply.status,
                fields: &reply.fields,
                // The platform breaks off what is not.
                is_complete: true,
                resource: fill.read.resource(),
                encoding,
                validated: validated.as_ref().map(|entry| entry.response.status),
                again,
            };
            let arrived = received.judge(self.log.borrow().table());
            let validated_by = validated.as_deref().filter(|_| received.is_unchanged());

            match arrived {
                Disposition::Store(storable) => {
                    let response = self.cacheable(&reply, validated_by)?;
                    let is_validated = validated_by.is_some();
                    let meta = storable.into_meta(asked_at, js::random() as u64);
                    let tags = reply.fields.joined(TAGS).unwrap_or_default();
                    let told = Told { seen, tags };
                    let entry = self.keep(fill, meta, response, told, context);
                    return Ok(FetchOutcome::Cacheable { entry, is_validated });
                }
                Disposition::Show { detail, .. } => {
                    if detail.is_some() {
                        // What it knows and we don't may be a row that we have not read yet.
                        self.read_on(context, now());
                    }
                    let response = self.uncacheable(&reply, validated_by)?;
                    return Ok(FetchOutcome::Uncacheable { response, detail });
                }
                Disposition::AskWhole => validated = None,
                Disposition::AskPlain => encoding = Encoding::Identity,
                Disposition::AskAgain { min_seq: required } => {
                    js::error(&format!("{}: an answer behind the change log", fill.key.as_str()));
                    min_seq = Some(required);
                    // The old answer may be that of a cache on the way.
                    target = unique(fill.key.target(), js::random()).into();
                    again = true;
                }
                Disposition::Foreign => {
                    js::error(&format!("{}: the answer is not the origin's", fill.key.as_str()));
                    return Err(Failure::Foreign(reply.status));
                }
                Disposition::Unusable(_) => return Err(Failure::Unusable),
            }
        }
        Err(Failure::Unusable)
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
