//! HTTP on the client's connection: the fast path below hyper, heads, bodies and responses.

pub(crate) mod body;
pub(crate) mod fast_path;
pub(crate) mod head;
pub(crate) mod header_lines;
pub(crate) mod interim;
pub(crate) mod prepared_response;
pub(crate) mod problem;
pub(crate) mod raw_response;
