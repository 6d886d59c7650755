//! What a person sees of an import: a progress bar, and messages on the terminal and in files.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use catalog_files::{ImportObserver, Progress, RowError, RowErrors, Tally, Warning};
use indicatif::{ProgressBar, ProgressStyle};
use platform::console;

use super::ImportArguments;

/// Messages of a kind on the terminal; `--errors` and `--warnings` list all of them.
const SHOWN_MAX: u64 = 20;

/// Shows a run as it goes.
pub(super) struct Screen {
    bar: ProgressBar,
    refused: Messages,
    warned: Messages,
}

/// Messages of one kind: the first ones on the terminal, all of them in a file.
struct Messages {
    /// Precedes each message on the terminal.
    word: &'static str,
    /// The option that names the file.
    option: &'static str,
    path: Option<PathBuf>,
    file: Option<RowErrors<BufWriter<File>>>,
    shown: u64,
}

impl Screen {
    pub fn new(arguments: &ImportArguments) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta}");
        let bar = ProgressBar::new(0);
        if let Ok(style) = style {
            bar.set_style(style);
        }

        Self {
            bar,
            refused: Messages::new("refused", "--errors", arguments.errors.as_deref()),
            warned: Messages::new("warning", "--warnings", arguments.warnings.as_deref()),
        }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Completes the files of messages.
    pub fn finish(self) -> anyhow::Result<()> {
        self.refused.finish()?;
        self.warned.finish()
    }
}

impl Messages {
    fn new(word: &'static str, option: &'static str, path: Option<&Path>) -> Self {
        Self { word, option, path: path.map(Path::to_owned), file: None, shown: 0 }
    }

    /// A resumed run appends to the file of the run before it.
    fn open(&mut self, resumed: bool) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut options = OpenOptions::new();
        let options =
            if resumed { options.append(true) } else { options.write(true).truncate(true) };
        self.file = Some(RowErrors::new(BufWriter::new(options.create(true).open(path)?)));
        Ok(())
    }

    fn add(&mut self, message: &RowError, bar: &ProgressBar) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write(message)?;
        }
        self.shown += 1;
        let Self { word, option, shown, .. } = self;
        match *shown {
            ..=SHOWN_MAX => bar.suspend(|| console::say(format_args!("{word}: {message}"))),
            n if n == SHOWN_MAX + 1 => {
                bar.suspend(|| console::say(format_args!("{word}: … ({option} FILE lists all)")));
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Some(file) = self.file {
            let mut out = file.finish().context(self.option)?;
            out.flush().context(self.option)?;
        }
        Ok(())
    }
}

impl ImportObserver for Screen {
    fn began(&mut self, resumed: Option<&Tally>) -> io::Result<()> {
        self.refused.open(resumed.is_some())?;
        self.warned.open(resumed.is_some())
    }

    fn warned(&mut self, warning: &Warning) {
        self.bar.suspend(|| console::say(format_args!("warning: {warning}")));
    }

    fn warned_of_row(&mut self, warning: &RowError) -> io::Result<()> {
        self.warned.add(warning, &self.bar)
    }

    fn refused(&mut self, error: &RowError) -> io::Result<()> {
        self.refused.add(error, &self.bar)
    }

    fn progressed(&mut self, progress: &Progress) {
        self.bar.set_length(progress.size_bytes);
        self.bar.set_position(progress.bytes);
        self.bar.set_message(format!("{} rows", progress.tally.rows()));
    }
}
