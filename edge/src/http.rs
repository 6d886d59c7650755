//! Requests as this edge looks at them, and the responses that it makes.

pub(crate) mod prepared_response;
pub(crate) mod problem;
pub(crate) mod request_view;
