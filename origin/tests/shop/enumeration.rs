//! What is declared of every route, checked against the document and against the running router.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use domain::access::{Permission, Role};
use origin::{Access, BodyLimit, Caching, Idempotency, Route, routes};
use serde_json::Value;
use store::Actor;
use utoipa::openapi::path::PathItem;

use crate::world::World;

/// Calls between the shop's own parts are not in the document.
const UNDOCUMENTED: [&str; 1] = ["/internal/changes"];

fn documented() -> BTreeSet<(String, String)> {
    let of = |item: &PathItem| {
        [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
        ]
    };
    let document = origin::openapi();
    let operations = document.paths.paths.iter().flat_map(|(path, item)| {
        of(item)
            .into_iter()
            .filter(|(_, is_there)| *is_there)
            .map(|(method, _)| (method.to_owned(), path.clone()))
            .collect::<Vec<_>>()
    });

    operations.collect()
}

fn concrete(path: &str) -> String {
    path.replace("{product}", "prod_01KAQ8Z7E5W3R0V4Y6T8M2N1PX")
        .replace("{variant}", "var_01KAQ8Z7E5W3R0V4Y6T8M2N1PX")
        .replace("{category}", "cat_01KAQ8Z7E5W3R0V4Y6T8M2N1PX")
        .replace("{collection}", "col_01KAQ8Z7E5W3R0V4Y6T8M2N1PX")
        .replace("{sku}", "A-1")
        .replace("{file}", "none.svg")
}

fn admin_routes() -> impl Iterator<Item = Route> {
    routes().into_iter().filter(|route| matches!(route.access, Access::Admin(_)))
}

#[test]
fn every_route_has_an_operation_in_the_document_and_every_operation_a_route() {
    let declared: Vec<_> = routes()
        .into_iter()
        .filter(|route| !UNDOCUMENTED.contains(&route.path.as_str()))
        .map(|route| (route.method.to_string(), route.path))
        .collect();

    let distinct: BTreeSet<_> = declared.iter().cloned().collect();

    assert_eq!(distinct.len(), declared.len(), "a route is declared twice");
    assert_eq!(documented(), distinct);
}

/// The document and the path say it apart from the declaration.
#[test]
fn a_route_needs_an_admin_key_exactly_if_its_path_and_its_operation_say_so() {
    let document = serde_json::to_value(origin::openapi()).unwrap();

    for route in routes() {
        let method = route.method.as_str().to_lowercase();
        let security = &document["paths"][&route.path][method]["security"];
        let needs_key = security.to_string().contains("admin_key");
        let is_admin = matches!(route.access, Access::Admin(_));

        assert_eq!(is_admin, needs_key, "{} {}: {security}", route.method, route.path);
        assert_eq!(is_admin, route.path.starts_with("/admin/"), "{}", route.path);
    }
}

