//! `shopping import`: a catalogue file goes in, with a progress bar and a list of what was refused.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use catalog_files::{
    CatalogFile, ImportJob, ImportObserver, ImportReport, Importer, Mapping, Notation, Progress,
    RowError, RowErrors, Tally, Warning,
};
use indicatif::{ProgressBar, ProgressStyle};
use platform::{Platform, console};
use store::{Actor, Catalog, Db};

use crate::arguments::ImportArguments;
use crate::start::Start;

/// Some rows were refused, the rest are in.
const SOME_REFUSED: u8 = 2;
/// On the terminal, of each kind; all of them go to `--errors` and `--warnings`.
const SHOWN_MAX: u64 = 20;

pub async fn run(
    start: &Start,
    platform: &Platform,
    arguments: ImportArguments,
) -> anyhow::Result<ExitCode> {
    let currency = match &arguments.currency {
        Some(code) => code.parse().with_context(|| format!("--currency {code}"))?,
        None => start.settings.catalog.currency,
    };
    anyhow::ensure!(
        currency == start.settings.catalog.currency,
        "--currency {currency}: this shop sells in {} (catalog.currency)",
        start.settings.catalog.currency
    );
    let job = ImportJob {
        file: CatalogFile::At(arguments.file.clone()),
        mapping: Mapping::parse(&arguments.maps)?,
        notation: Notation { currency, decimal: arguments.decimal },
        dry_run: arguments.dry_run,
    };
    let catalog = Catalog::over(Db::new(platform.items.clone(), platform.world.clone()));
    start.agree_on_currency(&catalog).await?;
    let importer = Importer::new(
        catalog,
        platform.items.clone(),
        platform.world.clone(),
        Actor::command("import"),
    );
    let mut screen = Screen::new(&arguments);

    let report = importer.run(&job, &mut screen).await;
    screen.bar.finish_and_clear();
    let report = report.with_context(|| format!("{}", arguments.file.display()))?;
    screen.finish()?;
    // A file that lost its rows on the way must not look like one that went in.
    anyhow::ensure!(
        report.resumed || report.tally.rows() > 0,
        "{}: it has no rows; nothing was done",
        arguments.file.display()
    );
    summarise(&report, &arguments);

    Ok(match report.tally.refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(SOME_REFUSED),
    })
}

fn summarise(report: &ImportReport, arguments: &ImportArguments) {
    let Tally { created, updated, unchanged, refused, warnings } = report.tally;
    let would = if arguments.dry_run { "would be " } else { "" };
    console::say(format_args!(
        "{would}created {created}, updated {updated}, unchanged {unchanged}, refused {refused}"
    ));
    if report.categories > 0 {
        console::say(format_args!("{} categories {would}made", report.categories));
    }
    if report.resumed {
        console::say("it went on where an earlier run stopped");
    }
    if warnings > 0 {
        let listed = arguments.warnings.as_ref().map_or_else(
            || "--warnings FILE lists all".to_owned(),
            |path| format!("listed in {}", path.display()),
        );
        console::say(format_args!("{warnings} values {would}left out or read otherwise: {listed}"));
    }
    if let Some(path) = arguments.errors.as_ref().filter(|_| refused > 0) {
        console::say(format_args!("refused rows are listed in {}", path.display()));
    }
}

/// What a person sees of a run.
struct Screen {
    bar: ProgressBar,
    refused: Messages,
    warned: Messages,
}

/// Messages of one kind: the first ones on the terminal, all of them in a file.
struct Messages {
    /// Before each on the terminal.
    word: &'static str,
    /// The option that names the file.
    option: &'static str,
    path: Option<PathBuf>,
    file: Option<RowErrors<BufWriter<File>>>,
    shown: u64,
}

impl Screen {
    fn new(arguments: &ImportArguments) -> Self {
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

    fn finish(self) -> anyhow::Result<()> {
        self.refused.finish()?;
        self.warned.finish()
    }
}

impl Messages {
    fn new(word: &'static str, option: &'static str, path: Option<&Path>) -> Self {
        Self { word, option, path: path.map(Path::to_owned), file: None, shown: 0 }
    }

    /// A run that goes on appends to what the run before it wrote.
    fn open(&mut self, goes_on: bool) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut options = OpenOptions::new();
        let options =
            if goes_on { options.append(true) } else { options.write(true).truncate(true) };
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
