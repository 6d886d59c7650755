//! Processes that serve until they are dropped.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cores::Cores;
use crate::process::{self, Memory};

/// A hundred thousand products are indexed within this on a slow machine.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// On which core a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Measured,
    /// Beside the load: it has nothing to do while others are measured.
    Aside,
}

/// A server in a process group of its own, which is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// What it said when it was ready.
    pub line: String,
    pub ready_after: Duration,
}

impl Server {
    /// Starts a task of this program.
    pub fn of_task(arguments: &[&str], place: Place, cores: Cores) -> Result<Self> {
        let mut command = this_program()?;
        command.args(arguments);

        Self::start(&mut command, "ready ", place, cores)
    }

    /// Starts `command` and waits for the line of its standard output that begins with `ready`.
    pub fn start(command: &mut Command, ready: &str, place: Place, cores: Cores) -> Result<Self> {
        let started = Instant::now();
        let mut server = Self::spawn(command.stdout(Stdio::piped()), place, cores)?;

        let lines = BufReader::new(server.child.stdout.take().context("piped")?).lines();
        let (say, said) = mpsc::channel();
        let ready = ready.to_owned();
        // Reads on, or the server would wait for room in the pipe.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok).filter(|line| line.starts_with(&ready)) {
                let _ = say.send((line, Instant::now()));
            }
        });
        let Ok((line, at)) = said.recv_timeout(READY_WITHIN) else {
            bail!("a server ended or took too long before it was ready");
        };
        server.line = line;
        server.ready_after = at - started;
        Ok(server)
    }

    /// Starts a program that prints nothing, and waits until it listens at `addr`.
    pub fn listening(
        command: &mut Command,
        addr: SocketAddr,
        place: Place,
        cores: Cores,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut server = Self::spawn(command.stdout(Stdio::null()), place, cores)?;

        while TcpStream::connect(addr).is_err() {
            if server.child.try_wait()?.is_some() || started.elapsed() > READY_WITHIN {
                bail!("{command:?} ended or took too long before it listened");
            }
            thread::sleep(Duration::from_millis(5));
        }
        server.line = format!("ready {addr}");
        server.ready_after = started.elapsed();
        Ok(server)
    }

    fn spawn(command: &mut Command, place: Place, cores: Cores) -> Result<Self> {
        let command = command.stdin(Stdio::piped()).process_group(0);
        let child = match place {
            Place::Measured => cores.measured(|| command.spawn())?,
            Place::Aside => command.spawn(),
        };
        // From here on a failure drops, and so ends, the process.
        let child = child.with_context(|| format!("{command:?} can't be started"))?;

        Ok(Self { child, line: String::new(), ready_after: Duration::ZERO })
    }

    /// The address that a task of ours said.
    pub fn addr(&self) -> Result<SocketAddr> {
        let word = self.line.split(' ').nth(1).context("no address")?;

        word.parse().with_context(|| format!("no address: {word}"))
    }

    pub fn processor_time(&self) -> Result<Duration> {
        process::processor_time_of_family(self.child.id())
    }

    /// Of its threads that live, to the nanosecond.
    pub fn exact_time(&self) -> Result<Duration> {
        process::exact_time(self.child.id())
    }

    pub fn memory(&self) -> Result<Memory> {
        process::memory(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The only failure there is: it has ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Runs a task of this program to its end on the core that is measured; its standard output.
pub fn run_task(arguments: &[&str], cores: Cores) -> Result<String> {
    let mut command = this_program()?;
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
    let ended = cores.measured(|| command.output())?.context("a task can't be started")?;

    if !ended.status.success() {
        bail!("the task {arguments:?} failed");
    }
    Ok(String::from_utf8(ended.stdout)?)
}

/// To be given one of its tasks.
pub fn this_program() -> Result<Command> {
    Ok(Command::new(std::env::current_exe().context("this program has no path")?))
}
