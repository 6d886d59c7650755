//! One fetch of a cached read, as a machine without I/O: what to ask the origin, and what to do
//! with each of its responses. The shells send, store and show.

mod outcome;

use std::borrow::Cow;

use domain::{Resource, Seq, TagTable};

use crate::cache_status::Detail;
use crate::fields::Lines;
use crate::origin_response::{Disposition, OriginResponse, Unusable};
use crate::storage::Storable;
use crate::{Encoding, Failure, Key, unique};

pub use outcome::{FetchOutcome, Shown};

/// The first request, the unconditional one where a 304 did not do, the one for plain bytes where a
/// proxy has encoded them by itself, and one where the response was behind the change log.
const REQUESTS_MAX: u32 = 4;

/// What to ask next: a request has the machine's target, encoding, minimum position and, if
/// [`Self::is_conditional`], the entity tag of the stored response.
#[derive(Clone, Debug)]
pub struct CatalogFetch<'a> {
    key: &'a Key,
    resource: Resource,
    target: Cow<'a, str>,
    encoding: Encoding,
    min_seq: Option<Seq>,
    /// The status of the stored response whose entity tag is sent.
    validates: Option<u16>,
    /// A response was behind the change log, and another one was asked for.
    is_repeated: bool,
    requests: u32,
}

/// A response that arrived whole.
#[derive(Clone, Copy)]
pub struct Arrived<'a> {
    pub status: u16,
    pub fields: &'a dyn Lines,
    /// Its end was marked, so that nothing of it is missing.
    pub is_complete: bool,
}

/// What to do with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask once more; the machine knows what for.
    Ask(AskAgain),
    Store {
        storable: Storable,
        /// A 304: the bytes are those of the stored response.
        is_validated: bool,
    },
    /// Show it to the client and don't store it.
    Show {
        /// If there is one, the origin may know of rows of the change log that the edge does not.
        detail: Option<Detail>,
        /// Concurrent requests for the same key may be answered with it as well.
        is_shareable: bool,
        /// A 304: the bytes are those of the stored response.
        is_validated: bool,
    },
    Fail(FetchError),
}

/// Why the origin is asked once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskAgain {
    /// A 304 did not say at which position of the change log the stored bytes are right.
    Unconditionally,
    /// The response came in an encoding that was not asked for.
    ForPlainBytes,
    /// The response was older than what the edge knows of its tags.
    ForNewer,
}

/// Why a response can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the response, with status {0}, is not the origin's")]
    Foreign(u16),
    #[error("the response is unusable: {0}")]
    Unusable(Unusable),
    #[error("{REQUESTS_MAX} responses in a row could not be used")]
    TooManyRequests,
}

impl<'a> CatalogFetch<'a> {
    /// `min_seq` is the position of the change log that the response must have reached; `validates`
    /// the status of the stored response, if its bytes may still be right.
    pub fn start(
        key: &'a Key,
        resource: Resource,
        min_seq: Option<Seq>,
        validates: Option<u16>,
    ) -> Self {
        Self {
            key,
            resource,
            target: Cow::Borrowed(key.target()),
            encoding: key.encoding,
            min_seq,
            validates,
            is_repeated: false,
            requests: 1,
        }
    }

    /// Canonical path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub const fn min_seq(&self) -> Option<Seq> {
        self.min_seq
    }

    /// Whether the entity tag of the stored response goes along.
    pub const fn is_conditional(&self) -> bool {
        self.validates.is_some()
    }

    /// Judges the response to the current request by the table of the change log, if one is known.
    /// `random` is called only if the next request needs a URL of its own.
    pub fn on_response(
        &mut self,
        arrived: Arrived<'_>,
        table: Option<&TagTable>,
        random: impl FnOnce() -> u128,
    ) -> Step {
        let response = OriginResponse {
            status: arrived.status,
            fields: arrived.fields,
            is_complete: arrived.is_complete,
            resource: self.resource,
            encoding: self.encoding,
            validated: self.validates,
            again: self.is_repeated,
        };
        let is_validated = response.is_unchanged();

        match response.judge(table) {
            Disposition::Store(storable) => Step::Store { storable, is_validated },
            Disposition::Show { detail, is_shareable } => {
                Step::Show { detail, is_shareable, is_validated }
            }
            Disposition::AskWhole => {
                self.validates = None;
                self.ask(AskAgain::Unconditionally)
            }
            Disposition::AskPlain => {
                self.encoding = Encoding::Identity;
                self.ask(AskAgain::ForPlainBytes)
            }
            Disposition::AskAgain { min_seq } => {
                self.min_seq = Some(min_seq);
                // The old response may be that of a cache on the way.
                self.target = unique(self.key.target(), random()).into();
                self.is_repeated = true;
                self.ask(AskAgain::ForNewer)
            }
            Disposition::Foreign => Step::Fail(FetchError::Foreign(arrived.status)),
            Disposition::Unusable(why) => Step::Fail(FetchError::Unusable(why)),
        }
    }

    fn ask(&mut self, why: AskAgain) -> Step {
        if self.requests == REQUESTS_MAX {
            return Step::Fail(FetchError::TooManyRequests);
        }
        self.requests += 1;
        Step::Ask(why)
    }
}

impl FetchError {
    pub const fn failure(self) -> Failure {
        match self {
            Self::Foreign(status) => Failure::Foreign(status),
            Self::Unusable(_) | Self::TooManyRequests => Failure::Unusable,
        }
    }
}

#[cfg(test)]
mod tests;
