//! What a program says beside its log, to whoever started it. None of it panics, and none keeps a
//! server from serving: a reader may have gone, may never read, or may have put it on a full disk.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// For a last word that nobody may be there to read.
const LAST_WORD_WITHIN: Duration = Duration::from_secs(1);

/// Prints a command's answer. A reader that has gone has what it wanted: `shopping openapi | head`.
pub fn answer(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();

    unless_gone(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// A reader that is gone is no failure of who writes.
pub fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says something to a person at a terminal.
pub fn say(text: impl Display) {
    // Whom should it be told that nothing can be told?
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints where a server listens, without waiting for a reader.
pub fn announce(line: String) {
    let spoken = thread::Builder::new().name("announcement".to_owned()).spawn(move || {
        if let Err(error) = answer(&line) {
            tracing::warn!(%error, line, "standard output does not take where this listens");
        }
    });

    if let Err(error) = spoken {
        tracing::warn!(%error, "nobody was told where this listens");
    }
}

/// Says why a program ends, within a bound.
pub fn last_word(text: String) {
    let (said, heard) = mpsc::channel::<()>();
    let spoken = thread::Builder::new().spawn(move || {
        say(text);
        drop(said);
    });

    if spoken.is_ok() {
        // Ready as well when the thread is done and its end of the channel is gone.
        let _ = heard.recv_timeout(LAST_WORD_WITHIN);
    }
}
