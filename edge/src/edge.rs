//! The edge of one isolate: what its requests share, and where each of them goes.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{CatalogRead, Timestamp};
use edge_core::browser::{self, NOSNIFF, PREFLIGHT};
use edge_core::fields::Fields;
use edge_core::follow::LogView;
use edge_core::{CacheStatus, Key, Refusal, Route};
use wasm_bindgen::JsValue;

use crate::cache::store::ResponseStore;
use crate::http::problem::{self, Readers};
use crate::http::request_view::RequestView;
use crate::js::{self, Context};
use crate::runtime::{now, promised};
use crate::settings::Settings;

/// Liveness of the edge, whatever the state of the origin.
const HEALTH: &str = "/edge/healthz";

pub(crate) struct Edge {
    pub settings: Settings,
    pub store: RefCell<ResponseStore>,
    pub log: RefCell<LogView>,
    /// Until when another request is assumed to be reading the log. No request waits for another
    /// one's fetch: the platform ends it with its own request.
    pub reading_until: Cell<Timestamp>,
    /// Until when no request waits for the log, which was waited for in vain.
    pub gave_up_until: Cell<Timestamp>,
}

thread_local! {
    static EDGE: OnceCell<Rc<Edge>> = const { OnceCell::new() };
}

impl Edge {
    /// # Errors
    /// What is wrong with the bindings.
    pub fn of_this_isolate(env: &JsValue) -> Result<Rc<Self>, Vec<String>> {
        EDGE.with(|edge| {
            if let Some(edge) = edge.get() {
                return Ok(Rc::clone(edge));
            }
            let settings = Settings::of(env)?;
            Ok(Rc::clone(edge.get_or_init(|| Rc::new(Self::new(settings)))))
        })
    }

    fn new(settings: Settings) -> Self {
        Self {
            store: RefCell::new(ResponseStore::new(settings.capacity_bytes)),
            settings,
            log: RefCell::default(),
            reading_until: Cell::default(),
            gave_up_until: Cell::default(),
        }
    }

    pub fn handle(self: Rc<Self>, request: JsValue, context: Context) -> JsValue {
        let view = RequestView::of(&request);

        if let Some(answer) = self.try_raw_key(&view, &context) {
            return answer;
        }

        if browser::is_preflight(view.method(), view.target()) {
            return preflight();
        }
        let readers = Readers::of(view.target());

        match Route::of(view.method(), view.target()) {
            Ok(Route::Catalog(read)) => self.catalog(read, &request, view, context),
            Ok(Route::Pass) if view.target() == HEALTH => self.health(),
            Ok(Route::Pass) => promised(async move { self.forward(&request, &view).await }),
            Ok(Route::Internal) => problem::refused(Refusal::not_found(), readers),
            Err(refusal) => problem::refused(refusal, readers),
        }
    }

    /// The response to a request whose target is a stored key, which needs no parsing.
    fn try_raw_key(self: &Rc<Self>, view: &RequestView, context: &Context) -> Option<JsValue> {
        if !view.is_head() && view.method() != "GET" {
            return None;
        }
        self.try_fast_hit(&Key::raw(view.target(), view.encoding()), view, context)
    }

    fn catalog(
        self: Rc<Self>,
        read: CatalogRead,
        request: &JsValue,
        view: RequestView,
        context: Context,
    ) -> JsValue {
        let key = Key::new(&read, view.encoding());
        if key.target() != view.target()
            && let Some(answer) = self.try_fast_hit(&key, &view, &context)
        {
            return answer;
        }

        // A hit is not forwarded, so only a miss can loop.
        if self.is_own(&view, &Fields::of_lines(&js::lines_of(request))) {
            return problem::refused(Refusal::looping(), Readers::AnySite);
        }
        promised(async move { self.read(read, key, &view, &context).await })
    }

    /// Whether this edge, or another isolate of it, has sent the request.
    pub fn is_own(&self, view: &RequestView, fields: &Fields) -> bool {
        self.settings.own.include(view.method(), view.target(), fields, now())
    }

    fn health(&self) -> JsValue {
        let log = self.log.borrow();
        let position = log.stamp().map(|stamp| stamp.to_string());
        let age = u64::try_from(log.age(now()).0.as_millis()).ok().filter(|_| position.is_some());
        let json = serde_json::json!({ "status": "ok", "log": position, "log_age_ms": age });
        let mut fields = Fields::default();
        fields.set("content-type", "application/json");
        fields.set("cache-control", PRIVATE_CACHE_CONTROL);
        browser::set(&mut fields, [&NOSNIFF]);

        js::answer(&JsValue::from_str(&json.to_string()), &js::head(200, &fields.to_lines()))
    }

    /// The value of `RateLimit-Policy`, where there is a rate limit.
    pub fn policy(&self) -> Option<&str> {
        self.settings.rate_limit.as_ref().map(|rate_limit| rate_limit.policy.as_str())
    }
}

fn preflight() -> JsValue {
    let mut fields = Fields::default();
    browser::set(&mut fields, PREFLIGHT.iter().chain([&NOSNIFF]));

    js::answer(&JsValue::NULL, &js::head(204, &fields.to_lines()))
}

/// Of a request that bypasses the cache.
pub(crate) const BYPASS: CacheStatus = CacheStatus::BYPASS;