#[test]
fn an_admin_read_needs_a_permission_to_read_and_a_write_one_to_write() {
    for route in admin_routes() {
        let Access::Admin(permission) = route.access else { continue };
        let may_write = match permission {
            Permission::ReadCatalog | Permission::ReadInventory | Permission::ReadAudit => false,
            Permission::WriteCatalog | Permission::AdjustInventory => true,
        };

        assert_eq!(may_write, route.method != Method::GET, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn an_admin_route_reads_the_parameters_that_its_document_names() {
    let world = World::new().await;
    let mut read = 0;

    for route in admin_routes() {
        for name in route.parameters.unwrap() {
            let path = format!("{}?{name}=1", concrete(&route.path));
            let answer = world.call(route.method.as_str(), &path, &[], Value::Null).await;

            let text = String::from_utf8_lossy(&answer.bytes);
            assert!(!text.contains("unknown field"), "{} {path}: {text}", route.method);
            read += 1;
        }
    }
    assert!(read > 0);
}

#[test]
fn every_admin_write_honours_a_key_and_no_other_route_does() {
    for route in routes() {
        let is_admin = matches!(route.access, Access::Admin(_));
        let is_write = is_admin && route.method != Method::GET;

        assert_eq!(route.idempotency != Idempotency::None, is_write, "{route:?}");
    }
}

#[tokio::test]
async fn every_route_that_takes_a_body_refuses_one_that_is_larger_than_it_declares() {
    let world = World::new().await;

    for route in routes().into_iter().filter(|route| route.body != BodyLimit::NONE) {
        let request = Request::builder()
            .method(&route.method)
            .uri(concrete(&route.path))
            .header("authorization", format!("Bearer {}", world.owner))
            .header("content-type", "application/json")
            .header("idempotency-key", "large");
        let body = vec![b' '; route.body.bytes() + 1];

        let answer = world.send(request.body(Body::from(body)).unwrap()).await;

        answer.problem(413, "payload_too_large");
    }
}

#[tokio::test]
async fn an_admin_route_names_unknown_parameters() {
    let world = World::new().await;
    for route in admin_routes() {
        let request = Request::builder()
            .method(&route.method)
            .uri(concrete(&route.path) + "?dry-run=true&%7A=1&z=2&limt=")
            .header("authorization", format!("Bearer {}", world.owner))
            .header("content-type", "application/json");

        let answer = world.send(request.body(Body::from("{}")).unwrap()).await;

        answer.problem(400, "invalid_parameter");
        let errors = answer.json()["errors"].clone();
        let named: Vec<_> = errors.as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
        assert_eq!(named, ["?dry-run", "?limt", "?z"], "{} {}", route.method, route.path);
    }
}

#[test]
fn only_reads_that_anyone_may_make_are_stored_by_shared_caches() {
    for route in routes() {
        if let Caching::Shared(_) = route.caching {
            let expected = (Access::Anyone, Method::GET);
            assert_eq!((route.access, route.method), expected, "{}", route.path);
        }
    }
}

#[tokio::test]
async fn an_admin_route_refuses_a_request_without_a_key_or_without_the_permission() {
    let world = World::new().await;
    for role in Role::ALL {
        let key = world.key(role).await;
        for route in routes() {
            let Access::Admin(permission) = route.access else { continue };
            let request = |authorization: Option<&str>| {
                let mut request = Request::builder()
                    .method(&route.method)
                    .uri(concrete(&route.path))
                    .header("content-type", "application/json");
                if let Some(value) = authorization {
                    request = request.header("authorization", value);
                }
                request.body(Body::from("{}")).unwrap()
            };

            for wrong in [None, Some("Bearer nonsense"), Some("Basic eDp5"), Some("Bearer")] {
                world.send(request(wrong)).await.problem(401, "unauthorized");
            }
            let answer = world.send(request(Some(&format!("Bearer {key}")))).await;
            if role.may(permission) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{route:?}");
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing() {
    let world = World::new().await;
    let issued = world.keys().create("gone", Role::Owner, &Actor::command("test")).await.unwrap();
    world.keys().revoke(issued.key.id, &Actor::command("test")).await.unwrap();

    let authorization = format!("Bearer {}", issued.reveal());
    let answer = world.get_with("/admin/products", &[("authorization", &authorization)]).await;

    answer.problem(401, "unauthorized");
}

#[tokio::test]
async fn every_route_answers_other_methods_with_405_and_allow() {
    let world = World::new().await;
    for route in routes().into_iter().filter(|route| route.access != Access::Edge) {
        let request =
            Request::builder().method("TRACE").uri(concrete(&route.path)).body(Body::empty());
        let answer = world.send(request.unwrap()).await;

        answer.problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(route.method.as_str()), "{route:?}");
    }
}

#[tokio::test]
async fn a_response_that_no_cache_may_store_says_so() {
    let world = World::new().await;
    for route in routes().into_iter().filter(|it| it.caching == Caching::NoStore) {
        if route.method != Method::GET || route.path == "/images/{file}" {
            continue;
        }
        let authorization = format!("Bearer {}", world.owner);
        let answer =
            world.get_with(&concrete(&route.path), &[("authorization", &authorization)]).await;

        assert_eq!(answer.header("cache-control"), "private, no-store", "{}", route.path);
    }
}

#[tokio::test]
async fn only_signed_edges_get_the_change_log() {
    let world = World::new().await;

    world.get("/internal/changes").await.problem(404, "not_found");
    world
        .get_with("/internal/changes", &[("x-edge-auth", "v1;test;1;x;y")])
        .await
        .problem(404, "not_found");
    let answer = world.get_as_edge("/internal/changes").await.expect(200);
    assert!(answer.json()["log"].is_string());
}

/// For each route a request that it must refuse, and how: `{}` is a well-formed empty body, `-` is no
/// body, followed by a suffix of the path.
const REFUSED: &[(&str, &str, &str, u16, &str)] = &[
    ("GET", "/products", "-?limit=0", 400, "invalid_parameter"),
    ("GET", "/products/{product}", "-", 404, "not_found"),
    ("GET", "/products/{product}/recommendations", "-", 404, "not_found"),
    ("GET", "/categories", "-/", 404, "not_found"),
    ("GET", "/featured", "-/", 404, "not_found"),
    ("GET", "/bestsellers", "-?category=%20", 400, "invalid_parameter"),
    ("GET", "/search", "-?cursor=x", 400, "invalid_cursor"),
    ("GET", "/", "-x", 404, "not_found"),
    ("GET", "/images/{file}", "-", 404, "not_found"),
    ("GET", "/healthz", "-/", 404, "not_found"),
    ("GET", "/readyz", "-/", 404, "not_found"),
    ("GET", "/metrics", "-/", 404, "not_found"),
    ("GET", "/openapi.json", "-/", 404, "not_found"),
    ("GET", "/docs", "-/", 404, "not_found"),
    ("GET", "/internal/changes", "-", 404, "not_found"),
    ("POST", "/internal/changes", "-?at=L.1", 404, "not_found"),
    ("GET", "/admin/products", "-?limit=0", 400, "invalid_parameter"),
    ("POST", "/admin/products", "{}", 422, "invalid_body"),
    ("GET", "/admin/products/{product}", "-", 404, "not_found"),
    ("PATCH", "/admin/products/{product}", "{}", 428, "precondition_required"),
    ("DELETE", "/admin/products/{product}", "-", 428, "precondition_required"),
    ("POST", "/admin/products/{product}/variants", "{}", 428, "precondition_required"),
    ("GET", "/admin/variants/{variant}", "-", 404, "not_found"),
    ("PATCH", "/admin/variants/{variant}", "{}", 428, "precondition_required"),
    ("DELETE", "/admin/variants/{variant}", "-", 428, "precondition_required"),
    ("GET", "/admin/categories", "-/", 404, "not_found"),
    ("POST", "/admin/categories", "{}", 422, "invalid_body"),
    ("GET", "/admin/categories/{category}", "-", 404, "not_found"),
    ("PATCH", "/admin/categories/{category}", "{}", 428, "precondition_required"),
    ("DELETE", "/admin/categories/{category}", "-", 428, "precondition_required"),
    ("GET", "/admin/collections", "-/", 404, "not_found"),
    ("POST", "/admin/collections", "{}", 422, "invalid_body"),
    ("GET", "/admin/collections/{collection}", "-", 404, "not_found"),
    ("PATCH", "/admin/collections/{collection}", "{}", 428, "precondition_required"),
    ("DELETE", "/admin/collections/{collection}", "-", 428, "precondition_required"),
    ("GET", "/admin/featured", "-/", 404, "not_found"),
    ("PUT", "/admin/featured", "{}", 428, "precondition_required"),
    ("GET", "/admin/bestsellers", "-?category=x", 400, "invalid_parameter"),
    ("PUT", "/admin/bestsellers", "{}", 428, "precondition_required"),
    ("GET", "/admin/inventory/{sku}", "-", 404, "not_found"),
    ("GET", "/admin/inventory/{sku}/ledger", "-?cursor=x", 400, "invalid_cursor"),
    ("POST", "/admin/inventory/{sku}/adjust", "{}", 422, "invalid_body"),
    ("POST", "/admin/bulk", "{}", 422, "invalid_body"),
    ("POST", "/admin/imports", "{}", 400, "idempotency_key_missing"),
    ("GET", "/admin/exports", "-?format=xml", 400, "invalid_parameter"),
    ("GET", "/admin/audit", "-?limit=9999", 400, "invalid_parameter"),
];

#[tokio::test]
async fn every_route_refuses_a_bad_request_with_its_own_problem() {
    let world = World::new().await;
    for route in routes() {
        let row = REFUSED
            .iter()
            .find(|row| (row.0, row.1) == (route.method.as_str(), route.path.as_str()));
        let (_, _, how, status, code) =
            row.unwrap_or_else(|| panic!("{} {} has no problem here", route.method, route.path));
        let (body, suffix) = match how.strip_prefix('-') {
            Some(suffix) => (Body::empty(), suffix),
            None => (Body::from(*how), ""),
        };
        let request = Request::builder()
            .method(&route.method)
            .uri(concrete(&route.path) + suffix)
            .header("authorization", format!("Bearer {}", world.owner))
            .header("content-type", "application/json");

        let answer = world.send(request.body(body).unwrap()).await;

        assert_eq!(answer.json()["code"], *code, "{} {}", route.method, route.path);
        assert_eq!(answer.status.as_u16(), *status, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let world = World::new().await;

    for path in ["/nothing", "/products/", "/admin", "/cart", "/products/a/b/c"] {
        world.get(path).await.problem(404, "not_found");
    }
}
