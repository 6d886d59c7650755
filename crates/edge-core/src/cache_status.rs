//! `Cache-Status` (RFC 9211): what the edge did with a request, on every answer.

use std::fmt;

/// The name of this cache in the list.
pub const CACHE: &str = "shopping-edge";

/// Every [`CacheStatus::label`].
pub const LABELS: [&str; 9] =
    ["hit", "stale", "error-stale", "collapsed", "bypass", "miss", "expired", "request", "refused"];

/// This cache's member of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    Hit {
        /// Seconds of freshness left; negative for a stale answer.
        ttl: i64,
        detail: Option<Detail>,
    },
    Forwarded(Forwarded),
    /// The edge itself answered that there is nothing to get.
    Refused,
}

/// A request that went to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    pub why: Forward,
    /// What the origin answered, where that is not what the client gets.
    pub status: Option<u16>,
    pub stored: bool,
    /// Another request's answer was shared.
    pub collapsed: bool,
    pub detail: Option<Detail>,
}

/// Why a request went to the origin (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The route is never cached.
    Bypass,
    Method,
    /// Nothing is kept for this URL.
    UriMiss,
    /// What is kept for this URL is for requests that say something else.
    VaryMiss,
    /// What is kept was changed since, or is not to be shown.
    Miss,
    /// What is kept is too old.
    Stale,
    /// Who is asking wants something newer.
    Request,
}

/// What the standard has no word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Stale, and being refreshed behind the answer.
    Revalidating,
    /// The origin failed, and a stale response was served.
    StaleIfError,
    /// The change log can't be had: the answer's age is bounded, its validity is not known.
    LogUnavailable,
    /// The origin has not caught up with what this edge knows to have changed.
    Behind,
    /// The cache is switched off.
    Off,
}

impl CacheStatus {
    /// A request on a route that is never cached.
    pub const BYPASS: Self = Self::forwarded(Forward::Bypass);

    pub const fn forwarded(why: Forward) -> Self {
        Self::Forwarded(Forwarded {
            why,
            status: None,
            stored: false,
            collapsed: false,
            detail: None,
        })
    }

    /// One word for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Hit { detail: Some(Detail::Revalidating), .. } => "stale",
            Self::Hit { .. } => "hit",
            Self::Refused => "refused",
            Self::Forwarded(Forwarded { detail: Some(Detail::StaleIfError), .. }) => "error-stale",
            Self::Forwarded(Forwarded { collapsed: true, .. }) => "collapsed",
            Self::Forwarded(Forwarded { why, .. }) => match why {
                Forward::Bypass | Forward::Method => "bypass",
                Forward::UriMiss | Forward::VaryMiss | Forward::Miss => "miss",
                Forward::Stale => "expired",
                Forward::Request => "request",
            },
        }
    }
}

impl Forward {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }
}

impl Detail {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revalidating => "revalidating",
            Self::StaleIfError => "stale-if-error",
            Self::LogUnavailable => "log-unavailable",
            Self::Behind => "behind",
            Self::Off => "cache-off",
        }
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(CACHE)?;
        let detail = match self {
            Self::Hit { ttl, detail } => {
                write!(formatter, "; hit; ttl={ttl}")?;
                detail
            }
            Self::Forwarded(forwarded) => {
                write!(formatter, "; fwd={}", forwarded.why.as_str())?;
                if let Some(status) = forwarded.status {
                    write!(formatter, "; fwd-status={status}")?;
                }
                if forwarded.stored {
                    formatter.write_str("; stored")?;
                }
                if forwarded.collapsed {
                    formatter.write_str("; collapsed")?;
                }
                &forwarded.detail
            }
            Self::Refused => return formatter.write_str("; detail=refused"),
        };

        detail.map_or(Ok(()), |detail| write!(formatter, "; detail={}", detail.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_printed_as_the_standard_writes_it() {
        let stale = Forwarded {
            why: Forward::Stale,
            status: Some(304),
            stored: true,
            collapsed: true,
            detail: Some(Detail::Behind),
        };

        for (status, printed) in [
            (CacheStatus::Hit { ttl: 12, detail: None }, "shopping-edge; hit; ttl=12"),
            (
                CacheStatus::Hit { ttl: -3, detail: Some(Detail::Revalidating) },
                "shopping-edge; hit; ttl=-3; detail=revalidating",
            ),
            (CacheStatus::BYPASS, "shopping-edge; fwd=bypass"),
            (CacheStatus::Refused, "shopping-edge; detail=refused"),
            (
                CacheStatus::Forwarded(stale),
                "shopping-edge; fwd=stale; fwd-status=304; stored; collapsed; detail=behind",
            ),
        ] {
            assert_eq!(status.to_string(), printed);
        }
    }
}
