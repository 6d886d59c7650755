//! The API's description as its two routes serve it: a JSON document and a page, each made once.

use std::sync::OnceLock;

use utoipa::openapi::OpenApi;

use crate::docs_page;

/// Makes the description when it is first asked for. It is handed to the routes by the router, since
/// the document is made from all routes, theirs included.
#[derive(Clone, Copy)]
pub struct Description(fn() -> OpenApi);

impl Description {
    pub const fn new(document: fn() -> OpenApi) -> Self {
        Self(document)
    }

    pub fn json(self) -> &'static str {
        static JSON: OnceLock<String> = OnceLock::new();

        JSON.get_or_init(|| self.0().to_json().expect("all keys of the document are strings"))
    }

    pub fn page(self) -> &'static str {
        static PAGE: OnceLock<String> = OnceLock::new();

        PAGE.get_or_init(|| docs_page::page(&self.0()))
    }
}
