//! The peer of the hit rows: axum over hyper, answering from memory what was recorded.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::answer::{self, Answer};

/// What hyper writes by itself, and what is another one with every request.
const LEFT_OUT: [&str; 3] = ["content-length", "date", "x-request-id"];

struct Recorded {
    headers: HeaderMap,
    body: Bytes,
}

/// Serves each recorded answer under its path.
pub fn serve(answers: &Path) -> Result<()> {
    let answers = answer::load(answers)?;
    let mut router = Router::new();
    for answer in answers {
        let path = answer.target.split('?').next().unwrap_or_default().to_owned();
        router = router.route(&path, get(give).with_state(Arc::new(Recorded::of(answer)?)));
    }

    super::runtime()?.block_on(async {
        let listener = TcpListener::bind(super::any_port()).await?;
        super::ready(listener.local_addr()?);
        // As both servers of ours do.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        Ok(axum::serve(listener, router).await?)
    })
}

async fn give(State(recorded): State<Arc<Recorded>>) -> Response<Body> {
    let mut response = Response::new(Body::from(recorded.body.clone()));
    *response.headers_mut() = recorded.headers.clone();

    response
}

impl Recorded {
    fn of(answer: Answer) -> Result<Self> {
        let mut headers = HeaderMap::new();
        let kept = answer.headers.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
        for (name, value) in kept {
            let name = HeaderName::try_from(name.as_str()).context("a recorded name")?;
            headers.append(name, HeaderValue::try_from(value).context("a recorded value")?);
        }

        Ok(Self { headers, body: answer.body.into() })
    }
}
