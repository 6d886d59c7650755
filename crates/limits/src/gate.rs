//! One class's limit at a door: counted, said, and kept up when the store can't count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::limits::{Limit, LimitClass, Share, Subject, WhenUncounted, whole_seconds};
use domain::{Code, ProblemBody};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use metrics::{Counter, counter, describe_counter};
use ports::{Ask, Decision, JointDecision, Limiter, PortError};

use crate::fields::{self, RATELIMIT, RATELIMIT_POLICY};

const REFUSED: &str = "limit_refusals_total";
const UNCOUNTED: &str = "limit_uncounted_total";

pub struct Gate {
    class: LimitClass,
    limit: Limit,
    /// Of one address, where the limit is everybody's together.
    share: Option<Limit>,
    limiter: Arc<dyn Limiter>,
    /// Counts while `limiter` can't, for the classes that are never without a limit.
    local: Arc<dyn Limiter>,
    policy: HeaderValue,
    is_counting: AtomicBool,
    refused: Counter,
    refused_share: Counter,
    uncounted: Counter,
}

/// What became of a request at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// `None`: nobody can say how many remain.
    Allowed(Option<Decision>),
    /// Counted in a total and in the address's share of it.
    AllowedWithin {
        share: Decision,
        total: Decision,
    },
    Refused(Decision),
    /// The address has taken its share of what all may take together.
    RefusedShare(Decision),
}

/// Against what a request is counted; a share stands before its total.
enum Asks {
    One([Ask; 1]),
    Two([Ask; 2]),
}

impl Admission {
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::RefusedShare(_))
    }
}

impl Asks {
    const fn as_slice(&self) -> &[Ask] {
        match self {
            Self::One(asks) => asks,
            Self::Two(asks) => asks,
        }
    }
}

impl Gate {
    /// After the metrics' recorder was installed, or nothing is counted for it.
    pub fn new(
        class: LimitClass,
        limit: Limit,
        limiter: Arc<dyn Limiter>,
        local: Arc<dyn Limiter>,
    ) -> Self {
        describe_counter!(REFUSED, "Requests that were refused by a limit, by class");
        describe_counter!(UNCOUNTED, "Requests that no store could count, by class");

        Self {
            class,
            limit,
            limiter,
            local,
            share: None,
            policy: fields::policy(class, limit, None),
            is_counting: AtomicBool::new(true),
            refused: counter!(REFUSED, "class" => class.name()),
            refused_share: counter!(REFUSED, "class" => share_name(class)),
            uncounted: counter!(UNCOUNTED, "class" => class.name()),
        }
    }

    /// No address takes more than `share` of the limit; of a limit that is not everybody's together
    /// there are no shares.
    #[must_use]
    pub fn with_share(mut self, share: Option<Share>) -> Self {
        self.share = share.filter(|_| self.class.is_total()).map(|share| share.of(self.limit));
        self.policy = fields::policy(self.class, self.limit, self.share);
        self
    }

    /// The admission, where it needs no waiting; `None` has counted nothing.
    pub fn at_once(&self, subject: Subject) -> Option<Admission> {
        let asks = self.asks(subject);
        match &asks {
            // At every hit of an edge.
            Asks::One([ask]) => self.limiter.take_at_once(ask).map(|one| self.admission(one)),
            Asks::Two(two) => {
                self.limiter.take_all_at_once(two).map(|joint| self.joint(&asks, &joint))
            }
        }
    }

    pub async fn admit(&self, subject: Subject) -> Admission {
        if let Some(admission) = self.at_once(subject) {
            return admission;
        }
        let asks = self.asks(subject);
        match self.limiter.take_all(asks.as_slice()).await {
            Ok(joint) => {
                self.counts_again();
                self.joint(&asks, &joint)
            }
            Err(error) => self.uncounted(&asks, &error).await,
        }
    }

