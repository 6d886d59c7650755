//! Mistakes in what admins send: unknown fields, invisible names, invalid pictures; and what the
//! document tells generated clients.

use serde_json::{Value, json};

use crate::world::World;

fn pointers(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap();

    errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_its_place_in_every_body() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let product = format!("/admin/products/{}", id(&made));
    let variant = format!("/admin/variants/{}", id(&made["variants"][0]));
    let category = format!("/admin/categories/{}", id(&bags));
    let money = json!({ "amount": 1, "currency": "USD" });
    let new_variant = json!({ "sku": "B", "price": money });
    let with = |mut body: Value, pointer: &str| {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = json!(true);
        body
    };
    let draft = json!({ "name": "B", "category": bags["id"], "variants": [new_variant],
        "images": [{ "url": "/a.jpg" }] });
    let rule =
        json!({ "name": "C", "membership": { "kind": "rule", "rule": { "in_stock": true } } });
    let rows: Vec<(&str, &str, Value, &str)> = vec![
        ("POST", "/admin/products", draft.clone(), "/colour"),
        ("POST", "/admin/products", draft.clone(), "/variants/0/stok"),
        ("POST", "/admin/products", draft.clone(), "/variants/0/price/tax"),
        ("POST", "/admin/products", draft, "/images/0/width"),
        ("PATCH", product.as_str(), json!({ "name": "B" }), "/nmae"),
        ("PATCH", variant.as_str(), json!({ "price": money }), "/compareAt"),
        ("PATCH", variant.as_str(), json!({ "price": money }), "/price/tax"),
        ("POST", "/admin/categories", json!({ "name": "C" }), "/parent_id"),
        ("PATCH", category.as_str(), json!({ "name": "C" }), "/parentId"),
        ("POST", "/admin/collections", rule.clone(), "/kind"),
        ("POST", "/admin/collections", rule.clone(), "/membership/products_"),
        ("POST", "/admin/collections", rule, "/membership/rule/brnad"),
        ("PUT", "/admin/featured", json!({ "products": [] }), "/version"),
        ("PUT", "/admin/bestsellers", json!({ "products": [] }), "/categroy"),
        (
            "POST",
            "/admin/inventory/TOTE-1/adjust",
            json!({ "delta": 1, "reason": "x" }),
            "/dry_run",
        ),
        ("POST", "/admin/bulk", json!({ "operations": [] }), "/dry_run"),
    ];

    for (method, path, body, pointer) in rows {
        let answer = world.call(method, path, &[("if-match", "*")], with(body, pointer)).await;

        let problem = answer.problem(422, "invalid_body");
        assert_eq!(pointers(&problem), [pointer], "{method} {path}: {problem}");
    }
}

#[tokio::test]
async fn of_a_bulk_request_with_a_misspelt_field_nothing_is_done() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let id = &made["id"];
    let rename = |more: Value| {
        let mut operation =
            json!({ "op": "update_product", "id": id, "patch": { "name": "Sack" } });
        operation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        operation
    };
    let variant = &made["variants"][0]["id"];
    let operations = json!([
        rename(json!({ "versoin": 7 })),
        rename(json!({ "dry_run": true })),
        { "op": "update_product", "id": id, "patch": { "nmae": "Sack" } },
        { "op": "delete_product", "id": id, "if_match": 1 },
        { "op": "update_variant", "id": variant, "patch": { "stock": 1 } },
        { "op": "delete_variant", "id": variant, "force": true },
        { "op": "create_product", "product": {}, "id": id },
        { "op": "adjust_stock", "sku": "TOTE-1", "delta": 1, "reason": "x", "version": 1 },
        { "op": "drop_everything" },
        rename(json!({ "version": -1 })),
        rename(json!({})),
    ]);

    let answer = world.post("/admin/bulk", json!({ "operations": operations })).await;

    let problem = answer.problem(422, "invalid_body");
    assert_eq!(
        pointers(&problem),
        [
            "/operations/0/versoin",
            "/operations/1/dry_run",
            "/operations/2/patch/nmae",
            "/operations/3/if_match",
            "/operations/4/patch/stock",
            "/operations/5/force",
            "/operations/6/product",
            "/operations/7/version",
            "/operations/8/op",
            "/operations/9/version",
        ]
    );
    let path = format!("/admin/products/{}", id.as_str().unwrap());
    let now = world.call("GET", &path, &[], json!(null)).await.expect(200).json();
    assert_eq!((&now["name"], &now["version"]), (&json!("Canvas Tote"), &json!(1)));
}

