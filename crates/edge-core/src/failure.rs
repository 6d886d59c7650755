//! Why the origin gave no answer, and what a client is told of it.

use domain::{Code, ProblemBody};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Unreachable,
    Timeout,
    /// Too large, truncated, or in an encoding that was not asked for.
    Unusable,
    /// Something between edge and origin answered in its place, with this status.
    Foreign(u16),
}

/// The origin's rate limit: about the client that asked, and no failure of the origin.
pub const REFUSAL: u16 = 429;

/// Whether the origin has failed, so that a stale response may be served (RFC 5861 §4).
pub const fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}

impl Failure {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unusable => "unusable",
            Self::Foreign(_) => "foreign",
        }
    }

    /// What was answered, or what the client would have been answered, for `fwd-status`.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unreachable | Self::Unusable => 502,
            Self::Timeout => 504,
            Self::Foreign(status) => status,
        }
    }

    pub fn problem(self) -> ProblemBody {
        let (code, detail) = match self {
            Self::Unreachable => {
                (Code::OriginUnreachable, "the shop can't be reached; try again soon")
            }
            Self::Timeout => (Code::Timeout, "the shop took too long to answer"),
            Self::Unusable => (Code::OriginUnreachable, "the shop's answer could not be read"),
            Self::Foreign(503) => (Code::Unavailable, "the shop is unavailable; try again soon"),
            Self::Foreign(508) => (Code::LoopDetected, "the shop's address leads back to its edge"),
            Self::Foreign(_) => (Code::OriginUnreachable, "what answered is not the shop"),
        };

        ProblemBody::new(code, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_is_not_the_origins_is_a_failure_whatever_its_status() {
        for status in [200, 302, 403, 404, 429, 500] {
            assert_eq!(Failure::Foreign(status).problem().status, 502, "{status}");
        }
    }

    #[test]
    fn the_status_that_is_named_is_the_one_that_is_sent() {
        let foreign = [502, 503, 508].map(Failure::Foreign);
        let own = [Failure::Unreachable, Failure::Timeout, Failure::Unusable];
        for failure in own.into_iter().chain(foreign) {
            assert_eq!(failure.problem().status, failure.status(), "{}", failure.name());
        }
    }

    #[test]
    fn a_stale_response_is_served_for_failures_of_the_origin() {
        let failures: Vec<_> = (200..600).filter(|status| is_failure(*status)).collect();

        assert_eq!(failures, [500, 502, 503, 504]);
    }
}
