//! Asking the origin for a cached read, judging what it answers, and keeping what may be kept.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL};
use domain::{CatalogRead, RowId, Seq, TagTable, Timestamp};
use edge_core::arrival::{Arrival, Arrived};
use edge_core::cache_status::Detail;
use edge_core::{Encoding, Entry, Failure, Key, decision, headers, unique};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::edge::Edge;
use crate::kept::Kept;
use crate::measures::Behind;
use crate::origin::{Ask, Whole};

/// What came of asking.
#[derive(Clone)]
pub(crate) enum Landed {
    /// An answer that may be kept.
    Kept {
        kept: Arc<Kept>,
        /// Its bytes were there before, and the origin called them right.
        is_validated: bool,
    },
    /// One that is shown and forgotten.
    Passing {
        answer: Arc<Answer>,
        detail: Option<Detail>,
        /// Whoever asked for the same at the same time may have it too.
        is_shareable: bool,
    },
    Failed(Failure),
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Fill {
    pub read: CatalogRead,
    pub key: Key,
    /// What is kept of it, and can't be served as it is.
    pub kept: Option<Arc<Kept>>,
    /// Its bytes may still be right.
    pub revalidate: bool,
    /// What whoever asks has written.
    pub at_least: Option<Seq>,
    /// For whom.
    pub client: IpAddr,
    /// What is kept was invalidated by the change log.
    pub refills: bool,
}

impl Fill {
    /// Of a read of which nothing is kept.
    pub fn new(read: CatalogRead, key: Key, client: IpAddr) -> Self {
        Self { read, key, kept: None, revalidate: false, at_least: None, client, refills: false }
    }
}

impl Edge {
    /// Asks once, and once more if the answer is older than what is known of its tags. Takes at
    /// most twice [`crate::Limits::fetch_within`]: for its turn and for the answers.
    pub(crate) async fn fill(&self, fill: &Fill) -> Landed {
        let within = self.limits.fetch_within;
        let landed = match timeout(within, self.fetches.acquire()).await {
            Ok(_turn) => timeout(within, self.ask(fill)).await.unwrap_or(Err(Failure::Timeout)),
            Err(_) => Err(Failure::Timeout),
        };

        landed.unwrap_or_else(|failure| {
            self.measures.failed(failure);
            Landed::Failed(failure)
        })
    }

    async fn ask(&self, fill: &Fill) -> Result<Landed, Failure> {
        let mut validated = fill.kept.clone().filter(|_| fill.revalidate);
        let mut min_seq = self.least(fill);
        let mut encoding = fill.key.encoding;
        let mut again = false;
        let mut target = Cow::Borrowed(fill.key.target());

        loop {
            let ask = Ask {
                target: &target,
                encoding,
                min_seq,
                validator: validated.as_ref().and_then(|kept| kept.answer.etag()),
                client: Some(fill.client),
                refills: fill.refills,
            };
            let asked_at = self.world.now();
            let limits = &self.limits;
            let whole = self.origin.read(ask, limits.cached_body_max, limits.fetch_within).await?;
            if let Some(seen) = seen(&whole) {
                self.follower.hear_of(&seen);
            }
            // What a 304 is about.
            let unchanged =
                validated.as_deref().filter(|_| whole.status == StatusCode::NOT_MODIFIED);
            let arrival = Arrival {
                status: whole.status.as_u16(),
                fields: &whole.headers,
                is_complete: whole.is_complete,
                resource: fill.read.resource(),
                encoding,
                validated: validated.as_ref().map(|kept| kept.answer.status.as_u16()),
                again,
            };
            // Judged and kept by one state of the table.
            let table = self.follower.table();

            match arrival.judge(table.table()) {
                Arrived::Keep(storable) => {
                    let entry = storable.entry(asked_at, self.world.random() as u64);
                    let is_validated = unchanged.is_some();
                    let kept =
                        self.keep(fill, entry, kept(&whole, unchanged, asked_at), table.table());
                    return Ok(Landed::Kept { kept, is_validated });
                }
                Arrived::Pass { detail: None, is_shareable } => {
                    let answer = Arc::new(passing(whole, unchanged));
                    return Ok(Landed::Passing { answer, detail: None, is_shareable });
                }
                Arrived::Pass { detail, is_shareable } => {
                    if detail == Some(Detail::Behind) {
                        self.measures.was_behind(Behind::Shown);
                    }
                    // What it knows and we don't may be a row that we have not read yet.
                    self.follower.kick();
                    let answer = Arc::new(kept(&whole, unchanged, asked_at));
                    return Ok(Landed::Passing { answer, detail, is_shareable });
                }
                Arrived::AskWhole => validated = None,
                Arrived::AskPlain => encoding = Encoding::Identity,
                Arrived::AskAgain { min_seq: required } => {
                    self.measures.was_behind(Behind::AskedAgain);
                    min_seq = Some(required);
                    // The old answer may be that of a cache on the way.
                    target = unique(fill.key.target(), self.world.random()).into();
                    again = true;
                }
                Arrived::Foreign => {
                    let status = whole.status.as_u16();
                    tracing::warn!(
                        key = fill.key.as_str(),
                        status,
                        "the answer is not the origin's"
                    );
                    return Err(Failure::Foreign(status));
                }
                Arrived::Unusable(why) => {
                    tracing::warn!(key = fill.key.as_str(), %why, "the answer is unusable");
                    return Err(Failure::Unusable);
                }
            }
        }
    }

    fn least(&self, fill: &Fill) -> Option<Seq> {
        let table = self.follower.table();
        let kept = fill.kept.as_ref().map(|kept| &kept.entry);

        decision::least(table.table(), kept, &fill.read).max(fill.at_least)
    }

    fn keep(
        &self,
        fill: &Fill,
        entry: Entry,
        answer: Answer,
        table: Option<&TagTable>,
    ) -> Arc<Kept> {
        let kept = Arc::new(Kept::new(entry, answer, table.map(TagTable::position)));
        if !self.mode.is_off() {
            self.shelf.put(&fill.key, &kept, table);
        }
        kept
    }
}

/// The newest row that the origin had taken when it answered.
fn seen(whole: &Whole) -> Option<RowId> {
    whole.headers.get(headers::SEEN)?.to_str().ok()?.parse().ok()
}

fn kept(whole: &Whole, unchanged: Option<&Kept>, now: Timestamp) -> Answer {
    match unchanged {
        Some(kept) => kept.answer.validated(&whole.headers),
        None => Answer::kept(whole, now),
    }
}

fn passing(mut whole: Whole, unchanged: Option<&Kept>) -> Answer {
    if let Some(kept) = unchanged {
        return kept.answer.validated(&whole.headers);
    }
    if let Some(told) = whole.headers.get_mut(CACHE_CONTROL)
        && told.as_bytes() == EDGE_CACHE_CONTROL.as_bytes()
    {
        *told = HeaderValue::from_static(BROWSER_CACHE_CONTROL);
    }
    Answer::passing(whole)
}
