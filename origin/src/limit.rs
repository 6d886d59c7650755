//! Limits at the origin: the public API's in total and each address's share of it, refills of
//! edges, and each admin's.

use axum::response::{IntoResponse, Response};
use domain::limits::{LimitClass, Subject};
use limits::{Admission, RateLimit};

use crate::caller::Caller;
use crate::problem::Problem;
use crate::shop::Shop;

/// A request that was counted, or one that no limit is for.
pub struct Counted<'a>(Option<(&'a RateLimit, Admission)>);

impl<'a> Counted<'a> {
    pub const UNLIMITED: Self = Self(None);

    pub async fn count(shop: &'a Shop, class: LimitClass, subject: Subject) -> Self {
        match shop.gates.of(class) {
            Some(gate) => Self(Some((gate, gate.admit(subject).await))),
            None => Self::UNLIMITED,
        }
    }

    /// A catalogue read. A refill has a budget of its own, and is counted like any other read once
    /// that is spent.
    pub async fn read(shop: &'a Shop, caller: &Caller) -> Self {
        let subject = caller.subject();
        if caller.refills() {
            let refill = Self::count(shop, LimitClass::Refill, subject).await;
            if !refill.is_refused() {
                return refill;
            }
        }
        Self::count(shop, LimitClass::Public, subject).await
    }

    /// The same; `None` where the count has to be waited for; nothing was counted then.
    pub fn read_at_once(shop: &'a Shop, caller: &Caller) -> Option<Self> {
        let subject = caller.subject();
        if caller.refills() {
            let refill = Self::at_once(shop, LimitClass::Refill, subject)?;
            if !refill.is_refused() {
                return Some(refill);
            }
        }
        Self::at_once(shop, LimitClass::Public, subject)
    }

    fn at_once(shop: &'a Shop, class: LimitClass, subject: Subject) -> Option<Self> {
        match shop.gates.of(class) {
            Some(gate) => Some(Self(Some((gate, gate.try_admit(subject)?)))),
            None => Some(Self::UNLIMITED),
        }
    }

    pub const fn at(gate: &'a RateLimit, admission: Admission) -> Self {
        Self(Some((gate, admission)))
    }

    pub fn is_refused(&self) -> bool {
        self.0.as_ref().is_some_and(|(_, admission)| admission.is_refused())
    }

    /// The answer to a request that was too many.
    pub fn refusal(&self) -> Option<Response> {
        let problem = match self.0.as_ref()? {
            (gate, Admission::Refused(decision)) => gate.problem(decision),
            (gate, Admission::RefusedShare(decision)) => gate.share_problem(decision),
            _ => return None,
        };

        Some(self.marked(Problem::of(problem).into_response()))
    }

    /// Says the policy and what remains.
    pub fn marked(&self, mut response: Response) -> Response {
        if let Some((gate, admission)) = &self.0 {
            gate.set_headers(response.headers_mut(), admission);
        }
        response
    }
}
