//! Asking the origin for a cached read, judging what it answers, and keeping what may be kept.

use std::sync::Arc;

use domain::policy::jittered;
use domain::{CatalogRead, Seq, Timestamp};
use edge_core::cache_status::Detail;
use edge_core::decision::{self, Reception};
use edge_core::storage::{self, Storable};
use edge_core::{Encoding, Entry, headers};
use http::header::{AGE, CACHE_CONTROL, CDN_CACHE_CONTROL, CONTENT_ENCODING, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::edge::Edge;
use crate::kept::{Kept, Key};
use crate::origin::{Ask, Failure, Whole};

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
}

/// An answer on its way to a [`Landed`].
struct Arrived {
    whole: Whole,
    asked_at: Timestamp,
    /// What a 304 is about.
    validated: Option<Arc<Kept>>,
}

enum Judged {
    Landed(Landed),
    FetchAgain { min_seq: Seq },
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
        let mut again = false;

        loop {
            let ask = Ask {
                target: fill.key.target(),
                encoding: fill.key.encoding,
                min_seq,
                validator: validated.as_ref().and_then(|kept| kept.answer.etag()),
            };
            let asked_at = self.world.now();
            let limits = &self.limits;
            let whole = self.origin.read(ask, limits.cached_body_max, limits.fetch_within).await?;
            if whole.status == StatusCode::NOT_MODIFIED
                && validated.is_some()
                && !is_stamped(&whole)
            {
                // It does not say as of when the bytes are right, so the whole answer has to.
                validated = None;
                continue;
            }

            let arrived = Arrived { whole, asked_at, validated: validated.clone() };
            match self.judge(fill, arrived, again)? {
                Judged::Landed(landed) => return Ok(landed),
                Judged::FetchAgain { min_seq: required } => {
                    min_seq = Some(required);
                    again = true;
                }
            }
        }
    }

    /// What an answer must at least be stamped with, by the tags that are known beforehand.
    fn least(&self, fill: &Fill) -> Option<Seq> {
        let table = self.follower.table();
        let required = table.table().map(|table| match &fill.kept {
            Some(kept) => table.required(&kept.entry.tags),
            None => table.required(&decision::known_tags(&fill.read)),
        });

        required.max(fill.at_least)
    }

    fn judge(&self, fill: &Fill, arrived: Arrived, again: bool) -> Result<Judged, Failure> {
        let storable = match arrived.storable(fill)? {
            Ok(storable) => storable,
            Err(is_shareable) => {
                let answer = Arc::new(arrived.passing());
                let landed = Landed::Passing { answer, detail: None, is_shareable };
                return Ok(Judged::Landed(landed));
            }
        };
        // Judged and kept by one state of the table.
        let table = self.follower.table();
        let table = table.table();

        let detail = match decision::receive(&storable.stamp, &storable.tags, table, again) {
            Reception::Store => None,
            Reception::FetchAgain { min_seq } => return Ok(Judged::FetchAgain { min_seq }),
            Reception::Pass(detail) => Some(detail),
        };
        let is_validated = arrived.is_unchanged();
        let asked_at = arrived.asked_at;
        let answer = arrived.kept();
        if detail.is_some() {
            // What it knows and we don't may be a row that we have not read yet.
            self.follower.kick();
            let answer = Arc::new(answer);
            return Ok(Judged::Landed(Landed::Passing { answer, detail, is_shareable: true }));
        }

        let entry = self.entry(storable, asked_at);
        let kept = Arc::new(Kept::new(entry, answer, table.map(|table| table.position())));
        if !self.mode.is_off() {
            self.shelf.put(&fill.key, &kept, table);
        }
        Ok(Judged::Landed(Landed::Kept { kept, is_validated }))
    }

    fn entry(&self, storable: Storable, asked_at: Timestamp) -> Entry {
        let dice = self.world.random() as u64;

        Entry {
            resource: storable.resource,
            stamp: storable.stamp,
            tags: storable.tags,
            stored_at: asked_at,
            initial_age: storable.initial_age,
            ttl: jittered(storable.ttl, dice),
        }
    }
}

