//! Limits at the origin: of the public API in total and of each address's share of it, of the
//! refills of edges, and of each admin.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use domain::limits::{LimitClass, Subject};
use limits::{Admission, RateLimit, RateLimits};
use ports::Decision;

use super::caller::Caller;
use super::principal::Principal;
use crate::problem::Problem;

/// Counts requests.
pub struct Limits(RateLimits);

/// A request that was counted, or one without a limit.
pub struct Counted<'a>(Option<(&'a RateLimit, Admission)>);

impl Limits {
    pub const fn new(limits: RateLimits) -> Self {
        Self(limits)
    }

    /// The limit of wrong admin keys, which are counted by address.
    pub fn of_failed_keys(&self) -> Option<Arc<RateLimit>> {
        self.0.of(LimitClass::AuthFailure).cloned()
    }

    pub async fn count(&self, class: LimitClass, subject: Subject) -> Counted<'_> {
        match self.0.of(class) {
            Some(limit) => Counted(Some((limit, limit.admit(subject).await))),
            None => Counted::UNLIMITED,
        }
    }

    /// Counts a catalogue read. Refills have a budget of their own; when that is spent they count
    /// like any other read.
    pub async fn count_read(&self, caller: &Caller, principal: &Principal) -> Counted<'_> {
        let subject = principal.subject();
        if caller.is_refill() {
            let refill = self.count(LimitClass::Refill, subject).await;
            if refill.is_admitted() {
                return refill;
            }
        }
        self.count(LimitClass::Public, subject).await
    }

    /// [`Self::count_read`] where the limiter is in memory. `None` has counted nothing: the count
    /// has to be awaited.
    pub fn try_count_read(&self, caller: &Caller, principal: &Principal) -> Option<Counted<'_>> {
        let subject = principal.subject();
        if caller.is_refill() {
            let refill = self.try_count(LimitClass::Refill, subject)?;
            if refill.is_admitted() {
                return Some(refill);
            }
        }
        self.try_count(LimitClass::Public, subject)
    }

    fn try_count(&self, class: LimitClass, subject: Subject) -> Option<Counted<'_>> {
        match self.0.of(class) {
            Some(limit) => Some(Counted(Some((limit, limit.try_admit(subject)?)))),
            None => Some(Counted::UNLIMITED),
        }
    }
}

impl Counted<'_> {
    pub const UNLIMITED: Self = Self(None);

    pub fn is_admitted(&self) -> bool {
        self.0.as_ref().is_none_or(|(_, admission)| !admission.is_refused())
    }

    /// The response to a request that was one too many.
    pub fn refusal(&self) -> Option<Response> {
        match &self.0 {
            Some((limit, Admission::Refused(decision))) => Some(refused(limit, *decision)),
            Some((limit, Admission::RefusedShare(decision))) => {
                let problem = limit.share_problem(decision);
                Some(self.mark(Problem::of(problem).into_response()))
            }
            _ => None,
        }
    }

    /// Adds the policy and the remaining count.
    pub fn mark(&self, mut response: Response) -> Response {
        if let Some((limit, admission)) = &self.0 {
            limit.set_headers(response.headers_mut(), admission);
        }
        response
    }
}

/// The response to a request that this limit refused.
pub fn refused(limit: &RateLimit, decision: Decision) -> Response {
    let mut response = Problem::of(limit.problem(&decision)).into_response();

    limit.set_headers(response.headers_mut(), &Admission::Refused(decision));
    response
}
