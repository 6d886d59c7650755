//! The shop's processes: one that serves, and commands that end.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{Endpoint, until};

/// A cold start of an unoptimised build with a demo catalogue to make, beside other tests.
const READY: Duration = Duration::from_secs(90);
/// Draining and closing.
const STOPPED: Duration = Duration::from_secs(30);
/// More than any test makes; what is older than that is not what failed.
const LINES_KEPT: usize = 20_000;

/// A shop that is open. Killed when dropped.
#[derive(Debug)]
pub struct Shop {
    child: Child,
    log: Log,
    edge: Endpoint,
    origin: Endpoint,
}

/// A command, or a shop, that has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Shop {
    /// # Errors
    /// When it ends before it is ready, or is not ready in time; the log's end is in the error.
    pub async fn start(command: &mut Command) -> Result<Self> {
        Self::start_logging_to(command, Stdio::piped()).await
    }

    /// With another place for its log than this process, which then does not see it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_logging_to(command: &mut Command, log: Stdio) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("can't start the shop")?;
        // Its copy of `log` would keep a pipe open whose reader the test has closed.
        command.stderr(Stdio::null());
        let log = Log::default();
        let (lines, mut ready) = mpsc::unbounded_channel();
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr, None);
        }
        log.follow(child.stdout.take().context("piped")?, Some(lines));
        // From here on a failure drops, and so ends, the process.
        let mut shop = Self { child, log, edge: nowhere(), origin: nowhere() };

        let endpoints = async {
            while let Some(line) = ready.recv().await {
                if let Some(endpoints) = endpoints_of(&line) {
                    return endpoints;
                }
            }
            Err(anyhow!("it ended before it was ready"))
        };
        (shop.edge, shop.origin) = timeout(READY, endpoints)
            .await
            .context("it was not ready in time")
            .flatten()
            .with_context(|| format!("the log's end:\n{}", shop.log.end(40)))?;
        Ok(shop)
    }

    pub fn edge(&self) -> &Endpoint {
        &self.edge
    }

    pub fn origin(&self) -> &Endpoint {
        &self.origin
    }

    /// Where operators ask: at the origin, or at the page of an edge alone.
    pub fn operators(&self) -> &Endpoint {
        &self.origin
    }

    /// What it has printed, standard output and error together.
    pub fn log(&self) -> String {
        self.log.end(usize::MAX)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether its process has ended, by itself or by a signal.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// As a power cut would.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Lets it write files up to so many bytes, or as long as it likes. Beyond that a write fails, if
    /// SIGXFSZ is ignored, as on a full disk.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit { current: bytes, maximum: None };

        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit)?;
        Ok(())
    }

    /// Asks it to stop, waits for it, and wants a clean end: exit 0 and no error in the log.
    pub async fn close(self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let ended = self.ended().await?;

        ensure!(ended.status.success(), "it stopped with {}:\n{}", ended.status, ended.stderr);
        let errors: Vec<_> = ended.stderr.lines().filter(|line| is_error(line)).collect();
        ensure!(errors.is_empty(), "the log has errors:\n{}", errors.join("\n"));
        Ok(())
    }

    /// Waits for its end. Both streams are in `stderr`.
    pub async fn ended(mut self) -> Result<Ended> {
        let status = until(STOPPED, "the shop stops", async || Ok(self.child.try_wait()?)).await?;

        Ok(Ended { status, stdout: String::new(), stderr: self.log.end(usize::MAX) })
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if thread::panicking() {
            // Past the test runner's capture of `eprintln!` would be out of order; this is not.
            eprintln!("the shop's log ends:\n{}", self.log.end(60));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command with a limit of open files, soft and hard.
pub fn with_open_files(command: &Command, limit: u32) -> Command {
    let mut limited = Command::new("sh");
    let script = format!(r#"ulimit -Sn {limit} && ulimit -Hn {limit} && exec "$0" "$@""#);
    limited.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

impl Ended {
    /// Runs a command to its end.
    pub(crate) async fn of(command: Command, bound: Duration) -> Result<Self> {
        let what = format!("{command:?}");
        let mut command = tokio::process::Command::from(command);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = timeout(bound, output)
            .await
            .with_context(|| format!("not within {bound:?}: {what}"))?
            .with_context(|| format!("can't run {what}"))?;

        Ok(Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout).context("standard output is not UTF-8")?,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    pub fn must_exit(self, code: i32) -> Result<Self> {
        if self.status.code() != Some(code) {
            bail!("wanted exit {code}: {}\n{}\n{}", self.status, self.stdout, self.stderr);
        }
        Ok(self)
    }
}

impl Log {
    fn follow(
        &self,
        stream: impl Read + Send + 'static,
        lines: Option<mpsc::UnboundedSender<String>>,
    ) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut kept = log.lock();
                if kept.len() == LINES_KEPT {
                    kept.pop_front();
                }
                kept.push_back(line.clone());
                drop(kept);
                // The receiver is dropped once the shop is ready.
                let _ = lines.as_ref().map(|lines| lines.send(line));
            }
        });
    }

    fn end(&self, lines: usize) -> String {
        let kept = self.lock();
        let skipped = kept.len().saturating_sub(lines);

        kept.iter().skip(skipped).map(|line| format!("{line}\n")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `shop ready: edge http://127.0.0.1:8787 origin http://127.0.0.1:8080`, exactly; or
/// `edge ready: http://127.0.0.1:8787 operators http://127.0.0.1:8788` of an edge alone, whose
/// operators' page stands where the shop's origin would.
fn endpoints_of(line: &str) -> Option<Result<(Endpoint, Endpoint)>> {
    if let Some(edge) = line.strip_prefix("edge ready: ") {
        return Some(endpoints(edge.split_once(" operators ")?));
    }
    let rest = line.strip_prefix("shop ready: edge ")?;

    Some(endpoints(rest.split_once(" origin ")?))
}

fn endpoints((edge, origin): (&str, &str)) -> Result<(Endpoint, Endpoint)> {
    Ok((Endpoint::new(edge)?, Endpoint::new(origin)?))
}

/// A placeholder until the shop has printed its addresses.
fn nowhere() -> Endpoint {
    Endpoint::new("http://127.0.0.1:0").expect("a loopback URL")
}

/// In both of the log's formats: text, and JSON.
fn is_error(line: &str) -> bool {
    line.contains(" ERROR ") || line.contains(r#""level":"ERROR""#) || line.contains("panicked at")
}

/// Says something past the test runner's capture, so that it shows for tests that pass too.
pub(crate) fn say_loudly(text: &str) {
    // There is no other way to report it when even this fails.
    let _ = writeln!(io::stderr(), "{text}");
}
