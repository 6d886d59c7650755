//! An HTTP client that sends each request as given: no redirects, no cookies, no decoding.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Answer;

/// Far above what any answer takes, so that only one that never comes meets it.
const DEADLINE: Duration = Duration::from_secs(30);

/// An HTTP client of one server.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `127.0.0.1:8787`
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A request that is being put together.
#[derive(Debug)]
pub struct Call {
    endpoint: Endpoint,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Endpoint {
    /// `url` is `http://127.0.0.1:PORT`.
    pub fn new(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://127.0.0.1:").context("not a loopback URL")?;

        Ok(Self {
            address: format!("127.0.0.1:{address}"),
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// The same, for a client at another loopback address.
    pub fn from_address(&self, address: IpAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(address));

        Self {
            address: self.address.clone(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        Call {
            endpoint: self.clone(),
            method: method.parse().expect("a method of HTTP"),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Asks for a page and wants it.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path).send().await?.must_be(200)
    }

    pub async fn get_json(&self, path: &str) -> Result<Value> {
        self.get(path).await?.json()
    }

    /// Sends bytes that no client library would, and reads what comes back until the shop closes
    /// the connection.
    pub async fn raw(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address).await?;
        // The shop may hang up before it has read all of a request that it refuses.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let mut buffer = [0; 4_096];
        while let Ok(Ok(read)) = timeout(DEADLINE, stream.read(&mut buffer)).await
            && read > 0
        {
            answer.extend_from_slice(&buffer[..read]);
        }

        Ok(answer)
    }
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header's name"),
            HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"),
        );
        self
    }

    /// With an admin key.
    pub fn by(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = bytes.into();
        self
    }

    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    pub fn merge_patch(self, value: &Value) -> Self {
        self.header("content-type", "application/merge-patch+json").body(value.to_string())
    }

    pub async fn send(self) -> Result<Answer> {
        let Self { endpoint, method, path, headers, body } = self;
        let asked = format!("{method} {path}");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", endpoint.url()))
            .body(Full::new(body))
            .with_context(|| asked.clone())?;
        *request.headers_mut() = headers;

        let exchange = async {
            let (head, body) = endpoint.client.request(request).await?.into_parts();
            anyhow::Ok((head, body.collect().await?.to_bytes()))
        };
        let (head, body) = timeout(DEADLINE, exchange)
            .await
            .with_context(|| format!("{asked}: no answer within {DEADLINE:?}"))?
            .with_context(|| asked.clone())?;

        let answer = Answer { asked, status: head.status.as_u16(), headers: head.headers, body };
        let length = answer.header("content-length");
        ensure!(
            length.is_empty()
                || answer.asked.starts_with("HEAD ")
                || answer.status == 304
                || length == answer.body.len().to_string(),
            "the length is wrong: {answer}"
        );
        Ok(answer)
    }
}