impl Arrived {
    fn is_unchanged(&self) -> bool {
        self.whole.status == StatusCode::NOT_MODIFIED
    }

    /// What may be kept of it; else whether those who wait for it may share it.
    fn storable(&self, fill: &Fill) -> Result<Result<Storable, bool>, Failure> {
        let headers = &self.whole.headers;
        if is_unasked(self.whole.status) {
            tracing::warn!(key = fill.key.as_str(), "the origin answered what nobody asked");
            return Err(Failure::Unusable);
        }
        let encoding = joined(headers, CONTENT_ENCODING);
        let is_readable = match Encoding::of_content(encoding.as_deref()) {
            Some(Encoding::Identity) => true,
            encoding => encoding == Some(fill.key.encoding),
        };
        if !is_readable {
            tracing::warn!(key = fill.key.as_str(), "the origin chose an encoding by itself");
            return Err(Failure::Unusable);
        }
        let status = match (&self.validated, self.is_unchanged()) {
            (Some(kept), true) => kept.answer.status,
            (None, true) => return Err(Failure::Unusable),
            (_, false) => self.whole.status,
        };

        // A 304 may leave out what it does not change; what is kept is public.
        let public = || self.is_unchanged().then(|| "public".to_owned());
        let lines = Lines::of(headers, joined(headers, CACHE_CONTROL).or_else(public));
        let storable = lines.described(status).storable(fill.read.resource());
        let is_private = matches!(storable, Err(storage::NotStorable::NotPublic));
        Ok(storable
            .ok()
            .filter(|_| self.whole.is_complete || self.is_unchanged())
            // An error is everybody's; what answers a question may be meant for one alone.
            .ok_or(!(is_private && status.is_success())))
    }

    fn kept(self) -> Answer {
        match self.validated {
            Some(kept) if self.whole.status == StatusCode::NOT_MODIFIED => {
                kept.answer.validated(&self.whole.headers)
            }
            _ => Answer::kept(&self.whole),
        }
    }

    fn passing(self) -> Answer {
        match self.validated {
            Some(kept) if self.whole.status == StatusCode::NOT_MODIFIED => {
                kept.answer.validated(&self.whole.headers)
            }
            _ => Answer::passing(self.whole),
        }
    }
}

/// A part, or another protocol: nothing asked for either.
fn is_unasked(status: StatusCode) -> bool {
    status == StatusCode::PARTIAL_CONTENT || status.is_informational()
}

/// The headers that the storage rule reads, each joined to one line.
struct Lines {
    cache_control: Option<String>,
    cdn_cache_control: Option<String>,
    vary: Option<String>,
    stamp: Option<String>,
    tags: Option<String>,
    age: Option<String>,
    sets_cookie: bool,
}

impl Lines {
    fn of(map: &HeaderMap, cache_control: Option<String>) -> Self {
        Self {
            cache_control,
            cdn_cache_control: joined(map, CDN_CACHE_CONTROL),
            vary: joined(map, VARY),
            stamp: joined(map, HeaderName::from_static(headers::STAMP)),
            // Parted by blanks, so lines are too.
            tags: joined(map, HeaderName::from_static(headers::TAGS))
                .map(|tags| tags.replace(',', " ")),
            age: joined(map, AGE),
            sets_cookie: map.contains_key(SET_COOKIE),
        }
    }

    fn described(&self, status: StatusCode) -> storage::Answer<'_> {
        storage::Answer {
            status: status.as_u16(),
            cache_control: self.cache_control.as_deref(),
            cdn_cache_control: self.cdn_cache_control.as_deref(),
            vary: self.vary.as_deref(),
            sets_cookie: self.sets_cookie,
            stamp: self.stamp.as_deref(),
            tags: self.tags.as_deref(),
            age: self.age.as_deref(),
        }
    }
}

fn is_stamped(whole: &Whole) -> bool {
    Lines::of(&whole.headers, None).described(whole.status).coherence().is_some()
}

/// A header in one line (RFC 9110 §5.3). A line that is not text makes the whole unreadable, which
/// no rule takes for permission.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("\u{fffd}")).collect();

    (!lines.is_empty()).then(|| lines.join(", "))
}
