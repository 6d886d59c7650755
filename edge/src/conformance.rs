//! The Worker as a plain caching proxy before any origin: whole URLs are its keys, the decisions are
//! `edge_core::http`'s. For the public suite; no bundle that is deployed has it.

mod fetch;
mod js;
mod passing;
mod proxy;
mod shelf;

pub(crate) use proxy::Proxy;
