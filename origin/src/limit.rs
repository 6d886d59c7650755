//! Limits at the origin: the public API's in total, and each admin's.

use axum::response::{IntoResponse, Response};
use domain::limits::{LimitClass, Subject};
use limits::{Admission, Gate};

use crate::problem::Problem;
use crate::shop::Shop;

/// A request that was counted, or one that no limit is for.
pub struct Counted<'a>(Option<(&'a Gate, Admission)>);

impl<'a> Counted<'a> {
    pub const UNLIMITED: Self = Self(None);

    pub async fn count(shop: &'a Shop, class: LimitClass, subject: Subject) -> Self {
        match shop.gates.of(class) {
            Some(gate) => Self(Some((gate, gate.admit(subject).await))),
            None => Self::UNLIMITED,
        }
    }

    /// `None` where the count has to be waited for; nothing was counted then.
    pub fn at_once(shop: &'a Shop, class: LimitClass, subject: Subject) -> Option<Self> {
        match shop.gates.of(class) {
            Some(gate) => Some(Self(Some((gate, gate.at_once(subject)?)))),
            None => Some(Self::UNLIMITED),
        }
    }

    pub const fn is_refused(&self) -> bool {
        matches!(self.0, Some((_, Admission::Refused(_))))
    }

    /// The answer to a request that was too many.
    pub fn refusal(&self) -> Option<Response> {
        let Some((gate, Admission::Refused(decision))) = &self.0 else { return None };

        Some(self.marked(Problem::of(gate.problem(decision)).into_response()))
    }

    /// Says the policy and what remains.
    pub fn marked(&self, mut response: Response) -> Response {
        if let Some((gate, admission)) = &self.0 {
            gate.mark(response.headers_mut(), admission);
        }
        response
    }
}
