//! Why the origin gave no answer, and what a client is told of it.

use domain::{Code, ProblemBody};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Unreachable,
    Timeout,
    /// Too large, broken off, or in an encoding that nobody asked for.
    Unusable,
}

impl Failure {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unusable => "unusable",
        }
    }

    /// What the client would have been answered, for `fwd-status`.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unreachable | Self::Unusable => 502,
            Self::Timeout => 504,
        }
    }

    pub fn problem(self) -> ProblemBody {
        let (code, detail) = match self {
            Self::Unreachable => {
                (Code::OriginUnreachable, "the shop can't be reached; try again soon")
            }
            Self::Timeout => (Code::Timeout, "the shop took too long to answer"),
            Self::Unusable => (Code::OriginUnreachable, "the shop's answer could not be read"),
        };

        ProblemBody::new(code, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_that_is_named_is_the_one_that_is_sent() {
        for failure in [Failure::Unreachable, Failure::Timeout, Failure::Unusable] {
            assert_eq!(failure.problem().status, failure.status(), "{}", failure.name());
        }
    }
}
