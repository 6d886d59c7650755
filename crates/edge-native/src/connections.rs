//! Connections: accepted while there is room, given up when they are silent, drained at the end.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::body::Body;
use crate::head::Head;
use crate::lane::Lane;
use crate::patience::Patient;
use crate::pulse::{Answering, Pulse};
use crate::reply::Reply;
use crate::settings::Limits;

/// Without file descriptors nothing can be accepted; connections that end give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// hyper panics on a smaller one.
const HYPER_BUFFER_MIN: usize = 8_192;

/// Whoever has an answer to each request. A trait and no closure, so that nothing is boxed and the
/// answer's future is made where it is awaited.
pub(crate) trait Answers: Send + Sync + 'static {
    fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Puts an answer that lies ready into `reply`; `None` has changed and counted nothing.
    fn at_once(&self, _: &Head<'_>, _peer: IpAddr, _: &mut Reply) -> Option<()> {
        None
    }
}

/// Accepts until `shutdown`, then lets the connections end; what has not ended in time is cut off.
pub(crate) async fn serve(
    answers: Arc<impl Answers>,
    limits: Limits,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections =
        Connections { answers, limits, tasks: JoinSet::new(), ending: GracefulShutdown::new() };

    connections.accept(&listener, shutdown).await;
    drop(listener);
    connections.drain().await;
}

/// Every open connection; none outlives this.
struct Connections<A> {
    answers: Arc<A>,
    limits: Limits,
    tasks: JoinSet<()>,
    ending: GracefulShutdown,
}

impl<A: Answers> Connections<A> {
    async fn accept(&mut self, listener: &TcpListener, shutdown: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.limits.connections_max));
        let mut shutdown = pin!(shutdown);

        loop {
            let next = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = self.tasks.join_next() => report(ended),
                next = next => match next {
                    (Ok(place), Ok((stream, peer))) => self.open(stream, peer, place),
                    (_, Err(error)) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    // The room is never closed.
                    (Err(_), Ok(_)) => return,
                },
            }
        }
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        let answers = Arc::clone(&self.answers);
        let pulse = Arc::new(Pulse::default());
        let io = Patient::new(TokioIo::new(stream), Arc::clone(&pulse), self.limits.patience);
        let io = Lane::new(io, Arc::clone(&answers), peer.ip(), Arc::clone(&pulse));
        let service = service_fn(move |request| {
            let (answers, pulse) = (Arc::clone(&answers), Arc::clone(&pulse));
            async move {
                pulse.begin();
                let response = answers.answer(request, peer.ip()).await;
                pulse.end();
                Ok::<_, Infallible>(response.map(|body| Answering::new(body, pulse)))
            }
        });
        let connection = http1::Builder::new()
            // `Patient` bounds the wait for a head.
            .header_read_timeout(None)
            .max_buf_size(self.limits.head_bytes_max.max(HYPER_BUFFER_MIN))
            .serve_connection(io, service);
        let connection = self.ending.watch(connection);

        self.tasks.spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection broke");
            }
        });
    }

    /// Lets requests end; what has not ended within its time is cut off.
    async fn drain(mut self) {
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                report(ended);
            }
        };
        let ended = async { tokio::join!(self.ending.shutdown(), all_ended) };

        if timeout(self.limits.drain_within, ended).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "connections are cut off at shutdown");
            self.tasks.shutdown().await;
        }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a mistake of this program");
    }
}
