//! The operators' page of a process without an origin: `/healthz`, `/readyz` and `/metrics`, on an
//! address of its own that shoppers can't reach.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use edge_core::browser::{self, NOSNIFF};
use http_server::{Connection, Handler, ServerSettings};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use supervision::Supervisor;
use tokio::net::TcpListener;

use crate::shutdown::Shutdown;
use crate::telemetry::Metrics;

/// Operators are few; their connections are reserved in the limit of open files.
const CONNECTIONS_MAX: usize = 32;

/// The position in the change log that the process has reached; `None` while it is not ready.
pub type Fitness = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A page that is bound to its port, and not served yet.
pub struct OperatorsPage {
    pub addr: SocketAddr,
    listener: TcpListener,
    metrics: Metrics,
    supervisor: Supervisor,
}

#[derive(Clone)]
struct Page {
    metrics: Metrics,
    fitness: Fitness,
    supervisor: Supervisor,
}

impl OperatorsPage {
    /// Binds the port.
    pub(crate) async fn bind(
        listen: SocketAddr,
        metrics: Metrics,
        supervisor: Supervisor,
    ) -> io::Result<Self> {
        let listener = http_server::bind(listen)?;
        let addr = listener.local_addr()?;
        supervisor.listens("the operators' page", addr, "/healthz");

        Ok(Self { addr, listener, metrics, supervisor })
    }

    /// Serves until `shutdown`, then drains.
    pub fn serve(
        self,
        fitness: Fitness,
        shutdown: Shutdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        let supervisor = self.supervisor.clone();
        let page = Page { metrics: self.metrics, fitness, supervisor: self.supervisor };
        let routes = Router::new()
            .route("/healthz", get(async || "ok"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(render))
            .layer(map_response(with_its_type))
            .with_state(page);
        let handler = Arc::new(Routes(TowerToHyperService::new(routes)));
        let settings = ServerSettings {
            connections_max: CONNECTIONS_MAX,
            supervisor,
            ..ServerSettings::new("operators")
        };

        http_server::serve(handler, settings, self.listener, async move { shutdown.begun().await })
    }
}

struct Routes(TowerToHyperService<Router>);

impl Handler for Routes {
    type Body = Body;

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        _: &Arc<Connection>,
    ) -> Response<Body> {
        match self.0.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

async fn with_its_type(mut response: Response) -> Response {
    browser::put(response.headers_mut(), [&NOSNIFF]);
    response
}

async fn readyz(State(page): State<Page>) -> impl IntoResponse {
    let position = (page.fitness)();
    let mut reasons = page.supervisor.unfit().await;
    if position.is_none() {
        reasons.push("the change log is not followed".to_owned());
    }

    match position {
        Some(position) if reasons.is_empty() => (StatusCode::OK, position),
        _ => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n")),
    }
}

async fn render(State(page): State<Page>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page.metrics.render())
}
