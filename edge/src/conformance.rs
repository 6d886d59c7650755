//! The Worker as a plain caching proxy before any origin: whole URLs are its keys, the decisions
//! are `edge_core::http`'s. For the public suite; no bundle that is deployed has it.

mod fetch;
mod forward;
mod js;
mod proxy;
mod store;

pub(crate) use proxy::Proxy;
