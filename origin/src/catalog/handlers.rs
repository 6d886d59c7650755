//! The seven cached routes: one handler, since the parser that the edge uses too tells them apart.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use domain::Resource;
use domain::api::{CardView, CategoryNode, Facet, ProductView};
use edge_core::route::Route;

use super::answer::{Asker, respond};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::schema::{ListParameters, ReadProblems};
use crate::shop::{SharedShop, Shop};

/// `{"data":[…],"next_cursor":…,"facets":[…],"total":n}`
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the shape of bytes that are put together from cards")]
pub struct ListBody {
    data: Vec<CardView<'static>>,
    next_cursor: Option<String>,
    facets: Vec<Facet>,
    total: u64,
}

/// `{"data":[…]}`
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the shape of bytes that are put together from cards")]
pub struct CardsBody {
    data: Vec<CardView<'static>>,
}

/// `{"data":[…]}`
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the shape of bytes that the snapshot renders")]
pub struct CategoriesBody {
    data: Vec<CategoryNode<'static>>,
}

/// Lists products by filters, with facet counts.
#[utoipa::path(get, path = "/products", tag = "catalog", params(ListParameters), responses(
    (status = 200, description = "One page of products", body = ListBody),
    ReadProblems,
))]
pub async fn list(shop: State<SharedShop>, request: Request) -> Result<Response, Problem> {
    answer(&shop, request).await
}

/// Searches products by words, tolerating typos.
#[utoipa::path(get, path = "/search", tag = "catalog", params(ListParameters), responses(
    (status = 200, description = "One page of products, best match first", body = ListBody),
    ReadProblems,
))]
pub async fn search(shop: State<SharedShop>, request: Request) -> Result<Response, Problem> {
    answer(&shop, request).await
}

/// Shows one product.
#[utoipa::path(get, path = "/products/{product}", tag = "catalog",
    params(("product" = String, Path, description = "Id or slug")),
    responses((status = 200, description = "The product", body = ProductView<'static>), ReadProblems)
)]
pub async fn show(shop: State<SharedShop>, request: Request) -> Result<Response, Problem> {
    answer(&shop, request).await
}

/// Lists products that go with one.
#[utoipa::path(get, path = "/products/{product}/recommendations", tag = "catalog",
    params(("product" = String, Path, description = "Id or slug")),
    responses((status = 200, description = "At most 12 products", body = CardsBody), ReadProblems)
)]
pub async fn recommendations(
    shop: State<SharedShop>,
    request: Request,
) -> Result<Response, Problem> {
    answer(&shop, request).await
}

/// Shows the category tree.
#[utoipa::path(get, path = "/categories", tag = "catalog", responses(
    (status = 200, description = "The roots, with what is below them", body = CategoriesBody),
    ReadProblems,
))]
pub async fn categories(shop: State<SharedShop>, request: Request) -> Result<Response, Problem> {
    answer(&shop, request).await
}

/// Lists what the shop puts forward.
#[utoipa::path(get, path = "/featured", tag = "catalog", responses(
    (status = 200, description = "Featured products, in the shop's order", body = CardsBody),
    ReadProblems,
))]
pub async fn featured(shop: State<SharedShop>, request: Request) -> Result<Response, Problem> {
    answer(&shop, request).await
}

/// Lists what sells best, in the shop or in a category.
#[utoipa::path(get, path = "/bestsellers", tag = "catalog",
    params(("category" = Option<String>, Query, description = "Id or slug", max_length = 96,
        pattern = r"^(cat_[0-7][0-9A-HJKMNP-TV-Z]{25}|[a-z0-9]+(-[a-z0-9]+)*)$")),
    responses((status = 200, description = "Best first, at most 24", body = CardsBody), ReadProblems)
)]
pub async fn bestsellers(shop: State<SharedShop>, request: Request) -> Result<Response, Problem> {
    answer(&shop, request).await
}

async fn answer(shop: &Shop, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let Route::Catalog(read) = Route::of(parts.method.as_str(), target(&parts.uri))? else {
        return Err(Problem::not_found("page"));
    };
    let caller = Caller::of(shop, &parts);
    let (asker, min_seq) = asker(shop, &caller, &parts.headers);
    let answer = shop.reads.get(read, min_seq).await?;

    Ok(respond(&answer, &parts.headers, asker, &shop.follower))
}

/// The answer to a cached read that is in memory and may be served as it is.
pub fn at_once<B>(
    shop: &Shop,
    caller: &Caller,
    request: &axum::http::Request<B>,
) -> Option<(Resource, Response)> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let Ok(Route::Catalog(read)) = Route::of(method.as_str(), target(uri)) else { return None };
    let (asker, min_seq) = asker(shop, caller, headers);
    let answer = shop.reads.peek(&read, min_seq)?;

    Some((read.resource(), respond(&answer, headers, asker, &shop.follower)))
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// Only an edge and the bearer of a token may say how new the answer must be.
fn asker(shop: &Shop, caller: &Caller, headers: &HeaderMap) -> (Asker, Option<domain::Seq>) {
    if let Some(edge) = &caller.edge {
        return (Asker::Edge(edge.encoding), edge.min_seq);
    }
    match shop.tokens.read(headers, shop.world.now()) {
        // Of a log by another name its place says nothing here.
        Some(written) => (Asker::Writer, shop.follower.place_of(&written)),
        None => (Asker::Anyone, None),
    }
}