#[tokio::test]
async fn an_adjustment_may_name_the_level_that_it_builds_on() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let (level, adjust) = ("/admin/inventory/TOTE-1", "/admin/inventory/TOTE-1/adjust");
    let one = json!({ "delta": 1, "reason": "found" });
    let seen = world.call("GET", level, &[], json!(null)).await.expect(200);
    let etag = seen.header("etag").to_owned();

    let first = world.call("POST", adjust, &[("if-match", &etag)], one.clone()).await.expect(200);
    let stale = world.call("POST", adjust, &[("if-match", &etag)], one.clone()).await;
    let odd = world.call("POST", adjust, &[("if-match", "7")], one.clone()).await;
    let any = world.call("POST", adjust, &[("if-match", "*")], one.clone()).await.expect(200);
    let without = world.post(adjust, one).await.expect(200);

    stale.problem(412, "precondition_failed");
    assert_eq!(stale.header("etag"), first.header("etag"));
    odd.problem(400, "invalid_header");
    assert_ne!(any.header("etag"), first.header("etag"));
    assert_eq!(without.json()["on_hand"], 12);
}

#[tokio::test]
async fn invisible_names_and_names_that_reverse_the_text_direction_are_refused() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let variants = json!([{ "sku": "B", "price": { "amount": 1, "currency": "USD" } }]);

    for name in ["\u{200b}", "\u{200f}\u{2060}", "\u{3164}", "\u{2800}", "a\u{202e}b", "\u{2067}a"]
    {
        let product = json!({ "name": name, "category": bags["id"], "variants": variants });
        let branded = json!({ "name": "Bag", "brand": name, "category": bags["id"],
            "variants": variants });
        let rule = json!({ "name": name, "membership": { "kind": "rule", "rule": {} } });
        for (path, body, pointer) in [
            ("/admin/products", product, "/name"),
            ("/admin/products", branded, "/brand"),
            ("/admin/categories", json!({ "name": name }), "/name"),
            ("/admin/collections", rule, "/name"),
        ] {
            let problem = world.post(path, body).await.problem(422, "invalid_body");
            assert_eq!(pointers(&problem), [pointer], "{} {path}", name.escape_unicode());
        }
    }
    world.category("می\u{200c}خواهم").await;
}

#[tokio::test]
async fn an_invalid_url_is_refused_as_a_picture() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let draft = |url: &str| {
        json!({ "name": "Bag", "category": bags["id"], "images": [{ "url": "/a.jpg" }, { "url": url }],
            "variants": [{ "sku": "B", "price": { "amount": 1, "currency": "USD" } }] })
    };

    for url in [
        "",
        "file:///etc/passwd",
        "//evil.example/a.jpg",
        "https://x.example/a b.jpg",
        "/a\".jpg",
        "/a'.jpg",
        "javascript:alert(1)",
        "see shelf 4",
        "C:\\a.jpg",
    ] {
        let problem = world.post("/admin/products", draft(url)).await.problem(422, "invalid_body");
        assert_eq!(pointers(&problem), ["/images/1/url"], "{url}");
    }
    world.post("/admin/products", draft("https://x.example/b.jpg")).await.expect(201);
}

/// A client that is generated from the document sends what the schema calls a default, and must send
/// what it requires: either would change what the caller left alone.
#[test]
fn a_patch_in_the_document_requires_nothing_and_defaults_to_nothing() {
    let document = serde_json::to_value(origin::openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    let nullable = |patch: &str, field: &str| {
        let schema = &schemas[patch]["properties"][field];
        let types = schema["type"].as_array().into_iter().flatten();
        let either = schema["oneOf"].as_array().into_iter().flatten().map(|it| &it["type"]);
        types.chain(either).any(|kind| kind == "null")
    };

    for (patch, may_be_null) in [
        ("ProductPatch", &["brand"][..]),
        ("VariantPatch", &["compare_at"]),
        ("CategoryPatch", &["parent"]),
        ("CollectionPatch", &[]),
    ] {
        let schema = &schemas[patch];
        assert!(schema["required"].is_null(), "{patch} requires {}", schema["required"]);
        assert_eq!(schema["additionalProperties"], false, "{patch}");
        for (field, property) in schema["properties"].as_object().unwrap() {
            assert!(property.get("default").is_none(), "{patch}.{field} has a default");
            assert_eq!(
                nullable(patch, field),
                may_be_null.contains(&field.as_str()),
                "{patch}.{field}"
            );
        }
    }
}

#[test]
fn no_default_in_the_document_is_of_another_type_than_its_field() {
    fn look(value: &Value, path: &str) {
        if let Some(default) = value.get("default").filter(|_| value.get("type").is_some()) {
            let types = value["type"].to_string();
            assert!(!default.is_null() || types.contains("null"), "{path}: {value}");
        }
        let children: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), it)).collect(),
            Value::Array(items) => {
                items.iter().enumerate().map(|(at, it)| (at.to_string(), it)).collect()
            }
            _ => Vec::new(),
        };
        for (name, child) in children {
            look(child, &format!("{path}/{name}"));
        }
    }

    look(&serde_json::to_value(origin::openapi()).unwrap(), "");
}
