use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use platform::PurgePlan;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::contract::Contract;
use super::*;

const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const TOKEN: &str = "0123456789abcdefghijABCDEFGHIJ-_01234567";

/// The API, playing what it is told to, one answer a request; the last one for ever.
struct Api {
    purger: Cloudflare,
    seen: Arc<Mutex<Vec<(String, HeaderMap, Value)>>>,
}

#[derive(Clone)]
struct Script {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

fn answer(status: u16, body: &Value) -> Script {
    if let Some(contract) = Contract::find() {
        let refused = contract.refuses_answer(status, body);
        assert_eq!(refused, None, "the script is no answer of Cloudflare's");
    }
    Script { status, headers: Vec::new(), body: body.to_string() }
}

fn raw(status: u16, body: &str) -> Script {
    Script { status, headers: Vec::new(), body: body.to_owned() }
}

fn done() -> Script {
    let id = json!({ "id": "9a7806061c88ada191ed06f989cc3dac" });

    answer(200, &json!({ "success": true, "errors": [], "messages": [], "result": id }))
}

fn failure(status: u16, code: u64, message: &str) -> Script {
    let errors = json!([{ "code": code, "message": message }]);

    answer(status, &json!({ "success": false, "errors": errors, "messages": [], "result": null }))
}

impl Api {
    async fn playing(script: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let answer = async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let mut noted = noted.lock().unwrap();
            let Script { status, headers: fields, body: text } =
                script[noted.len().min(script.len() - 1)].clone();
            noted.push((uri.path().to_owned(), headers, body));
            let mut response: Response = text.into_response();
            *response.status_mut() = status.try_into().unwrap();
            for (name, value) in fields {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let settings = CloudflareSettings {
            zone: ZONE.to_owned(),
            token: Secret::new(TOKEN).unwrap(),
            plan: PurgePlan::Free,
            endpoint,
        };
        Self { purger: Cloudflare::new(&settings).unwrap(), seen }
    }

    async fn purge(&self) -> Result<(), PurgeError> {
        self.purger.purge(&tags(&["product:1", "products"])).await
    }

    fn asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn tags(texts: &[&str]) -> Vec<Tag> {
    texts.iter().map(|text| serde_json::from_value((*text).into()).unwrap()).collect()
}

#[tokio::test]
async fn a_purge_is_a_request_of_the_contract() {
    let api = Api::playing(vec![done()]).await;

    assert_eq!(api.purge().await, Ok(()));

    let seen = api.seen.lock().unwrap();
    let (path, headers, body) = &seen[0];
    assert_eq!(*path, format!("/client/v4/zones/{ZONE}/purge_cache"));
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(*body, json!({ "tags": ["product:1", "products"] }));
    if let Some(contract) = Contract::find() {
        assert_eq!(contract.refuses_request(path, body), None);
        let more = json!({ "tags": ["a"], "purge_everything": true });
        assert!(contract.refuses_request(path, &more).is_some(), "the check can fail");
        assert!(contract.refuses_request(path, &json!({ "tags": [1] })).is_some());
        assert!(contract.refuses_request("/client/v4/purge_cache", body).is_some());
    }
}

#[tokio::test]
async fn a_429_says_when_to_come_back() {
    let throttled = || failure(429, 10_429, "rate limited");
    let with = |value| Script { headers: vec![("retry-after", value)], ..throttled() };
    let api =
        Api::playing(vec![with("17"), with("Thu, 26 Nov 2026 23:00:00 GMT"), throttled()]).await;

    for seconds in [17, 60, 60] {
        let expected = PurgeError::Throttled(Duration::from_secs(seconds));
        assert_eq!(api.purge().await, Err(expected));
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_codes_and_opens_no_breaker() {
    let api = Api::playing(vec![failure(403, 10_000, "Authentication error")]).await;

    for _ in 0..8 {
        let expected = PurgeError::Refused { status: 403, codes: vec![10_000] };
        assert_eq!(api.purge().await, Err(expected));
    }

    assert_eq!(api.asked(), 8);
}

#[tokio::test]
async fn a_200_that_is_no_success_is_a_refusal() {
    let body = json!({ "success": false, "errors": [{ "code": 1_012, "message": "x" }] });
    let api = Api::playing(vec![raw(200, &body.to_string())]).await;

    let expected = PurgeError::Refused { status: 200, codes: vec![1_012] };
    assert_eq!(api.purge().await, Err(expected));
}

#[tokio::test]
async fn what_is_none_of_the_apis_answers_is_a_failure_and_five_of_them_open_the_breaker() {
    let page = "<html>a proxy's page</html>";
    let large = "x".repeat(RESPONSE_MAX + 1);
    let script = vec![raw(502, page), raw(200, page), raw(200, &large), raw(301, ""), raw(200, "")];
    let api = Api::playing(script).await;

    for _ in 0..5 {
        let ended = api.purge().await;
        assert!(matches!(ended, Err(PurgeError::Unavailable(_))), "{ended:?}");
    }
    let ended = api.purge().await;

    assert!(matches!(ended, Err(PurgeError::Open(_))), "{ended:?}");
    assert_eq!(api.asked(), 5);
}

#[tokio::test]
async fn an_api_that_is_not_there_is_a_failure() {
    let settings = CloudflareSettings {
        zone: ZONE.to_owned(),
        token: Secret::new(TOKEN).unwrap(),
        plan: PurgePlan::Free,
        // Nothing listens on the discard port.
        endpoint: "http://127.0.0.1:9".to_owned(),
    };
    let purger = Cloudflare::new(&settings).unwrap();

    let ended = purger.purge(&tags(&["catalog"])).await;

    assert_eq!(ended, Err(PurgeError::Unavailable("no connection")));
    let printed = format!("{ended:?} {settings:?} {:?}", bearer(&settings.token));
    assert!(!printed.contains("ghijABC"), "{printed}");
}
