//! Catalogue files over HTTP.

use axum::body::Body;
use axum::http::Request;

use crate::world::{Answer, World};

const CSV: &str =
    "sku,name,category,price,stock\nA-1,Canvas Tote,Bags,29.99,4\nA-2,Tent,Tents,1.999,1\n";

async fn import(world: &World, kind: &str, key: Option<&str>, body: &str) -> Answer {
    let mut request = Request::post("/admin/imports")
        .header("authorization", format!("Bearer {}", world.owner))
        .header("content-type", kind);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn an_import_needs_a_key_and_a_format() {
    let world = World::new().await;

    import(&world, "text/csv", None, CSV).await.problem(400, "idempotency_key_missing");
    import(&world, "text/plain", Some("k"), CSV).await.problem(415, "unsupported_media_type");
    import(&world, "text/csv", Some("k2"), "sku,colour\nA,red\n")
        .await
        .problem(422, "invalid_body");
}

#[tokio::test]
async fn a_file_goes_in_without_its_bad_rows_and_comes_out_again() {
    let world = World::new().await;

    let report = import(&world, "text/csv", Some("k"), CSV).await.expect(200).json();
    assert_eq!((&report["created"], &report["refused"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(report["errors"][0]["line"], 3);
    assert_eq!(report["errors"][0]["column"], "price");
    let again = import(&world, "text/csv", Some("k"), CSV).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let anew = import(&world, "text/csv", Some("other"), CSV).await.expect(200).json();
    assert_eq!(anew["unchanged"], 1);

    let authorization = format!("Bearer {}", world.owner);
    let file = world.get_with("/admin/exports", &[("authorization", &authorization)]).await;
    let row: serde_json::Value = serde_json::from_slice(&file.expect(200).bytes).unwrap();
    assert_eq!(row["sku"], "A-1");
    assert_eq!(row["price"].to_string(), "29.99");
}

#[tokio::test]
async fn a_number_that_reads_in_two_ways_is_refused_until_its_decimal_sign_is_said() {
    let world = World::new().await;
    let csv = "sku;name;category;price;status\nA-1;Sofa;Home;1.000;shiny\n";
    let send = async |path: &str, key: &str| {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", world.owner))
            .header("content-type", "text/csv")
            .header("idempotency-key", key);
        world.send(request.body(Body::from(csv.to_owned())).unwrap()).await
    };

    let unsaid = send("/admin/imports", "a").await.expect(200).json();
    let reused = send("/admin/imports?decimal=,", "a").await;
    let said = send("/admin/imports?decimal=,", "b").await.expect(200).json();
    let odd = send("/admin/imports?decimal=;", "c").await;

    assert_eq!(unsaid["errors"][0]["code"], "ambiguous_number");
    assert_eq!(
        (&unsaid["errors"][0]["line"], &unsaid["errors"][0]["column"]),
        (&2.into(), &"price".into())
    );
    reused.problem(422, "idempotency_key_reused");
    assert_eq!((&said["created"], &said["refused"]), (&1.into(), &0.into()), "{said}");
    assert_eq!((&said["warned"], &said["warnings"][0]["column"]), (&1.into(), &"status".into()));
    odd.problem(400, "invalid_parameter");
}
