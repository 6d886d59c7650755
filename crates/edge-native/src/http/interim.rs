//! Interim responses of the origin, such as 103 (Early Hints), on their way to the client (RFC 9110
//! §15.2).

use http::{HeaderMap, Request};
use http_server::InterimSender;
use hyper::ext::on_informational;

use crate::http::body::Body;

/// Sends `client` each interim response that comes for `request`, with the fields that `end_to_end`
/// lets pass, as soon as it comes.
pub(crate) fn forward(
    request: &mut Request<Body>,
    client: InterimSender,
    end_to_end: fn(&HeaderMap) -> HeaderMap,
) {
    on_informational(request, move |interim| {
        client.send(interim.status(), &end_to_end(interim.headers()));
    });
}
