//! What goes over a connection: the fast path for hits in front of hyper, heads, bodies, responses.

pub(crate) mod body;
pub(crate) mod fast_path;
pub(crate) mod head;
pub(crate) mod header_lines;
pub(crate) mod interim;
pub(crate) mod prepared_response;
pub(crate) mod problem;
pub(crate) mod raw_response;
