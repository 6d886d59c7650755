//! A shop or an edge whose standard error the test can stop reading.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, PipeReader, pipe};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use rustix::pipe::fcntl_setpipe_size;
use tests::Shop;

/// Lines kept for the message of a failure.
const LINES_KEPT: usize = 2_000;

/// The smallest that Linux has: it is full after a few lines that are not read.
const PIPE_BYTES: usize = 4_096;

/// Killed when dropped.
pub struct Process {
    pub server: Shop,
    pub log: Log,
}

/// Standard error: read by a thread of its own, unless reading is paused.
#[derive(Clone, Default)]
pub struct Log(Arc<LogState>);

#[derive(Default)]
struct LogState {
    paused: Mutex<bool>,
    resumed: Condvar,
    lines: Mutex<VecDeque<String>>,
}

impl Process {
    /// Starts it and waits for its ready line.
    pub async fn start(command: &mut Command) -> Result<Self> {
        let (reader, writer) = pipe()?;
        fcntl_setpipe_size(&writer, PIPE_BYTES)?;
        let log = Log::default();
        log.read(reader);

        match Shop::start_logging_to(command, writer.into()).await {
            Ok(server) => Ok(Self { server, log }),
            Err(error) => Err(error).with_context(|| log.end()),
        }
    }
}

impl Log {
    /// Stops or resumes reading; the pipe holds a few lines meanwhile.
    pub fn pause(&self, paused: bool) {
        *self.0.paused.lock().unwrap_or_else(PoisonError::into_inner) = paused;
        self.0.resumed.notify_all();
    }

    pub fn end(&self) -> String {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = lines.len().saturating_sub(60);

        lines.iter().skip(skipped).map(|line| format!("{line}\n")).collect()
    }

    /// Lines that tell of a mistake of the program.
    pub fn panics(&self) -> Vec<String> {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);

        lines.iter().filter(|line| line.contains("panicked at")).cloned().collect()
    }

    fn read(&self, stream: PipeReader) {
        let state = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut lines = state.lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES_KEPT {
                    lines.pop_front();
                }
                lines.push_back(line);
                drop(lines);

                let mut paused = state.paused.lock().unwrap_or_else(PoisonError::into_inner);
                while *paused {
                    paused = state.resumed.wait(paused).unwrap_or_else(PoisonError::into_inner);
                }
            }
        });
    }
}
