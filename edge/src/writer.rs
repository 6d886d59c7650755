//! Read-your-writes: the bearer of a token is shown nothing older than what it has written.

use std::rc::Rc;

use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{CatalogRead, Seq};
use edge_core::cache_status::Forward;
use edge_core::{Key, token};
use wasm_bindgen::JsValue;

use crate::asked::Asked;
use crate::edge::{Edge, now};
use crate::fill::Fill;
use crate::js::{self, Context};

impl Edge {
    /// Rule 10: once this isolate knows of the write, whatever it keeps is judged by it; until then
    /// the origin is asked.
    pub(crate) async fn for_writer(
        self: &Rc<Self>,
        read: CatalogRead,
        key: Key,
        written: Seq,
        asked: &Asked,
        context: &Context,
    ) -> JsValue {
        let response = if self.reach(written, context).await {
            self.answered(read, key, asked, context).await
        } else {
            let fill = Fill { at_least: Some(written), ..Fill::new(read, key, asked) };
            self.alone(fill, Forward::Request, None, asked, context).await
        };

        js::set_header(&response, "cache-control", PRIVATE_CACHE_CONTROL);
        response
    }

    /// The position of a token that can be believed.
    pub(crate) fn written_by(&self, asked: &Asked) -> Option<Seq> {
        token::read(self.settings.token_key.as_ref()?, asked.token()?, now())
    }
}
