//! The origin: connections to it, signed requests, and what is forwarded without being cached.

pub(crate) mod connections;
pub(crate) mod forward;
pub(crate) mod origin;
pub(crate) mod unpack;
