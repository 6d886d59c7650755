//! The limit of one class: counts requests, writes the headers, and keeps working when the store
//! can't count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::limits::{Limit, LimitClass, Share, Subject, WhenUncounted, whole_seconds};
use domain::{Code, ProblemBody};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use metrics::{Counter, counter, describe_counter};
use ports::{Ask, Decision, JointDecision, Limiter, PortError};

use crate::headers::{self, RATELIMIT, RATELIMIT_POLICY};

const REFUSED: &str = "limit_refusals_total";
const UNCOUNTED: &str = "limit_uncounted_total";

pub struct RateLimit {
    class: LimitClass,
    limit: Limit,
    /// For one address, of a class whose limit all subjects share.
    share: Option<Limit>,
    limiter: Arc<dyn Limiter>,
    /// Counts while `limiter` can't, for the classes that must never be unlimited.
    local: Arc<dyn Limiter>,
    policy: HeaderValue,
    is_counting: AtomicBool,
    refused: Counter,
    refused_share: Counter,
    uncounted: Counter,
}

/// What a limit decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// `None`: the request was not counted, so the remainder is unknown.
    Allowed(Option<Decision>),
    /// Counted against a total and against the address's share of it.
    AllowedWithin {
        share: Decision,
        total: Decision,
    },
    Refused(Decision),
    /// The address has used up its share of the total.
    RefusedShare(Decision),
}

/// What a request is counted against; a share comes before its total.
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

impl RateLimit {
    /// Call it after the metrics' recorder was installed; metrics registered earlier are lost.
    pub fn new(
        class: LimitClass,
        limit: Limit,
        limiter: Arc<dyn Limiter>,
        local: Arc<dyn Limiter>,
    ) -> Self {
        describe_counter!(REFUSED, "Requests refused by a limit, by class");
        describe_counter!(UNCOUNTED, "Requests that no store could count, by class");

        Self {
            class,
            limit,
            limiter,
            local,
            share: None,
            policy: headers::policy(class, limit, None),
            is_counting: AtomicBool::new(true),
            refused: counter!(REFUSED, "class" => class.name()),
            refused_share: counter!(REFUSED, "class" => share_name(class)),
            uncounted: counter!(UNCOUNTED, "class" => class.name()),
        }
    }

    /// Allows one address at most `share` of the limit. Only total limits have shares; for the other
    /// classes this changes nothing.
    #[must_use]
    pub fn with_share(mut self, share: Option<Share>) -> Self {
        self.share = share.filter(|_| self.class.is_total()).map(|share| share.of(self.limit));
        self.policy = headers::policy(self.class, self.limit, self.share);
        self
    }

    /// Decides without waiting; `None`, with nothing counted, if the limiter has to be awaited.
    pub fn try_admit(&self, subject: Subject) -> Option<Admission> {
        let asks = self.asks(subject);
        match &asks {
            // Every hit of an edge takes this path.
            Asks::One([ask]) => self.limiter.try_take(ask).map(|one| self.admission(one)),
            Asks::Two(two) => {
                self.limiter.try_take_all(two).map(|joint| self.joint_admission(&asks, &joint))
            }
        }
    }

    pub async fn admit(&self, subject: Subject) -> Admission {
        if let Some(admission) = self.try_admit(subject) {
            return admission;
        }
        let asks = self.asks(subject);
        match self.limiter.take_all(asks.as_slice()).await {
            Ok(joint) => {
                self.log_recovery();
                self.joint_admission(&asks, &joint)
            }
            Err(error) => self.admit_uncounted(&asks, &error).await,
        }
    }

    /// Sets the rate limit headers of a response, replacing those that are there.
    pub fn set_headers(&self, headers: &mut HeaderMap, admission: &Admission) {
        headers.insert(RATELIMIT_POLICY, self.policy.clone());
        let (class, share_name) = (self.class.name(), share_name(self.class));
        match admission {
            Admission::Allowed(Some(decision)) | Admission::Refused(decision) => {
                headers.insert(RATELIMIT, headers::state(class, decision));
            }
            Admission::AllowedWithin { share, total } => {
                headers.insert(RATELIMIT, headers::states(&[(share_name, share), (class, total)]));
            }
            Admission::RefusedShare(decision) => {
                headers.insert(RATELIMIT, headers::state(share_name, decision));
            }
            Admission::Allowed(None) => {
                headers.remove(RATELIMIT);
            }
        }
        if let Admission::Refused(decision) | Admission::RefusedShare(decision) = admission {
            headers.insert(RETRY_AFTER, headers::retry_after(decision));
        }
    }

    /// Writes the header lines of an admitted request's response, as HTTP/1.1 sends them.
    pub fn write_headers(&self, out: &mut Vec<u8>, admission: &Admission) {
        out.extend_from_slice(b"ratelimit-policy: ");
        out.extend_from_slice(self.policy.as_bytes());
        out.extend_from_slice(b"\r\n");
        if let Admission::Allowed(Some(decision)) = admission {
            out.extend_from_slice(b"ratelimit: ");
            headers::write_state(out, self.class.name(), decision);
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

    fn joint_admission(&self, asks: &Asks, joint: &JointDecision) -> Admission {
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

    async fn admit_uncounted(&self, asks: &Asks, error: &PortError) -> Admission {
        self.uncounted.increment(1);
        // Only when it begins: an outage is one line, not one for each request.
        if self.is_counting.swap(false, Ordering::Relaxed) {
            let class = self.class.name();
            tracing::warn!(class, %error, cause = ?error.source, "the limiter can't count requests");
        }

        match self.class.when_uncounted() {
            WhenUncounted::Allow => Admission::Allowed(None),
            WhenUncounted::CountLocally => match self.local.take_all(asks.as_slice()).await {
                Ok(joint) => self.joint_admission(asks, &joint),
                // These classes fail closed: without any count the request is refused.
                Err(_) => self.admission(Decision::refused(self.limit.window)),
            },
        }
    }

    fn log_recovery(&self) {
        // The load keeps the common case free of a write to the shared cache line.
        let was_counting = self.is_counting.load(Ordering::Relaxed);

        if !was_counting && !self.is_counting.swap(true, Ordering::Relaxed) {
            tracing::info!(class = self.class.name(), "the limiter counts requests again");
        }
    }
}

/// A class without shares never refuses by a share, so any name will do.
fn share_name(class: LimitClass) -> &'static str {
    class.share_name().unwrap_or(class.name())
}

fn problem(policy: &'static str, whose: &str, limit: Limit, refused: &Decision) -> ProblemBody {
    let Limit { requests, window } = limit;
    let detail = format!(
        "more than {requests} requests in {} s{whose}; try again in {} s",
        whole_seconds(window),
        whole_seconds(refused.reset_after).max(1),
    );

    ProblemBody {
        violated_policies: vec![policy.into()],
        ..ProblemBody::new(Code::RateLimited, detail)
    }
}
