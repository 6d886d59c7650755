//! The seven cached routes. Their handlers differ in documentation only: the parser that edges use
//! tells the requests apart.

use axum::extract::{Request, State};
use axum::response::Response;
use domain::Resource;
use domain::api::{CardView, CategoryNode, Facet, ProductView};
use utoipa_axum::routes;

use crate::access::Caller;
use crate::catalog::CatalogReads;
use crate::problem::Problem;
use crate::route::Endpoint;
use crate::schema::{ListParameters, ReadProblems};
use crate::shop::Shop;

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::cached(Resource::Products, routes!(list)),
        Endpoint::cached(Resource::Search, routes!(search)),
        Endpoint::cached(Resource::Product, routes!(show)),
        Endpoint::cached(Resource::Recommendations, routes!(recommendations)),
        Endpoint::cached(Resource::Categories, routes!(categories)),
        Endpoint::cached(Resource::Featured, routes!(featured)),
        Endpoint::cached(Resource::Bestsellers, routes!(bestsellers)),
    ]
}

/// `{"data":[…],"next_cursor":…,"facets":[…],"total":n}`
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the schema of JSON that is assembled from cards")]
pub struct ListBody {
    data: Vec<CardView<'static>>,
    next_cursor: Option<String>,
    facets: Vec<Facet>,
    total: u64,
}

/// `{"data":[…]}`
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the schema of JSON that is assembled from cards")]
pub struct CardsBody {
    data: Vec<CardView<'static>>,
}

/// `{"data":[…]}`
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the schema of JSON that the index renders")]
pub struct CategoriesBody {
    data: Vec<CategoryNode<'static>>,
}

/// Lists products by filters, with facet counts.
#[utoipa::path(get, path = "/products", tag = "catalog", params(ListParameters), responses(
    (status = 200, description = "One page of products", body = ListBody),
    ReadProblems,
))]
pub async fn list(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}

/// Searches products by words, tolerating typos.
#[utoipa::path(get, path = "/search", tag = "catalog", params(ListParameters), responses(
    (status = 200, description = "One page of products, best match first", body = ListBody),
    ReadProblems,
))]
pub async fn search(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}

/// Shows one product.
#[utoipa::path(get, path = "/products/{product}", tag = "catalog",
    params(("product" = String, Path, description = "Id or slug")),
    responses((status = 200, description = "The product", body = ProductView<'static>), ReadProblems)
)]
pub async fn show(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}

/// Lists products that go with a product.
#[utoipa::path(get, path = "/products/{product}/recommendations", tag = "catalog",
    params(("product" = String, Path, description = "Id or slug")),
    responses((status = 200, description = "At most 12 products", body = CardsBody), ReadProblems)
)]
pub async fn recommendations(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}

/// Shows the category tree.
#[utoipa::path(get, path = "/categories", tag = "catalog", responses(
    (status = 200, description = "The root categories with their descendants", body = CategoriesBody),
    ReadProblems,
))]
pub async fn categories(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}

/// Lists the featured products.
#[utoipa::path(get, path = "/featured", tag = "catalog", responses(
    (status = 200, description = "Featured products in the order of the list", body = CardsBody),
    ReadProblems,
))]
pub async fn featured(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}

/// Lists the bestsellers of the shop or of a category.
#[utoipa::path(get, path = "/bestsellers", tag = "catalog",
    params(("category" = Option<String>, Query, description = "Id or slug", max_length = 96,
        pattern = r"^(cat_[0-7][0-9A-HJKMNP-TV-Z]{25}|[a-z0-9]+(-[a-z0-9]+)*)$")),
    responses((status = 200, description = "Best first, at most 24", body = CardsBody), ReadProblems)
)]
pub async fn bestsellers(
    State(reads): State<CatalogReads>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    reads.respond(&request.into_parts().0, &caller).await
}
