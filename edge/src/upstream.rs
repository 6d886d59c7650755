//! The origin: signed requests, and what is forwarded without being cached.

mod forward;
pub(crate) mod origin;
