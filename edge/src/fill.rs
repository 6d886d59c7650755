//! Asking the origin for a cached read, judging what it answers, and keeping what may be kept.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use domain::policy::{BROWSER_CACHE_CONTROL, EDGE_CACHE_CONTROL};
use domain::{CatalogRead, RowId, Seq};
use edge_core::arrival::{Arrival, Arrived};
use edge_core::cache_status::Detail;
use edge_core::decision::Outcome;
use edge_core::fields::Lines as _;
use edge_core::headers::{SEEN, TAGS};
use edge_core::{Encoding, Entry, Failure, Key, decision, unique};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::edge::{Edge, behind, now};
use crate::js::{self, Context};
use crate::kept::Kept;
use crate::origin::{Ask, Reply};
use crate::vault::Vault;

/// For the origin's whole answer to a cached read.
pub(crate) const FETCH_WITHIN: Duration = Duration::from_secs(10);
/// A page of 100 products has some 200 KB.
const BODY_MAX: u32 = 8 << 20;
/// The first answer, the whole one where a 304 did not do, the plain one where a proxy has encoded
/// it by itself, and one that is not behind.
const QUESTIONS_MAX: u32 = 4;

/// What came of asking.
pub(crate) enum Landed {
    /// An answer that may be kept.
    Kept {
        kept: Rc<Kept>,
        /// Its bytes were there before, and the origin called them right.
        is_validated: bool,
    },
    /// One that is shown and forgotten.
    Passing {
        answer: Answer,
        detail: Option<Detail>,
    },
    Failed(Failure),
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Fill {
    pub read: CatalogRead,
    pub key: Key,
    /// What is kept of it, and can't be served as it is.
    pub kept: Option<Rc<Kept>>,
    /// Its bytes may still be right.
    pub revalidate: bool,
    /// What whoever asks has written.
    pub at_least: Option<Seq>,
    /// For whom.
    pub client_addr: Rc<str>,
    /// What is kept was invalidated by the change log.
    pub refills: bool,
}

/// What the origin says of an answer, for the data centre's cache.
struct Told {
    /// Without it nobody else could tell whether the answer was undone.
    seen: Option<RowId>,
    /// The origin's own words.
    tags: String,
}

impl Fill {
    pub fn new(read: CatalogRead, key: Key, asked: &Asked) -> Self {
        let client_addr = asked.client_addr().into();

        Self {
            read,
            key,
            kept: None,
            revalidate: false,
            at_least: None,
            client_addr,
            refills: false,
        }
    }
}

impl Landed {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kept { is_validated: true, .. } => "validated",
            Self::Kept { .. } => "kept",
            Self::Passing { .. } => "passing",
            Self::Failed(failure) => failure.name(),
        }
    }

    /// `None` where the answer may be kept.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Failed(failure) => Some(Outcome::Failed(*failure)),
            Self::Passing { answer, .. } => Some(Outcome::Answered(answer.status)),
            Self::Kept { .. } => None,
        }
    }
}

impl Edge {
    pub(crate) async fn fill(self: &Rc<Self>, fill: &Fill, context: &Context) -> Landed {
        let landed = self.asked_for(fill, context).await.unwrap_or_else(Landed::Failed);

        if let Some(kept) = &fill.kept
            && landed.outcome().is_some_and(Outcome::is_failure)
        {
            kept.stand_in(now());
        }
        landed
    }

