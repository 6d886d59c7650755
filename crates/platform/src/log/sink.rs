//! The log's destination: a queue bounded in bytes, and a thread that writes it out. Logging never
//! waits and never fails: lines that do not fit are dropped and counted, and a later line says how many
//! are missing.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{counter, describe_counter};
use supervision::keep_thread;
use tracing_subscriber::fmt::MakeWriter;

/// Some 20,000 lines: a disk that stalls for a second costs none.
const BYTES_MAX: usize = 4 << 20;
/// Between two attempts to write after a failure.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

const DROPPED: &str = "log_lines_dropped_total";

/// A handle; clones share one queue and thread.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Shared>);

/// Takes one line into the queue.
pub(crate) struct Line<'a>(&'a Shared);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    /// Bytes that the thread has taken but not written yet.
    under_way: usize,
    /// Lines dropped since the last line that said how many.
    dropped: u64,
}

/// After the recorder was installed.
pub(crate) fn describe_metrics() {
    describe_counter!(DROPPED, "Log lines dropped because the log could not be written");
    counter!(DROPPED).increment(0);
}

impl Sink {
    /// The thread may block in a write for ever, so it is never joined.
    pub(crate) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let sink = Self(Arc::default());
        let shared = Arc::clone(&sink.0);
        let work = move || keep_thread("log-writer", || shared.write_to(&mut out));

        std::thread::Builder::new().name("log-writer".to_owned()).spawn(work)?;
        Ok(sink)
    }

    /// Waits until every line is written, for at most `within`. Whether that was in time.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let queue = self.0.queue();
        let (queue, _) = self
            .0
            .emptied
            .wait_timeout_while(queue, within, |queue| queue.bytes() > 0)
            .unwrap_or_else(PoisonError::into_inner);

        queue.bytes() == 0
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    /// Takes the whole line or nothing: the formatter writes a line in one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn put(&self, line: &[u8]) {
        let mut queue = self.queue();
        if queue.bytes() + line.len() > BYTES_MAX {
            queue.dropped += 1;
            drop(queue);
            counter!(DROPPED).increment(1);
            return;
        }
        queue.lines.extend_from_slice(line);
        drop(queue);
        self.filled.notify_one();
    }

    fn write_to(&self, out: &mut impl Write) {
        let mut taken = Vec::new();

        loop {
            self.take(&mut taken);
            write_all(out, &taken);
            taken.clear();
            let dropped = self.settle();
            if dropped > 0 {
                tracing::warn!(lines = dropped, "the log could not be written: lines are missing");
            }
        }
    }

    /// Waits for lines.
    fn take(&self, taken: &mut Vec<u8>) {
        let mut queue = self.queue();
        // Left by a round that panicked.
        queue.under_way = 0;
        let waited = self.filled.wait_while(queue, |queue| queue.lines.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);

        std::mem::swap(&mut queue.lines, taken);
        queue.under_way = taken.len();
    }

    /// Marks the taken lines as written. Returns how many lines were dropped meanwhile.
    fn settle(&self) -> u64 {
        let mut queue = self.queue();
        queue.under_way = 0;
        let dropped = std::mem::take(&mut queue.dropped);
        drop(queue);
        self.emptied.notify_all();
        dropped
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    const fn bytes(&self) -> usize {
        self.lines.len() + self.under_way
    }
}

/// Tries until everything is written: a full disk may get space again, and a pipe a reader.
fn write_all(out: &mut impl Write, mut rest: &[u8]) {
    let mut pause = PAUSE_FIRST;

    while !rest.is_empty() {
        match out.write(rest) {
            Ok(written) if written > 0 => {
                rest = &rest[written..];
                pause = PAUSE_FIRST;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_LONGEST);
            }
        }
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
