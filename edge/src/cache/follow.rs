//! Reading the change log while serving: at most once a second for each isolate, through the data
//! centre's cache, so that many isolates ask the origin once.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use domain::{Changes, Seq, Timestamp};
use edge_core::decision::{LOG_FRESH, LogAge, LogUse, REFRESH_DEADLINE};
use edge_core::follow::{self, Taken};
use edge_core::pause::is_before;
use edge_core::{Encoding, unique};
use js_sys::{ArrayBuffer, Uint8Array};
use worker::Delay;

use crate::cache::data_center::DataCenterCache;
use crate::edge::Edge;
use crate::js::{self, Context};
use crate::runtime::{behind, now};
use crate::upstream::origin::OriginRequest;

const PAGE_WITHIN: Duration = Duration::from_secs(2);
/// 1,000 rows of an import with a hundred tags and versions each, in an isolate of 128 MB.
const PAGE_BYTES_MAX: u32 = 16 << 20;
/// In one go: an isolate that is further behind starts anew sooner than that.
const PAGES_MAX: u32 = 20;
/// After a wait in vain no request waits for this long: an unavailable log must not slow every
/// read.
const GIVE_UP_FOR: Duration = Duration::from_secs(1);

impl Edge {
    pub(crate) fn log_age(&self, now: Timestamp) -> LogAge {
        self.log.borrow().age(now)
    }

    /// Reads on behind the answer, unless another request does.
    pub(crate) fn read_on(self: &Rc<Self>, context: &Context, now: Timestamp) {
        if is_before(now, self.reading_until.get(), PAGE_WITHIN) {
            return;
        }
        self.reading_until.set(now.plus(PAGE_WITHIN));
        let (edge, reading) = (Rc::clone(self), context.clone());

        behind(context, async move {
            edge.catch_up(&reading, true).await;
            edge.reading_until.set(Timestamp::default());
        });
    }

    /// How well the change log is known, after trying to know it better.
    pub(crate) async fn known_log(self: &Rc<Self>, context: &Context) -> LogAge {
        let asked_at = now();
        let age = self.log_age(asked_at);

        match age.usage() {
            LogUse::Use => age,
            LogUse::UseAndRefresh => {
                self.read_on(context, asked_at);
                age
            }
            LogUse::RefreshFirst if is_before(asked_at, self.gave_up_until.get(), GIVE_UP_FOR) => {
                age
            }
            LogUse::RefreshFirst => {
                self.catch_up_within(context, true).await;
                let age = self.log_age(now());
                if age.usage() == LogUse::RefreshFirst {
                    self.gave_up_until.set(now().plus(GIVE_UP_FOR));
                }
                age
            }
        }
    }

    /// Reads the log up to `seq`, and returns whether it got there.
    pub(crate) async fn reach(self: &Rc<Self>, seq: Seq, context: &Context) -> bool {
        let has_reached = || self.log.borrow().position().is_some_and(|position| position >= seq);

        if !has_reached() {
            // Pages of other isolates may be from before the write.
            self.catch_up_within(context, false).await;
        }
        has_reached()
    }

    /// For at most [`REFRESH_DEADLINE`]; what comes later is still taken.
    async fn catch_up_within(self: &Rc<Self>, context: &Context, through_cache: bool) {
        let (edge, reading) = (Rc::clone(self), context.clone());
        let done = Rc::new(std::cell::Cell::new(None));
        let waker = Rc::clone(&done);
        behind(context, async move {
            edge.catch_up(&reading, through_cache).await;
            if let Some(waker) = waker.replace(Some(Progress::Done)).and_then(Progress::waker) {
                waker.wake();
            }
        });

        let mut deadline = pin!(Delay::from(REFRESH_DEADLINE));
        std::future::poll_fn(|task| {
            if let Some(Progress::Done) = done.take() {
                return Poll::Ready(());
            }
            done.set(Some(Progress::Waited(task.waker().clone())));
            deadline.as_mut().poll(task)
        })
        .await;
    }

    async fn catch_up(&self, context: &Context, through_cache: bool) {
        for _ in 0..PAGES_MAX {
            let poll = self.log.borrow().poll();
            let target = follow::target(&poll);
            let Some((changes, asked_at)) = self.page(&target, context, through_cache).await else {
                return;
            };
            let taken = self.log.borrow_mut().take(&poll, changes, asked_at);
            match taken {
                Ok(Taken::More) => {}
                Ok(Taken::Anew) => self.store.borrow_mut().clear(),
                Ok(Taken::CaughtUp | Taken::Stuck) => return,
                Err(wrong) => return js::error(&format!("the change log: {wrong}")),
            }
        }
    }

    async fn page(
        &self,
        target: &str,
        context: &Context,
        through_cache: bool,
    ) -> Option<(Changes, Timestamp)> {
        let data_center = DataCenterCache::new(&self.settings.public_host);
        if through_cache && let Some((asked_at, page)) = data_center.find_page(target).await {
            let asked_at = Timestamp::from_millis(asked_at);
            let is_young = asked_at <= now() && now().since(asked_at) <= LOG_FRESH;
            if is_young && let Ok(changes) = serde_json::from_slice(&page) {
                return Some((changes, asked_at));
            }
        }

        let asked_at = now();
        let page = self.asked_page(target).await?;
        let changes = serde_json::from_slice(&Uint8Array::new(&page).to_vec());
        let target = target.to_owned();
        behind(context, async move {
            data_center.save_page(&target, asked_at.as_millis(), &page).await;
        });

        match changes {
            Ok(changes) => Some((changes, asked_at)),
            Err(error) => {
                js::error(&format!("the change log can't be read: {error}"));
                None
            }
        }
    }

    async fn asked_page(&self, target: &str) -> Option<ArrayBuffer> {
        // Isolates share the page under its plain name; no cache beyond the data centre's may.
        let target = unique(target, js::random());
        let ask = OriginRequest {
            target: &target,
            encoding: Encoding::Identity,
            min_seq: None,
            validator: None,
            client_addr: "",
            refills: false,
        };

        match self.ask_origin(ask, PAGE_BYTES_MAX, PAGE_WITHIN).await {
            Ok(reply) if reply.status == 200 => reply.bytes().ok(),
            Ok(reply) => {
                js::error(&format!("the change log: the origin answered {}", reply.status));
                None
            }
            Err(failure) => {
                js::error(&format!("the change log: the origin is {}", failure.name()));
                None
            }
        }
    }
}

/// The progress of a catch-up that a request waits for.
enum Progress {
    Waited(std::task::Waker),
    Done,
}

impl Progress {
    fn waker(self) -> Option<std::task::Waker> {
        match self {
            Self::Waited(waker) => Some(waker),
            Self::Done => None,
        }
    }
}
