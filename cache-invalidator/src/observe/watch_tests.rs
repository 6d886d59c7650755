use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use domain::Timestamp;
use embedded::{SqliteItems, SystemWorld};
use store::schema::TABLES;
use tokio::net::TcpListener;

use super::*;
use crate::http;

const PRODUCT: &str = "prod_01J9ZC4M5T2W3X4Y5Z6A7B8C9D";
const BOUND_HERE: Duration = Duration::from_millis(300);

/// An edge that gives these answers one after the other, the last one for ever.
async fn edge(answers: Vec<fn() -> Response>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(answers));
    let answer = async move || {
        let at = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        answers[at]()
    };
    let router = Router::new().route("/products/{product}", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The store knows no such product.
async fn follow(answers: Vec<fn() -> Response>, is_hard: bool) -> Look {
    let folder = tempfile::tempdir().unwrap();
    let items = SqliteItems::open(&folder.path().join("shop.db"), TABLES).unwrap();
    let world: Arc<dyn World> = Arc::new(SystemWorld);
    let url = edge(answers).await;
    let observer = Observer {
        edges: vec![url.clone()],
        client: http::inside(Duration::from_secs(10)).unwrap(),
        catalog: Catalog::over(store::Db::new(Arc::new(items), Arc::clone(&world))),
        world,
        bound: BOUND_HERE,
    };
    let product = PRODUCT.parse().unwrap();

    let sample = Sample { product, version: 7, is_hard, at: Timestamp::from_millis(1) };
    observer.follow(&url, &sample).await
}

fn old() -> Response {
    r#"{"id":"prod","version":6}"#.into_response()
}

fn new() -> Response {
    r#"{"id":"prod","version":7}"#.into_response()
}

fn serving_stale() -> Response {
    ([("cache-status", "shopping-edge; fwd=miss; detail=stale-if-error")], old()).into_response()
}

#[tokio::test]
async fn a_change_is_read_for_until_it_is_visible() {
    assert_eq!(follow(vec![old, old, new, old], false).await, Look::Shown);
}

#[tokio::test]
async fn a_change_that_is_not_visible_within_the_bound_is_stale() {
    assert_eq!(follow(vec![old], false).await, Look::NotYet);
}

#[tokio::test]
async fn an_edge_that_serves_stale_for_a_failing_origin_is_not_counted_as_stale() {
    assert_eq!(follow(vec![serving_stale], false).await, Look::Unknown);
    assert_eq!(
        follow(vec![|| StatusCode::BAD_GATEWAY.into_response()], false).await,
        Look::Unknown
    );
    assert_eq!(follow(vec![|| "no JSON".into_response()], false).await, Look::Unknown);
}

#[tokio::test]
async fn a_product_that_the_store_does_not_show_either_may_be_missing() {
    assert_eq!(follow(vec![|| StatusCode::NOT_FOUND.into_response()], false).await, Look::Shown);
    assert_eq!(follow(vec![old], true).await, Look::NotYet, "withdrawn, and still to be seen");
}
