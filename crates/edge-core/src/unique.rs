//! A URL that no cache has an answer for: what must come from the origin itself is asked there.

/// The query parameter that makes it so. The origin reads no parameter of this name.
const NONCE: &str = "nonce";

/// `target` as no request had it before: a cache between edge and origin that keeps what it was
/// told not to keep would otherwise answer every later request with what it was first told.
/// `random` has 128 bits, so that no two requests are the same; the signature covers it.
pub fn unique(target: &str, random: u128) -> String {
    let joint = if target.contains('?') { '&' } else { '?' };

    format!("{target}{joint}{NONCE}={random:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Route;

    #[test]
    fn a_unique_url_names_the_same_read() {
        for target in ["/products/mug", "/products?category=mugs", "/featured", "/search?q=a%20b"] {
            let once = unique(target, 7);
            let Ok(Route::Catalog(read)) = Route::of("GET", &once) else {
                panic!("{once} is no cached read");
            };

            assert_eq!(read.to_string(), target);
            assert_ne!(once, unique(target, 8));
        }
    }

    #[test]
    fn the_log_is_asked_after_the_same_position() {
        assert_eq!(
            unique("/internal/changes", 1),
            "/internal/changes?nonce=00000000000000000000000000000001"
        );
        assert!(
            unique("/internal/changes?after=L.7", 1).starts_with("/internal/changes?after=L.7&")
        );
    }
}
