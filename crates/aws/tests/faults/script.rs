//! A DynamoDB with scripted responses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws::{DynamoItems, DynamoSettings};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ports::{Key, Table};
use serde_json::{Value, json};

/// Sends the responses in order and records the requests. After the last one every response is a 500.
#[derive(Clone)]
pub struct Script {
    answers: Arc<Mutex<VecDeque<(StatusCode, String)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Script {
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: String) -> Response {
    let mut request: Value = serde_json::from_str(&body).unwrap();
    request["operation"] = json!(headers["x-amz-target"].to_str().unwrap());
    script.asked.lock().unwrap().push(request);

    script
        .answers
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or((StatusCode::INTERNAL_SERVER_ERROR, "{}".into()))
        .into_response()
}

pub async fn scripted(
    answers: impl IntoIterator<Item = (StatusCode, Value)>,
) -> (DynamoItems, Script) {
    let answers = answers.into_iter().map(|(status, body)| (status, body.to_string()));
    raw_script(answers).await
}

pub async fn raw_script(
    answers: impl IntoIterator<Item = (StatusCode, String)>,
) -> (DynamoItems, Script) {
    let script = Script {
        answers: Arc::new(Mutex::new(answers.into_iter().collect())),
        asked: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = DynamoSettings {
        region: "eu-central-1".into(),
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
        table_prefix: "shop-".into(),
    };
    let router = Router::new().fallback(answer).with_state(script.clone());
    // Ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await });

    (DynamoItems::connect(settings, &[]).await.unwrap(), script)
}

pub fn refused(code: &str) -> (StatusCode, Value) {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (StatusCode::BAD_REQUEST, json!({ "__type": kind, "message": "as scripted" }))
}

pub fn key(name: &str) -> Key {
    Key::new(Table::Inventory, name, "stock")
}
