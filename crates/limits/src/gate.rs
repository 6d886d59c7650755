//! One class's limit at a door: counted, said, and kept up when the store can't count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::limits::{Limit, LimitClass, Subject, WhenUncounted, whole_seconds};
use domain::{Code, ProblemBody};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use metrics::{Counter, counter, describe_counter};
use ports::{Ask, Decision, Limiter, PortError};

use crate::fields::{self, RATELIMIT, RATELIMIT_POLICY};

const REFUSED: &str = "limit_refusals_total";
const UNCOUNTED: &str = "limit_uncounted_total";

pub struct Gate {
    class: LimitClass,
    limit: Limit,
    limiter: Arc<dyn Limiter>,
    /// Counts while `limiter` can't, for the classes that are never without a limit.
    local: Arc<dyn Limiter>,
    policy: HeaderValue,
    is_counting: AtomicBool,
    refused: Counter,
    uncounted: Counter,
}

/// What became of a request at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// `None`: nobody can say how many remain.
    Allowed(Option<Decision>),
    Refused(Decision),
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
            policy: fields::policy(class, limit),
            is_counting: AtomicBool::new(true),
            refused: counter!(REFUSED, "class" => class.name()),
            uncounted: counter!(UNCOUNTED, "class" => class.name()),
        }
    }

    /// The admission, where it needs no waiting; `None` has counted nothing.
    pub fn at_once(&self, subject: Subject) -> Option<Admission> {
        self.limiter.take_at_once(&self.ask(subject)).map(|decision| self.admission(decision))
    }

    pub async fn admit(&self, subject: Subject) -> Admission {
        if let Some(admission) = self.at_once(subject) {
            return admission;
        }
        let ask = self.ask(subject);
        match self.limiter.take(&ask).await {
            Ok(decision) => {
                self.counts_again();
                self.admission(decision)
            }
            Err(error) => self.uncounted(&ask, &error).await,
        }
    }

    /// What every answer behind this gate says; in the place of what it said before.
    pub fn mark(&self, headers: &mut HeaderMap, admission: &Admission) {
        headers.insert(RATELIMIT_POLICY, self.policy.clone());
        match admission {
            Admission::Allowed(Some(decision)) | Admission::Refused(decision) => {
                headers.insert(RATELIMIT, fields::state(self.class, decision));
            }
            Admission::Allowed(None) => {
                headers.remove(RATELIMIT);
            }
        }
        if let Admission::Refused(decision) = admission {
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
            fields::put_state(out, self.class, decision);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The body of a refusal.
    pub fn problem(&self, refused: &Decision) -> ProblemBody {
        let Limit { requests, window } = self.limit;
        let detail = format!(
            "more than {requests} requests in {} s; ask again in {} s",
            whole_seconds(window),
            whole_seconds(refused.reset_after).max(1),
        );

        ProblemBody {
            violated_policies: vec![self.class.name().into()],
            ..ProblemBody::new(Code::RateLimited, detail)
        }
    }

    const fn ask(&self, subject: Subject) -> Ask {
        Ask { class: self.class, subject, limit: self.limit }
    }

    fn admission(&self, decision: Decision) -> Admission {
        if decision.is_allowed {
            return Admission::Allowed(Some(decision));
        }
        self.refused.increment(1);
        Admission::Refused(decision)
    }

    async fn uncounted(&self, ask: &Ask, error: &PortError) -> Admission {
        self.uncounted.increment(1);
        // Once when it begins: an outage is one line, not one for each request.
        if self.is_counting.swap(false, Ordering::Relaxed) {
            let class = self.class.name();
            tracing::warn!(class, %error, cause = ?error.source, "a limit is not counted");
        }

        match self.class.when_uncounted() {
            WhenUncounted::Allow => Admission::Allowed(None),
            WhenUncounted::CountHere => match self.local.take(ask).await {
                Ok(decision) => self.admission(decision),
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