    async fn asked_for(self: &Rc<Self>, fill: &Fill, context: &Context) -> Result<Landed, Failure> {
        let mut validated = fill.kept.clone().filter(|_| fill.revalidate);
        let mut min_seq = self.least(fill);
        let mut encoding = fill.key.encoding;
        let mut again = false;
        let mut target = Cow::Borrowed(fill.key.target());

        for _ in 0..QUESTIONS_MAX {
            let ask = Ask {
                target: &target,
                encoding,
                min_seq,
                validator: validated.as_ref().and_then(|kept| kept.answer.etag()),
                client_addr: &fill.client_addr,
                refills: fill.refills,
            };
            let asked_at = now();
            let reply = self.question(ask, BODY_MAX, FETCH_WITHIN).await?;
            let seen = reply.fields.joined(SEEN).and_then(|seen| seen.parse().ok());
            if let Some(seen) = &seen {
                self.log.borrow_mut().hear_of(seen);
            }
            let arrival = Arrival {
                status: reply.status,
                fields: &reply.fields,
                // The platform breaks off what is not.
                is_complete: true,
                resource: fill.read.resource(),
                encoding,
                validated: validated.as_ref().map(|kept| kept.answer.status),
                again,
            };
            let arrived = arrival.judge(self.log.borrow().table());
            let validated_by = validated.as_deref().filter(|_| arrival.is_unchanged());

            match arrived {
                Arrived::Keep(storable) => {
                    let answer = self.kept(&reply, validated_by)?;
                    let is_validated = validated_by.is_some();
                    let entry = storable.entry(asked_at, js::random() as u64);
                    let tags = reply.fields.joined(TAGS).unwrap_or_default();
                    let told = Told { seen, tags };
                    let kept = self.keep(fill, entry, answer, told, context);
                    return Ok(Landed::Kept { kept, is_validated });
                }
                Arrived::Pass { detail, .. } => {
                    if detail.is_some() {
                        // What it knows and we don't may be a row that we have not read yet.
                        self.read_on(context, now());
                    }
                    let answer = self.passing(&reply, validated_by)?;
                    return Ok(Landed::Passing { answer, detail });
                }
                Arrived::AskWhole => validated = None,
                Arrived::AskPlain => encoding = Encoding::Identity,
                Arrived::AskAgain { min_seq: required } => {
                    js::error(&format!("{}: an answer behind the change log", fill.key.as_str()));
                    min_seq = Some(required);
                    // The old answer may be that of a cache on the way.
                    target = unique(fill.key.target(), js::random()).into();
                    again = true;
                }
                Arrived::Foreign => {
                    js::error(&format!("{}: the answer is not the origin's", fill.key.as_str()));
                    return Err(Failure::Foreign(reply.status));
                }
                Arrived::Unusable(_) => return Err(Failure::Unusable),
            }
        }
        Err(Failure::Unusable)
    }

    fn least(&self, fill: &Fill) -> Option<Seq> {
        let log = self.log.borrow();
        let kept = fill.kept.as_ref().map(|kept| &kept.entry);

        decision::least(log.table(), kept, &fill.read).max(fill.at_least)
    }

    fn kept(&self, reply: &Reply, validated: Option<&Kept>) -> Result<Answer, Failure> {
        match validated {
            Some(kept) => Ok(kept.answer.validated(&reply.fields)),
            None => Ok(Answer::kept(reply.status, &reply.fields, reply.bytes()?, self.policy())),
        }
    }

    fn passing(&self, reply: &Reply, validated: Option<&Kept>) -> Result<Answer, Failure> {
        if let Some(kept) = validated {
            return Ok(kept.answer.validated(&reply.fields));
        }
        let mut fields = reply.fields.clone();
        if fields.get("cache-control") == Some(EDGE_CACHE_CONTROL) {
            fields.set("cache-control", BROWSER_CACHE_CONTROL);
        }
        Ok(Answer::passing(reply.status, &fields, reply.bytes()?, self.policy()))
    }

    fn keep(
        &self,
        fill: &Fill,
        entry: Entry,
        answer: Answer,
        told: Told,
        context: &Context,
    ) -> Rc<Kept> {
        let log = self.log.borrow();
        let kept = Rc::new(Kept::new(entry, answer, log.position()));
        if log.is_cache_off() {
            return kept;
        }
        self.shelf.borrow_mut().put(&fill.key, &kept, log.table());

        let Told { seen: Some(seen), tags } = told else { return kept };
        let vault = Vault::new(&self.settings.public_host);
        let (key, saved) = (fill.key.clone(), Rc::clone(&kept));
        behind(context, async move { vault.save(&key, &saved, seen, &tags).await });
        kept
    }
}
