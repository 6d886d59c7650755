//! What operators ask a process that has no other page for them: does it run, is it fit, how is it
//! doing. On an address of its own, so that nobody else can ask.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use supervision::Supervisor;
use tokio::net::TcpListener;

use crate::shutdown::Shutdown;
use crate::telemetry::Metrics;

/// How far the process has followed the change log; `None` while it is not fit for its work.
pub type Fitness = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A page whose port is taken, and which nobody is shown yet.
pub struct OperatorsPage {
    pub addr: SocketAddr,
    listener: Arc<std::net::TcpListener>,
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
    /// Takes the port, so that a process whose page can't be shown does not start.
    pub async fn bind(
        listen: SocketAddr,
        metrics: Metrics,
        supervisor: Supervisor,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?.into_std()?;
        let addr = listener.local_addr()?;
        supervisor.listens("the operators' page", addr, "/healthz");

        Ok(Self { addr, listener: Arc::new(listener), metrics, supervisor })
    }

    /// Answers until `shutdown`.
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
            .with_state(page);
        let parts = (self.listener, routes, shutdown);

        supervisor.keep("operators-page", parts, async |(listener, routes, shutdown)| {
            if let Err(error) = answer(&listener, routes, &shutdown).await {
                tracing::error!(%error, "the operators' page ended early");
            }
        })
    }
}

async fn answer(
    listener: &std::net::TcpListener,
    routes: Router,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener.try_clone()?)?;

    axum::serve(listener, routes).with_graceful_shutdown(shutdown.begun()).await
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
