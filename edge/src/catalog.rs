//! Cached reads: from memory where the rule allows it, else from the data centre, else from the
//! origin.

use std::rc::Rc;

use domain::{CatalogRead, RowId, Timestamp};
use edge_core::cache_status::{Detail, Forward, Forwarded};
use edge_core::decision::{self, Decision, Fetch, Hit, LogAge, LogUse};
use edge_core::{CacheStatus, Key};
use wasm_bindgen::JsValue;

use crate::asked::Asked;
use crate::edge::{Edge, behind, now, say};
use crate::fill::{FETCH_WITHIN, Fill, Landed};
use crate::js::Context;
use crate::kept::Kept;
use crate::problem::{self, Readers};
use crate::vault::Vault;

impl Edge {
    /// The answer, where nothing has to be waited for but the limiter.
    pub(crate) fn at_once(
        self: &Rc<Self>,
        key: &Key,
        asked: &Asked,
        context: &Context,
    ) -> Option<JsValue> {
        let now = now();
        let log = self.log_age(now);
        if asked.token().is_some()
            || log.usage() == LogUse::RefreshFirst
            || self.log.borrow().is_cache_off()
        {
            return None;
        }
        let kept = self.shelf.borrow().get(key)?;
        let Decision::Serve(hit) = self.decide(&kept, log, now) else { return None };

        if log.usage() == LogUse::UseAndRefresh {
            self.read_on(context, now);
        }
        let answer = hit_of(&kept, hit, asked, now);
        Some(match &self.settings.limiter {
            Some(limiter) => limiter.hold(answer, asked),
            None => answer,
        })
    }

    pub(crate) async fn read(
        self: &Rc<Self>,
        read: CatalogRead,
        key: Key,
        asked: &Asked,
        context: &Context,
    ) -> JsValue {
        if let Some(limiter) = &self.settings.limiter
            && !limiter.is_within(asked).await
        {
            return problem::too_many(&limiter.policy);
        }
        match self.written_by(asked) {
            None => self.answered(read, key, asked, context).await,
            Some(written) => self.for_writer(read, key, &written, asked, context).await,
        }
    }

    pub(crate) async fn answered(
        self: &Rc<Self>,
        read: CatalogRead,
        key: Key,
        asked: &Asked,
        context: &Context,
    ) -> JsValue {
        let log = self.known_log(context).await;
        let fill = Fill::new(read, key, asked);
        if self.log.borrow().is_cache_off() {
            return self.alone(fill, Forward::Bypass, Some(Detail::Off), asked, context).await;
        }

        let Some(kept) = self.nearest(&fill.key, log).await else {
            return self.fetched(fill, decision::without_entry(log), asked, context).await;
        };
        let now = now();
        match self.decide(&kept, log, now) {
            Decision::Serve(hit) => hit_of(&kept, hit, asked, now),
            Decision::ServeAndRefresh(hit) => {
                let answer = hit_of(&kept, hit, asked, now);
                let fill = Fill { kept: Some(kept), revalidate: true, ..fill };
                self.refresh(fill, context, now);
                answer
            }
            Decision::Fetch(plan) => {
                let (revalidate, refills) = (plan.revalidate, plan.refills);
                let fill = Fill { kept: Some(kept), revalidate, refills, ..fill };
                self.fetched(fill, plan, asked, context).await
            }
        }
    }

    fn decide(&self, kept: &Kept, log: LogAge, now: Timestamp) -> Decision {
        let verdict = kept.verdict(self.log.borrow().table());

        decision::decide(&kept.entry, verdict, log, now)
    }

    /// What is kept nearest to here and can be served; else what could stand in.
    async fn nearest(&self, key: &Key, log: LogAge) -> Option<Rc<Kept>> {
        let here = self.shelf.borrow().get(key);
        let is_served = |kept: &Kept| !matches!(self.decide(kept, log, now()), Decision::Fetch(_));
        if here.as_deref().is_some_and(is_served) {
            return here;
        }

        let vault = Vault::new(&self.settings.public_host);
        let Some((there, seen)) = vault.find(key, self.policy()).await else { return here };
        if !self.is_of_our_past(&seen) {
            return here;
        }
        let there = Rc::new(there);
        if is_served(&there) || here.is_none() {
            self.shelf.borrow_mut().put(key, &there, self.log.borrow().table());
            return Some(there);
        }
        here
    }

