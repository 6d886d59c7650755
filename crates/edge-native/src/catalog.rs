//! Cached reads: from memory where the rule allows it, else from the origin, once for everybody.

use std::sync::Arc;

use domain::{CatalogRead, Timestamp};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::decision::{self, Decision, Fetch, Hit, LogAge, LogUse, Outcome};
use edge_core::{CacheStatus, Encoding, Key};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Response};

use crate::answer::Asked;
use crate::body::Body;
use crate::edge::Edge;
use crate::fill::{Fill, Landed};
use crate::kept::Kept;
use crate::problem;

impl Edge {
    pub(crate) async fn catalog(
        self: &Arc<Self>,
        read: CatalogRead,
        asked: Asked<'_>,
    ) -> Response<Body> {
        let key = Key::new(&read, encoding_of(asked.headers));
        match self.written_by(asked.headers) {
            None => self.answered(read, key, &asked).await,
            Some(written) => Box::pin(self.for_writer(read, key, &written, &asked)).await,
        }
    }

    pub(crate) async fn answered(
        self: &Arc<Self>,
        read: CatalogRead,
        key: Key,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        if self.mode.is_off() {
            let fill = Fill::new(read, key, asked.client);
            return Box::pin(self.alone(fill, Forward::Bypass, Some(Detail::Off), asked)).await;
        }
        let log = self.log_age().await;
        let now = self.world.now();

        let Some(kept) = self.shelf.get(&key) else {
            let plan = decision::without_entry(log);
            let fill = Fill::new(read, key, asked.client);
            return Box::pin(self.fetched(fill, plan, asked)).await;
        };
        let verdict = kept.verdict(self.follower.table().table());
        // With the log in reach nothing is shown for its age alone.
        let now = if log.usage() == LogUse::Use { now } else { kept.not_before(now) };
        match decision::decide(&kept.entry, verdict, log, now) {
            Decision::Serve(hit) => self.hit(&kept, hit, asked, now),
            Decision::ServeAndRefresh(hit) => {
                let answer = self.hit(&kept, hit, asked, now);
                self.refresh(Fill::new(read, key, asked.client), kept, now);
                answer
            }
            Decision::Fetch(plan) => {
                let fill = Fill {
                    kept: Some(kept),
                    revalidate: plan.revalidate,
                    refills: plan.refills,
                    ..Fill::new(read, key, asked.client)
                };
                Box::pin(self.fetched(fill, plan, asked)).await
            }
        }
    }

    /// How well the change log is known, after trying to know it better.
    async fn log_age(&self) -> LogAge {
        let age = LogAge(self.follower.age());

        match age.usage() {
            LogUse::Use => age,
            LogUse::UseAndRefresh => {
                self.follower.kick();
                age
            }
            LogUse::RefreshFirst => {
                Box::pin(self.follower.freshen()).await;
                LogAge(self.follower.age())
            }
        }
    }

    pub(crate) fn hit(
        &self,
        kept: &Kept,
        hit: Hit,
        asked: &Asked<'_>,
        now: Timestamp,
    ) -> Response<Body> {
        let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
        self.measures.answered(&status);

        kept.answer.send(asked, Some(kept.entry.age(now)), &status)
    }

    /// Asks the origin behind an answer that was given, unless somebody does or it just failed.
    fn refresh(self: &Arc<Self>, fill: Fill, kept: Arc<Kept>, now: Timestamp) {
        if kept.may_stand_in_unasked(now) {
            return;
        }
        if let (_, Some(pilot)) = self.flights.board(fill.key.as_str(), None) {
            self.lead(Fill { kept: Some(kept), revalidate: true, ..fill }, pilot);
        }
    }

    async fn fetched(
        self: &Arc<Self>,
        fill: Fill,
        plan: Fetch,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        let stand_in = fill.kept.clone().filter(|_| plan.stands_in);
        let key = fill.key.clone();
        if let Some(kept) = &stand_in
            && kept.may_stand_in_unasked(self.world.now())
        {
            return self.stand_in(kept, plan.why, None, asked);
        }

        let (landed, collapsed) = self.landing(fill).await;
        tracing::info!(
            target: "edge_native::miss",
            key = key.as_str(),
            why = plan.why.as_str(),
            collapsed,
            outcome = landed.name(),
            "cache miss"
        );
        self.shown(landed, plan, collapsed, stand_in.as_deref(), asked)
    }

    fn shown(
        &self,
        landed: Landed,
        plan: Fetch,
        collapsed: bool,
        stand_in: Option<&Kept>,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        // A row may have come while the origin was asked, so it is judged once more.
        if let (Some(kept), Some(outcome)) = (stand_in, landed.outcome())
            && plan.is_covered(outcome, kept.verdict(self.follower.table().table()))
        {
            return self.stand_in(kept, plan.why, Some(outcome.status()), asked);
        }
        let forwarded = |status, stored, detail| {
            let status = CacheStatus::Forwarded(Forwarded {
                why: plan.why,
                status,
                stored,
                collapsed,
                detail,
            });
            self.measures.answered(&status);
            status
        };

        match landed {
            Landed::Kept { kept, is_validated } => {
                let status =
                    forwarded(is_validated.then_some(304), !self.mode.is_off(), plan.detail);
                kept.answer.send(asked, Some(kept.entry.age(self.world.now())), &status)
            }
            Landed::Passing { answer, detail, .. } => {
                answer.send(asked, None, &forwarded(None, false, detail.or(plan.detail)))
            }
            Landed::Failed(failure) => {
                problem::failed(failure, &forwarded(None, false, plan.detail), &*self.world)
            }
        }
    }

    /// RFC 5861 §4: the origin failed, and what is kept is better than an error.
    fn stand_in(
        &self,
        kept: &Kept,
        why: Forward,
        failed_with: Option<u16>,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        let status = CacheStatus::Forwarded(Forwarded {
            why,
            status: failed_with,
            stored: false,
            collapsed: false,
            detail: Some(Detail::StaleIfError),
        });
        self.measures.answered(&status);

        kept.answer.send(asked, Some(kept.entry.age(self.world.now())), &status)
    }

    /// Asks for this request alone.
    pub(crate) async fn alone(
        &self,
        fill: Fill,
        why: Forward,
        detail: Option<Detail>,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        let plan = Fetch { why, revalidate: false, stands_in: false, refills: false, detail };
        let landed = self.fill(&fill).await;

        self.shown(landed, plan, false, None, asked)
    }
}

impl Landed {
    const fn name(&self) -> &'static str {
        match self {
            Self::Kept { is_validated: true, .. } => "validated",
            Self::Kept { .. } => "kept",
            Self::Passing { .. } => "passing",
            Self::Failed(failure) => failure.name(),
        }
    }

    /// `None` where the answer may be kept.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Failed(failure) => Some(Outcome::Failed(*failure)),
            Self::Passing { answer, .. } => Some(Outcome::Answered(answer.status.as_u16())),
            Self::Kept { .. } => None,
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.outcome().is_some_and(Outcome::is_failure)
    }
}

pub(crate) fn encoding_of(headers: &HeaderMap) -> Encoding {
    let mut lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());

    match (lines.next(), lines.next()) {
        (None, _) => Encoding::Identity,
        (Some(only), None) => Encoding::negotiate(only),
        (Some(first), Some(second)) => {
            let joined: Vec<_> = [first, second].into_iter().chain(lines).collect();
            Encoding::negotiate(&joined.join(","))
        }
    }
}
