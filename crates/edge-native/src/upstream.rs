//! The origin: connections to it, signed requests, and what is forwarded without being cached.

pub(crate) mod connections;
pub(crate) mod forward;
pub(crate) mod origin;
pub(crate) mod unpack;
pub(crate) mod whole_response;

/// The last error of the chain: the ones before it only say that there is one.
pub(crate) fn root_cause<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
