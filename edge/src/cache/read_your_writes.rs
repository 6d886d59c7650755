//! Read-your-writes: the bearer of a token is shown nothing older than what it has written.

use std::rc::Rc;

use domain::changes::SEQ_MAX;
use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{CatalogRead, Seq, Stamp};
use edge_core::cache_status::Forward;
use edge_core::decision::Fetch;
use edge_core::{Key, token};
use wasm_bindgen::JsValue;

use crate::cache::fetch::Fill;
use crate::edge::Edge;
use crate::http::request_view::RequestView;
use crate::js::{self, Context};
use crate::runtime::now;

impl Edge {
    /// Rule 10: once this isolate knows of the write, whatever it keeps is judged by it; until then
    /// the origin is asked.
    pub(crate) async fn for_writer(
        self: &Rc<Self>,
        read: CatalogRead,
        key: Key,
        written: &Stamp,
        view: &RequestView,
        context: &Context,
    ) -> JsValue {
        let at_least = self.place_of(written, context).await;
        let is_there = match at_least {
            Some(seq) => self.reach(seq, context).await,
            // It was written to a log that is gone, and so is the write.
            None => true,
        };
        let response = if is_there {
            self.read_through(read, key, view, context).await
        } else {
            let fill = Fill { at_least, ..Fill::new(read, key, view) };
            self.fetch_alone(fill, Fetch::alone(Forward::Request, None), view, context).await
        };

        js::set_header(&response, "cache-control", PRIVATE_CACHE_CONTROL);
        response
    }

    /// The place in this isolate's log; of the two logs the writer's may be the newer one.
    async fn place_of(self: &Rc<Self>, written: &Stamp, context: &Context) -> Option<Seq> {
        if self.log.borrow().place_of(written).is_none() {
            self.reach(SEQ_MAX, context).await;
        }
        self.log.borrow().place_of(written)
    }

    /// The position that a valid token names.
    pub(crate) fn written_stamp(&self, view: &RequestView) -> Option<Stamp> {
        token::read(self.settings.token_key.as_ref()?, view.token()?, now())
    }
}
