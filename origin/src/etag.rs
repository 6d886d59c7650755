//! The ETag of an admin's response: the version of the resource, quoted.

use axum::http::HeaderValue;

pub fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\""))
        .expect("digits and quotes are a header's value")
}