    /// What it holds may have been undone: the log knows whether the row is still to come. Without
    /// the log nobody knows, and age alone decides.
    fn is_of_our_past(&self, seen: &RowId) -> bool {
        let mut log = self.log.borrow_mut();
        log.hear_of(seen);

        log.table().is_none() || log.has_taken(seen)
    }

    /// Asks the origin behind an answer that was given, unless somebody does or it just failed.
    fn refresh(self: &Rc<Self>, fill: Fill, context: &Context, now: Timestamp) {
        if !fill.kept.as_ref().is_some_and(|kept| kept.ask(now, FETCH_WITHIN)) {
            return;
        }
        let (edge, filling) = (Rc::clone(self), context.clone());

        behind(context, async move {
            edge.fill(&fill, &filling).await;
        });
    }

    async fn fetched(
        self: &Rc<Self>,
        fill: Fill,
        plan: Fetch,
        asked: &Asked,
        context: &Context,
    ) -> JsValue {
        let stand_in = fill.kept.clone().filter(|_| plan.stands_in);
        if let Some(kept) = &stand_in
            && kept.may_stand_in_unasked(now())
        {
            return stood_in(kept, plan.why, None, asked);
        }

        let landed = self.fill(&fill, context).await;
        say(fill.key.as_str(), plan.why.as_str(), landed.name());
        self.shown(landed, plan, stand_in.as_deref(), asked)
    }

    fn shown(
        &self,
        landed: Landed,
        plan: Fetch,
        stand_in: Option<&Kept>,
        asked: &Asked,
    ) -> JsValue {
        // A row may have come while the origin was asked, so it is judged once more.
        if let (Some(kept), Some(outcome)) = (stand_in, landed.outcome())
            && plan.is_covered(outcome, kept.verdict(self.log.borrow().table()))
        {
            return stood_in(kept, plan.why, Some(outcome.status()), asked);
        }
        let forwarded = |status, stored, detail| {
            CacheStatus::Forwarded(Forwarded {
                why: plan.why,
                status,
                stored,
                collapsed: false,
                detail,
            })
        };

        match landed {
            Landed::Kept { kept, is_validated } => {
                let stored = !self.log.borrow().is_cache_off();
                let status = forwarded(is_validated.then_some(304), stored, plan.detail);
                kept.answer.send(asked, Some(kept.entry.age(now())), &status)
            }
            Landed::Passing { answer, detail } => {
                answer.send(asked, None, &forwarded(None, false, detail.or(plan.detail)))
            }
            Landed::Failed(failure) => {
                let status = forwarded(None, false, plan.detail);
                problem::failed(failure, &status, self.policy(), Readers::AnySite)
            }
        }
    }

    /// Asks for this request alone.
    pub(crate) async fn alone(
        self: &Rc<Self>,
        fill: Fill,
        why: Forward,
        detail: Option<Detail>,
        asked: &Asked,
        context: &Context,
    ) -> JsValue {
        let plan = Fetch { why, revalidate: false, stands_in: false, refills: false, detail };
        let landed = self.fill(&fill, context).await;

        self.shown(landed, plan, None, asked)
    }
}

fn hit_of(kept: &Kept, hit: Hit, asked: &Asked, now: Timestamp) -> JsValue {
    let status = CacheStatus::Hit { ttl: hit.ttl, detail: hit.detail };

    kept.answer.send(asked, Some(kept.entry.age(now)), &status)
}

/// RFC 5861 §4: the origin failed, and what is kept is better than an error.
fn stood_in(kept: &Kept, why: Forward, failed_with: Option<u16>, asked: &Asked) -> JsValue {
    let status = CacheStatus::Forwarded(Forwarded {
        why,
        status: failed_with,
        stored: false,
        collapsed: false,
        detail: Some(Detail::StaleIfError),
    });

    kept.answer.send(asked, Some(kept.entry.age(now())), &status)
}
