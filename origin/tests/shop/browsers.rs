//! Headers for browsers on every response of the origin.

use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use origin::{Access, Caching, routes};
use sha2::{Digest as _, Sha256};

use crate::world::{Answer, World};

const ELSEWHERE: (&str, &str) = ("origin", "https://elsewhere.example");

fn path_of(template: &str) -> String {
    template.replace("{file}", "none.svg").replace(['{', '}'], "")
}

async fn asked(world: &World, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .header(ELSEWHERE.0, ELSEWHERE.1)
        .header("access-control-request-method", "GET")
        .header("authorization", format!("Bearer {}", world.owner));

    world.send(request.body(Body::empty()).unwrap()).await
}

fn is_open(answer: &Answer) -> bool {
    answer.headers.keys().any(|name| name.as_str().starts_with("access-control"))
}

#[tokio::test]
async fn every_response_forbids_content_sniffing() {
    let world = World::new().await;
    let nowhere = ["/nowhere", "/products/none", "/products?limit=x"].map(ToOwned::to_owned);

    for path in routes().iter().map(|route| path_of(&route.path)).chain(nowhere) {
        for method in ["GET", "OPTIONS", "TRACE"] {
            let answer = asked(&world, method, &path).await;

            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn any_sites_scripts_may_read_cached_routes_and_no_admin_route() {
    let world = World::new().await;

    for route in routes() {
        let path = path_of(&route.path);
        let answer = asked(&world, "GET", &path).await;
        let preflight = asked(&world, "OPTIONS", &path).await;

        match (route.caching, route.access) {
            (Caching::Shared(_), _) => {
                assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
                assert!(!answer.header("vary").contains("origin"), "{path}");
                assert_eq!(preflight.status, 204, "{path}");
                assert_eq!(preflight.header("access-control-allow-methods"), "GET, HEAD");
            }
            (Caching::NoStore, Access::Admin(_) | Access::Edge) => {
                assert!(!is_open(&answer) && !is_open(&preflight), "{path}");
                assert_ne!(preflight.status, 204, "{path}");
            }
            (Caching::NoStore, Access::Anyone) => {}
        }
    }
}

#[tokio::test]
async fn pages_and_pictures_run_no_script_and_a_page_has_only_its_own_style() {
    let world = World::new().await;

    let page = world.get("/docs").await.expect(200);
    let html = String::from_utf8(page.bytes.clone()).unwrap();
    let style = html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    let hash = STANDARD.encode(Sha256::digest(style.unwrap()));

    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(html.matches("<style").count(), 1);
    for needed in [" style=\"", "<script", "<img", "<link", "onclick", "<form"] {
        assert!(!html.contains(needed), "{needed}");
    }
    let name = &catalog_files::demo::rows()[0].images[0].url;
    let picture = world.get(name.as_str()).await.expect(200);
    assert!(picture.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!String::from_utf8(picture.bytes.clone()).unwrap().contains("style"));
    let problem = world.get("/nowhere").await.expect(404);
    assert!(problem.header("content-security-policy").starts_with("default-src 'none'"));
}
