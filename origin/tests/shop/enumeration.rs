//! Every route has its decisions, and they are kept.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use domain::access::Role;
use origin::routes::{Access, Idempotency, Keep, ROUTES};
use store::Actor;
use utoipa::openapi::path::PathItem;

use crate::world::World;

/// Routes that no outsider calls are not in the document.
const UNDOCUMENTED: [&str; 1] = ["/internal/changes"];

fn documented() -> BTreeSet<(&'static str, String)> {
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
            .map(|(method, _)| (method, path.clone()))
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

#[test]
fn every_documented_route_has_a_cache_and_an_authorisation_decision_and_the_other_way_round() {
    let decided: BTreeSet<_> = ROUTES
        .iter()
        .filter(|route| !UNDOCUMENTED.contains(&route.path))
        .map(|route| (route.method, route.path.to_owned()))
        .collect();

    assert_eq!(documented(), decided);
}

#[test]
fn an_admin_route_takes_the_parameters_that_its_document_names() {
    let document = serde_json::to_value(origin::openapi()).unwrap();

    for route in ROUTES.iter().filter(|route| matches!(route.access, Access::Admin(_))) {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let documented: BTreeSet<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let taken: BTreeSet<_> = route.parameters.unwrap().iter().copied().collect();

        assert_eq!(taken, documented, "{} {}", route.method, route.path);
    }
}

#[test]
fn every_admin_write_honours_a_key_and_no_read_does() {
    for route in ROUTES {
        let is_admin = matches!(route.access, Access::Admin(_));
        let is_write = is_admin && route.method != "GET";

        assert_eq!(route.idempotency != Idempotency::None, is_write, "{route:?}");
    }
}

#[tokio::test]
async fn an_admin_route_names_the_parameters_that_it_does_not_know() {
    let world = World::new().await;
    for route in ROUTES.iter().filter(|route| matches!(route.access, Access::Admin(_))) {
        let request = Request::builder()
            .method(route.method)
            .uri(concrete(route.path) + "?dry-run=true&%7A=1&z=2&limt=")
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
fn only_what_anybody_may_read_may_be_kept_by_shared_caches() {
    for route in ROUTES {
        if let Keep::Shared(_) = route.keep {
            assert_eq!((route.access, route.method), (Access::Anyone, "GET"), "{}", route.path);
        }
    }
}

#[tokio::test]
async fn an_admin_route_refuses_whoever_has_no_key_or_not_the_permission() {
    let world = World::new().await;
    for role in Role::ALL {
        let key = world.key(role).await;
        for route in ROUTES {
            let Access::Admin(permission) = route.access else { continue };
            let request = |authorization: Option<&str>| {
                let mut request = Request::builder()
                    .method(route.method)
                    .uri(concrete(route.path))
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
    for route in ROUTES.iter().filter(|route| route.access != Access::Edge) {
        let request =
            Request::builder().method("TRACE").uri(concrete(route.path)).body(Body::empty());
        let answer = world.send(request.unwrap()).await;

        answer.problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(route.method), "{route:?}");
    }
}

#[tokio::test]
async fn whatever_nobody_may_keep_says_so() {
    let world = World::new().await;
    for route in ROUTES.iter().filter(|route| route.keep == Keep::Nobody) {
        if route.method != "GET" || route.path == "/images/{file}" {
            continue;
        }
        let authorization = format!("Bearer {}", world.owner);
        let answer =
            world.get_with(&concrete(route.path), &[("authorization", &authorization)]).await;

        assert_eq!(answer.header("cache-control"), "private, no-store", "{}", route.path);
    }
}

#[tokio::test]
async fn the_change_log_is_told_to_signed_edges_alone() {
    let world = World::new().await;

    world.get("/internal/changes").await.problem(404, "not_found");
    world
        .get_with("/internal/changes", &[("x-edge-auth", "v1;test;1;x;y")])
        .await
        .problem(404, "not_found");
    let answer = world.get_as_edge("/internal/changes").await.expect(200);
    assert!(answer.json()["log"].is_string());
}

/// For each route a request that it must refuse, and how: `{}` is a well-formed body that says
/// nothing, `-` is no body.
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
async fn every_route_refuses_what_it_must_with_a_problem_of_its_own() {
    let world = World::new().await;
    for route in ROUTES {
        let row = REFUSED.iter().find(|row| (row.0, row.1) == (route.method, route.path));
        let (_, _, how, status, code) =
            row.unwrap_or_else(|| panic!("{} {} has no problem here", route.method, route.path));
        let (body, suffix) = match how.strip_prefix('-') {
            Some(suffix) => (Body::empty(), suffix),
            None => (Body::from(*how), ""),
        };
        let request = Request::builder()
            .method(route.method)
            .uri(concrete(route.path) + suffix)
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