    /// What every answer behind this gate says; in the place of what it said before.
    pub fn mark(&self, headers: &mut HeaderMap, admission: &Admission) {
        headers.insert(RATELIMIT_POLICY, self.policy.clone());
        let (class, share_name) = (self.class.name(), share_name(self.class));
        match admission {
            Admission::Allowed(Some(decision)) | Admission::Refused(decision) => {
                headers.insert(RATELIMIT, fields::state(class, decision));
            }
            Admission::AllowedWithin { share, total } => {
                headers.insert(RATELIMIT, fields::states(&[(share_name, share), (class, total)]));
            }
            Admission::RefusedShare(decision) => {
                headers.insert(RATELIMIT, fields::state(share_name, decision));
            }
            Admission::Allowed(None) => {
                headers.remove(RATELIMIT);
            }
        }
        if let Admission::Refused(decision) | Admission::RefusedShare(decision) = admission {
            headers.insert(RETRY_AFTER, fields::retry_after(decision));
        }
    }

    /// The lines that [`Gate::mark`] adds to an answer that is let through, as they are sent.
    pub fn write(&self, out: &mut Vec<u8>, admission: &Admission) {
        out.extend_from_slice(b"ratelimit-policy: ");
        out.extend_from_slice(self.policy.as_bytes());
        out.extend_from_slice(b"\r\n");
        if let Admission::Allowed(Some(decision)) = admission {
            out.extend_from_slice(b"ratelimit: ");
            fields::put_state(out, self.class.name(), decision);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The body of a refusal.
    pub fn problem(&self, refused: &Decision) -> ProblemBody {
        problem(self.class.name(), "", self.limit, refused)
    }

    /// The body of a refusal by an address's share.
    pub fn share_problem(&self, refused: &Decision) -> ProblemBody {
        let share = self.share.unwrap_or(self.limit);

        problem(share_name(self.class), " from one address", share, refused)
    }

    fn asks(&self, subject: Subject) -> Asks {
        let ask = |subject, limit| Ask { class: self.class, subject, limit };
        if !self.class.is_total() {
            return Asks::One([ask(subject, self.limit)]);
        }

        let total = ask(Subject::Everybody, self.limit);
        match self.share {
            Some(share) if subject != Subject::Everybody => Asks::Two([ask(subject, share), total]),
            _ => Asks::One([total]),
        }
    }

    fn joint(&self, asks: &Asks, joint: &JointDecision) -> Admission {
        match joint {
            JointDecision::Allowed(decisions) => match **decisions {
                [share, total] => Admission::AllowedWithin { share, total },
                _ => Admission::Allowed(decisions.first().copied()),
            },
            JointDecision::Refused { by: 0, decision } if matches!(asks, Asks::Two(_)) => {
                self.refused_share.increment(1);
                Admission::RefusedShare(*decision)
            }
            JointDecision::Refused { decision, .. } => self.admission(*decision),
        }
    }

    fn admission(&self, decision: Decision) -> Admission {
        if decision.is_allowed {
            return Admission::Allowed(Some(decision));
        }
        self.refused.increment(1);
        Admission::Refused(decision)
    }

    async fn uncounted(&self, asks: &Asks, error: &PortError) -> Admission {
        self.uncounted.increment(1);
        // Once when it begins: an outage is one line, not one for each request.
        if self.is_counting.swap(false, Ordering::Relaxed) {
            let class = self.class.name();
            tracing::warn!(class, %error, cause = ?error.source, "a limit is not counted");
        }

        match self.class.when_uncounted() {
            WhenUncounted::Allow => Admission::Allowed(None),
            WhenUncounted::CountHere => match self.local.take_all(asks.as_slice()).await {
                Ok(joint) => self.joint(asks, &joint),
                // Memory that can't count is no reason to let everybody in.
                Err(_) => self.admission(Decision::refused(self.limit.window)),
            },
        }
    }

    fn counts_again(&self) {
        let was_counting = self.is_counting.load(Ordering::Relaxed);

        if !was_counting && !self.is_counting.swap(true, Ordering::Relaxed) {
            tracing::info!(class = self.class.name(), "a limit is counted again");
        }
    }
}

/// Of a class without shares nobody is refused by one.
fn share_name(class: LimitClass) -> &'static str {
    class.share_name().unwrap_or(class.name())
}

fn problem(policy: &'static str, whose: &str, limit: Limit, refused: &Decision) -> ProblemBody {
    let Limit { requests, window } = limit;
    let detail = format!(
        "more than {requests} requests in {} s{whose}; ask again in {} s",
        whole_seconds(window),
        whole_seconds(refused.reset_after).max(1),
    );

    ProblemBody {
        violated_policies: vec![policy.into()],
        ..ProblemBody::new(Code::RateLimited, detail)
    }
}
