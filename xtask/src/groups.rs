//! Child processes that never outlive this one: each leads a process group, which is killed when
//! its owner drops it, when its time is up, or when this process is told to stop.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What a shell reports for a command that an interrupt ended: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

static LIVE: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// From now on SIGINT, SIGTERM and SIGHUP end every group before they end this process.
pub fn end_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("can't listen to signals")?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            // The lock is kept: nothing may start between the killing and the exit.
            let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
            live.iter().for_each(|group| kill(*group));
            std::process::exit(INTERRUPTED);
        }
    });

    Ok(())
}

/// Runs the command to its end and gives each line of its standard output to `each_line`.
///
/// # Errors
/// When it can't be started, or does not end within `limit`.
pub fn run(
    command: &mut Command,
    limit: Duration,
    mut each_line: impl FnMut(&str),
) -> Result<ExitStatus> {
    let mut group = Group::spawn(command.stdout(Stdio::piped()))?;
    let stdout = group.child.stdout.take().context("standard output was asked for as a pipe")?;
    let watch = Watch::over(group.pid, limit);

    for line in BufReader::new(stdout).split(b'\n') {
        each_line(&String::from_utf8_lossy(&line.context("can't read the command's output")?));
    }
    let status = group.wait()?;

    if watch.ran_out() {
        bail!("{} did not end within {} s", name_of(command), limit.as_secs());
    }
    Ok(status)
}

struct Group {
    child: Child,
    pid: Pid,
}

impl Group {
    fn spawn(command: &mut Command) -> Result<Self> {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("can't run {}", name_of(command)))?;
        let pid = Pid::from_child(&child);
        live.push(pid);

        Ok(Self { child, pid })
    }

    /// Waits for the leader, then ends what it left behind. The leader is reaped last, so that the
    /// group's number can't have been given to another process.
    fn wait(&mut self) -> Result<ExitStatus> {
        waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            .context("can't wait for the command")?;
        kill(self.pid);

        self.child.wait().context("can't wait for the command")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|pid| *pid != self.pid);
        if matches!(self.child.try_wait(), Ok(None)) {
            kill(self.pid);
            // It was just killed, and a failed wait changes nothing.
            let _ = self.child.wait();
        }
    }
}

/// Kills a group when its time is up.
struct Watch {
    ran_out: Arc<AtomicBool>,
    _ends_when_dropped: std::sync::mpsc::Sender<()>,
}

impl Watch {
    fn over(group: Pid, limit: Duration) -> Self {
        let ran_out = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = channel();

        let flag = Arc::clone(&ran_out);
        thread::spawn(move || {
            if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                flag.store(true, Ordering::Relaxed);
                kill(group);
            }
        });
        Self { ran_out, _ends_when_dropped: sender }
    }

    fn ran_out(&self) -> bool {
        self.ran_out.load(Ordering::Relaxed)
    }
}

fn kill(group: Pid) {
    // The only failure there is: it has ended already.
    let _ = kill_process_group(group, Signal::KILL);
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn every_line_is_seen_and_the_status_is_the_commands() {
        let mut lines = Vec::new();

        let status =
            run(&mut shell("echo one; echo two; exit 3"), Duration::from_secs(20), |line| {
                lines.push(line.to_owned());
            });

        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_it_started() {
        let began = Instant::now();

        // The grandchild holds the output open; only the death of the whole group closes it.
        let ended = run(&mut shell("sleep 600 & sleep 600"), Duration::from_millis(200), |_| {});

        assert!(ended.unwrap_err().to_string().contains("did not end within"));
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let ended = run(&mut Command::new("no-such-program"), Duration::from_secs(1), |_| {});

        assert!(ended.unwrap_err().to_string().contains("no-such-program"));
    }
}
