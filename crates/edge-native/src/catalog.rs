//! Cached reads: from memory where the rule allows it, else from the origin, once for everybody.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{CatalogRead, Seq, Timestamp};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::decision::{self, Decision, Fetch, Hit, LogAge, LogUse};
use edge_core::headers::CATALOG_TOKEN;
use edge_core::{CacheStatus, Encoding, token};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::time::timeout_at;

use crate::answer::Asked;
use crate::body::Body;
use crate::edge::Edge;
use crate::fill::{Fill, Landed};
use crate::flights::Pilot;
use crate::kept::{Kept, Key};
use crate::origin::Failure;
use crate::problem;

/// After a failure an answer stands in for so long before the origin is asked for it again.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// How long a writer waits for this edge to read of the write.
const REACH_WITHIN: Duration = Duration::from_millis(300);
/// A request joins or starts so many flights before it gives up; each one was overdue, or brought
/// what a row has changed since.
const BOARDINGS_MAX: u32 = 4;

impl Edge {
    pub(crate) async fn catalog(
        self: &Arc<Self>,
        read: CatalogRead,
        asked: Asked<'_>,
    ) -> Response<Body> {
        let key = Key::new(&read, encoding_of(asked.headers));
        match self.written_by(asked.headers) {
            None => self.answered(read, key, &asked).await,
            Some(seq) => Box::pin(self.for_writer(read, key, seq, &asked)).await,
        }
    }

    async fn answered(
        self: &Arc<Self>,
        read: CatalogRead,
        key: Key,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        if self.mode.is_off() {
            let fill = Fill { read, key, kept: None, revalidate: false, at_least: None };
            return Box::pin(self.alone(fill, Forward::Bypass, Some(Detail::Off), asked)).await;
        }
        let log = self.log_age().await;
        let now = self.world.now();

        let Some(kept) = self.shelf.get(&key) else {
            let plan = decision::without_entry(log);
            let fill = Fill { read, key, kept: None, revalidate: false, at_least: None };
            return Box::pin(self.fetched(fill, plan, asked)).await;
        };
        let verdict = kept.verdict(self.follower.table().table());
        match decision::decide(&kept.entry, verdict, log, now) {
            Decision::Serve(hit) => self.hit(&kept, hit, asked, now),
            Decision::ServeAndRefresh(hit) => {
                let answer = self.hit(&kept, hit, asked, now);
                self.refresh(read, key, kept, now);
                answer
            }
            Decision::Fetch(plan) => {
                let fill = Fill {
                    read,
                    key,
                    kept: Some(kept),
                    revalidate: plan.revalidate,
                    at_least: None,
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

    fn hit(&self, kept: &Kept, hit: Hit, asked: &Asked<'_>, now: Timestamp) -> Response<Body> {
        let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };
        self.measures.answered(&status);

        kept.answer.send(asked, Some(kept.entry.age(now)), &status)
    }

    /// Asks the origin behind an answer that was given, unless somebody does or it just failed.
    fn refresh(self: &Arc<Self>, read: CatalogRead, key: Key, kept: Arc<Kept>, now: Timestamp) {
        if kept.may_stand_in_unasked(now) {
            return;
        }
        if let (_, Some(pilot)) = self.flights.board(key.as_str(), None) {
            let fill = Fill { read, key, kept: Some(kept), revalidate: true, at_least: None };
            self.lead(fill, pilot);
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
        let failed_with = landed.failed_with();
        if let (Some(kept), Some(status)) = (stand_in, failed_with) {
            return self.stand_in(kept, plan.why, Some(status), asked);
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
                problem::failed(failure, &forwarded(None, false, plan.detail))
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

    /// Rule 10: whoever has just written is shown nothing older. Once this edge knows of the write,
    /// whatever it keeps is judged by it; until then the origin is asked.
    async fn for_writer(
        self: &Arc<Self>,
        read: CatalogRead,
        key: Key,
        written: Seq,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        let mut response = if self.follower.reach(written, REACH_WITHIN).await {
            self.answered(read, key, asked).await
        } else {
            let at_least = Some(written);
            let fill = Fill { read, key, kept: None, revalidate: false, at_least };
            self.alone(fill, Forward::Request, None, asked).await
        };

        let private = HeaderValue::from_static(PRIVATE_CACHE_CONTROL);
        response.headers_mut().insert(CACHE_CONTROL, private);
        response
    }

    /// The position of a token that can be believed.
    fn written_by(&self, headers: &HeaderMap) -> Option<Seq> {
        let token = headers.get(CATALOG_TOKEN)?.to_str().ok()?;

        token::read(self.token_key.as_ref()?, token, self.world.now())
    }

    /// Asks for this request alone.
    async fn alone(
        &self,
        fill: Fill,
        why: Forward,
        detail: Option<Detail>,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        let plan = Fetch { why, revalidate: false, stands_in: false, detail };
        let landed = self.fill(&fill).await;

        self.shown(landed, plan, false, None, asked)
    }

    /// What the origin says, and whether another request had asked for it.
    async fn landing(self: &Arc<Self>, fill: Fill) -> (Landed, bool) {
        if self.unshared.contains_key(fill.key.as_str()) {
            return (self.fill(&fill).await, false);
        }
        let mut overdue = None;

        for _ in 0..BOARDINGS_MAX {
            let (flight, pilot) = self.flights.board(fill.key.as_str(), overdue.as_ref());
            if let Some(pilot) = pilot {
                self.lead(fill.clone(), pilot);
                let landed = flight.landing().await;
                return (landed.unwrap_or(Landed::Failed(Failure::Unusable)), false);
            }
            let until = flight.began + self.limits.leader_deadline;
            match timeout_at(until, flight.landing()).await {
                Ok(Some(landed)) if self.is_for_all(&landed) => return (landed, true),
                Ok(Some(Landed::Passing { .. })) => return (self.fill(&fill).await, false),
                Ok(_) => {}
                Err(_) => overdue = Some(flight),
            }
        }
        (Landed::Failed(Failure::Timeout), true)
    }

    /// Whether a request that found the answer under way may have it. It may know of a row that
    /// came after the answer was asked for.
    fn is_for_all(&self, landed: &Landed) -> bool {
        match landed {
            Landed::Kept { kept, .. } => kept.verdict(self.follower.table().table()).is_valid(),
            Landed::Passing { is_shareable, .. } => *is_shareable,
            Landed::Failed(_) => true,
        }
    }

    /// In a task of its own: whoever asked first may go away, those who wait remain.
    fn lead(self: &Arc<Self>, fill: Fill, pilot: Pilot<Landed>) {
        let edge = Arc::clone(self);

        tokio::spawn(async move {
            let landed = edge.fill(&fill).await;
            if let (Some(kept), Some(_)) = (&fill.kept, landed.failed_with()) {
                kept.stand_in(edge.world.now(), FAILURE_PAUSE);
            }
            if matches!(landed, Landed::Passing { is_shareable: false, .. }) {
                edge.unshared.insert(fill.key.as_str().into(), ());
            }
            pilot.land(landed);
        });
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

    /// The status of a failure that an old answer may stand in for (RFC 5861 §4).
    fn failed_with(&self) -> Option<u16> {
        match self {
            Self::Failed(failure) => Some(failure.status()),
            Self::Passing { answer, .. } => match answer.status {
                StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Some(answer.status.as_u16()),
                _ => None,
            },
            Self::Kept { .. } => None,
        }
    }
}

fn encoding_of(headers: &HeaderMap) -> Encoding {
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
