//! Interim responses (RFC 9110 §15.2), such as 103 (Early Hints): hyper's server can't send them,
//! so they wait here until the connection's stream can write them in front of the final response.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::task::AtomicWaker;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};

use crate::activity::Connection;

/// For one request. Origins send one or two; the rest of a flood is dropped.
const HEADS_MAX: u32 = 8;
/// Of one head, in bytes: a long list of links. A longer one is dropped.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Sends interim responses to the client of one request, for as long as the handler has not
/// returned its final response; after that, and to HTTP/1.0 clients, it sends nothing. Of a client
/// that pipelines, an interim response is dropped if the final one comes before all of the earlier
/// responses are written.
#[derive(Clone, Debug)]
pub struct InterimSender {
    connection: Arc<Connection>,
    request: u64,
}

/// The interim responses of a connection's current request.
#[derive(Debug, Default)]
pub(crate) struct InterimQueue {
    /// The number of the request whose final response the handler has not yet returned; 0: none.
    /// Beside the lock, because the stream looks at it with every flush.
    open: AtomicU64,
    state: Mutex<State>,
    /// Of the connection's task, which writes what is added here.
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    /// How many requests were opened on this connection.
    requests: u64,
    /// Heads that were added for the current request.
    added: u32,
    /// As they go over the wire, one after the other.
    bytes: Vec<u8>,
}

impl InterimSender {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        let request = connection.interim().open.load(Ordering::Relaxed);

        Self { connection, request }
    }

    /// `fields` are end to end. 100 (Continue) is sent by hyper when it reads a body and 101
    /// (Switching Protocols) ends HTTP on a connection, so neither is sent from here.
    pub fn send(&self, status: StatusCode, fields: &HeaderMap) {
        let is_for_the_server = [StatusCode::CONTINUE, StatusCode::SWITCHING_PROTOCOLS];
        if status.is_informational() && !is_for_the_server.contains(&status) {
            self.connection.interim().add(self.request, &head(status, fields));
        }
    }
}

impl InterimQueue {
    /// A request was handed to the handler.
    pub fn open(&self) {
        let mut state = self.lock();
        state.requests += 1;
        state.added = 0;
        state.bytes.clear();
        self.open.store(state.requests, Ordering::Relaxed);
    }

    /// The handler has returned the final response.
    pub fn close(&self) {
        self.open.store(0, Ordering::Relaxed);
    }

    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) != 0
    }

    /// Wakes this task when there is something to [`Self::take`].
    pub fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// Moves what waits behind `bytes`.
    pub fn take(&self, bytes: &mut Vec<u8>) {
        bytes.append(&mut self.lock().bytes);
    }

    fn add(&self, request: u64, head: &[u8]) {
        let mut state = self.lock();
        // The sender may be that of an earlier request of this connection.
        let is_current = request != 0 && self.open.load(Ordering::Relaxed) == request;
        if !is_current || state.added == HEADS_MAX || head.len() > HEAD_BYTES_MAX {
            return;
        }
        state.added += 1;
        state.bytes.extend_from_slice(head);
        drop(state);
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of an interim response, which has no body: RFC 9110 §8.6 and RFC 9112 §6.1 forbid it
/// the fields that would announce one.
fn head(status: StatusCode, fields: &HeaderMap) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();

    for (name, value) in fields {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(piece);
            }
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests;
