//! Which requests are cached reads, and which read exactly. Edge and origin parse with this module,
//! so neither can see a request that the other does not.

mod list;
mod parameters;
mod path;
mod refusal;
mod values;

use domain::CatalogRead;

pub use refusal::Refusal;

use parameters::Parameters;
use path::{CachedPath, Place};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it lives for one request, on the stack")]
pub enum Route {
    /// One of the seven cached paths. Its text is the cache key, and the request that a tier sends
    /// to the next one: whatever else the client said is in neither.
    Catalog(CatalogRead),
    /// `/internal/…`, between the shop's own parts, and `/metrics` and `/readyz`, for its
    /// operators. An edge never lets it pass.
    Internal,
    /// Anything else, never cached: carts, accounts, admin, and unknown paths.
    Pass,
}

/// In bytes. Five attributes of twenty values are more than any page of filters asks for.
const QUERY_MAX: usize = 2_048;

impl Route {
    /// The route of a request line; `path_and_query` begins with `/` and has no fragment.
    ///
    /// GET and HEAD of a cached path are a [`Route::Catalog`]. OPTIONS is no read, and is answered
    /// before ([`crate::browser::is_preflight`]) or passed on; every other method on a cached path
    /// is refused with 405.
    pub fn of(method: &str, path_and_query: &str) -> Result<Self, Refusal> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));

        match Place::of(path).ok_or_else(Refusal::not_found)? {
            Place::Internal => Ok(Self::Internal),
            Place::Other => Ok(Self::Pass),
            Place::Cached(path) => match method {
                "GET" | "HEAD" => read(path, query).map(Self::Catalog),
                "OPTIONS" => Ok(Self::Pass),
                _ => Err(Refusal::method_not_allowed()),
            },
        }
    }
}

fn read(path: CachedPath, query: &str) -> Result<CatalogRead, Refusal> {
    if query.len() > QUERY_MAX {
        return Err(Refusal::query_too_long(QUERY_MAX));
    }
    let mut parameters = Parameters::of(query, |name| path.knows(name));

    let read = match path {
        CachedPath::Products => CatalogRead::Products(list::query(&mut parameters)),
        CachedPath::Search => CatalogRead::Search(list::query(&mut parameters)),
        CachedPath::Bestsellers => {
            CatalogRead::Bestsellers { category: list::category(&mut parameters) }
        }
        CachedPath::Product(product) => CatalogRead::Product(product),
        CachedPath::Recommendations(product) => CatalogRead::Recommendations(product),
        CachedPath::Categories => CatalogRead::Categories,
        CachedPath::Featured => CatalogRead::Featured,
    };

    parameters.finish().map(|()| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path_and_query: &str) -> String {
        match Route::of("GET", path_and_query) {
            Ok(Route::Catalog(read)) => read.to_string(),
            other => panic!("{path_and_query}: {other:?}"),
        }
    }

    fn status(method: &str, path_and_query: &str) -> u16 {
        match Route::of(method, path_and_query) {
            Ok(route) => panic!("{path_and_query}: {route:?}"),
            Err(refusal) => refusal.status(),
        }
    }

    #[test]
    fn the_seven_cached_paths_are_catalogue_reads() {
        for path in [
            "/products",
            "/products/blue-mug",
            "/products/blue-mug/recommendations",
            "/categories",
            "/featured",
            "/bestsellers",
            "/search",
        ] {
            assert_eq!(key(path), path);
        }
    }

    #[test]
    fn a_private_path_is_never_a_catalogue_read() {
        for path in [
            "/",
            "/cart",
            "/cart/items/1",
            "/checkout/products",
            "/admin/products",
            "/account",
            "/webhooks/stripe",
            "/productsx",
            "/PRODUCTS",
            "/healthz",
        ] {
            for method in ["GET", "HEAD", "POST"] {
                assert_eq!(Route::of(method, path), Ok(Route::Pass), "{path}");
            }
        }
    }

    #[test]
    fn internal_paths_are_told_apart_however_they_are_spelt() {
        for path in ["/internal", "/internal/changes?after=x", "/%69nternal/changes", "/INTERNAL/x"]
        {
            assert_eq!(Route::of("GET", path), Ok(Route::Internal), "{path}");
        }
        for path in ["//internal/changes", "/internal;x/changes", "/x/../internal", "/%2finternal"]
        {
            assert_eq!(status("GET", path), 404, "{path}");
        }
    }

    #[test]
    fn a_cached_path_is_only_read() {
        let refusal = Route::of("POST", "/products").unwrap_err();

        assert_eq!((refusal.status(), refusal.allow()), (405, Some("GET, HEAD")));
        assert_eq!(status("get", "/products"), 405);
        assert_eq!(status("POST", "/products/"), 404);
        assert_eq!(Route::of("OPTIONS", "/products"), Ok(Route::Pass));
    }

    #[test]
    fn what_no_parameter_is_called_is_in_neither_key_nor_request() {
        assert_eq!(key("/products?utm_source=x&limit=12&_=7&utm=%zz"), "/products?limit=12");
        assert_eq!(key("/featured?limit=12"), "/featured");
        assert_eq!(key("/bestsellers?limit=12&category=mugs"), "/bestsellers?category=mugs");
    }

    #[test]
    fn a_query_that_is_too_long_is_refused_on_every_cached_path() {
        let long = "x".repeat(QUERY_MAX + 1);

        for path in ["/products", "/featured", "/products/blue-mug"] {
            assert_eq!(status("GET", &format!("{path}?{long}")), 400);
        }
    }
}
