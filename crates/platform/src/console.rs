//! Standard output and standard error, beside the log. Nothing here panics or blocks a server: the
//! reader may have gone, may never read, or may write to a full disk.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// For a last message, whose reader may have gone.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(1);

/// Prints a command's answer. A reader that has gone has what it wanted: `shopping openapi | head`.
pub fn answer(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();

    unless_gone(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// A reader that has gone is no failure of the writer.
pub fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a line to standard error, for a person at a terminal.
pub fn say(text: impl Display) {
    // There is no other place to report that standard error can't be written.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints where a server listens, without waiting for a reader.
pub fn announce(line: String) {
    let started = thread::Builder::new().name("announcement".to_owned()).spawn(move || {
        if let Err(error) = answer(&line) {
            tracing::warn!(%error, line, "the addresses could not be printed to standard output");
        }
    });

    if let Err(error) = started {
        tracing::warn!(%error, "the addresses could not be printed to standard output");
    }
}

/// Prints why a program ends, within a bound.
pub fn last_word(text: String) {
    let (done, printed) = mpsc::channel::<()>();
    let started = thread::Builder::new().spawn(move || {
        say(text);
        drop(done);
    });

    if started.is_ok() {
        // Returns when the thread has dropped its end of the channel.
        let _ = printed.recv_timeout(LAST_WORD_WITHIN);
    }
}
