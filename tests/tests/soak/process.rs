//! A shop or an edge whose standard error the test can stop reading.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail};
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use tests::{Door, until};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::PATIENCE;

/// Lines kept for the message of a failure.
const LINES_KEPT: usize = 2_000;

/// The smallest that Linux has: a few lines, and a reader that has stopped is felt.
const PIPE_BYTES: usize = 4_096;

/// Killed when dropped.
pub struct Process {
    child: Child,
    pub log: Log,
    pub edge: Door,
    /// The origin's port, or the operators' page of an edge alone.
    pub operators: Door,
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
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the shop can't be started")?;
        let log = Log::default();
        let stderr = child.stderr.take().context("piped")?;
        fcntl_setpipe_size(&stderr, PIPE_BYTES)?;
        log.read(stderr);
        let mut ready = lines(child.stdout.take().context("piped")?);
        let doors = async {
            while let Some(line) = ready.recv().await {
                if let Some(doors) = doors(&line) {
                    return doors;
                }
            }
            bail!("it ended before it was ready")
        };
        let doors = timeout(PATIENCE, doors).await.context("not ready in time").flatten();

        match doors {
            Ok((edge, operators)) => Ok(Self { child, log, edge, operators }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(log.end()))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and wants exit code 0.
    pub async fn close(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = until(PATIENCE, "it stops", async || Ok(self.child.try_wait()?)).await?;

        anyhow::ensure!(status.success(), "it stopped with {status}:\n{}", self.log.end());
        Ok(())
    }

    /// Whether the process has ended, which it never does by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

    fn read(&self, stream: impl std::io::Read + Send + 'static) {
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

fn lines(stream: impl std::io::Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody receives any more once it is ready.
            let _ = sender.send(line);
        }
    });

    receiver
}

/// `shop ready: edge URL origin URL`, or `edge ready: URL operators URL`.
fn doors(line: &str) -> Option<Result<(Door, Door)>> {
    let (edge, operators) = match line.strip_prefix("edge ready: ") {
        Some(rest) => rest.split_once(" operators ")?,
        None => line.strip_prefix("shop ready: edge ")?.split_once(" origin ")?,
    };

    Some(Door::new(edge).and_then(|edge| Ok((edge, Door::new(operators)?))))
}
