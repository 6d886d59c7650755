//! `shopping import`: a catalogue file goes in, with a progress bar and a list of what was refused.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use catalog_files::{
    ImportJob, ImportObserver, ImportReport, Importer, Mapping, Progress, RowError, RowErrors,
    Tally, Warning,
};
use indicatif::{ProgressBar, ProgressStyle};
use platform::{Platform, console};
use store::{Actor, Catalog};

use crate::arguments::ImportArguments;
use crate::start::Start;

/// Some rows were refused, the rest are in.
const SOME_REFUSED: u8 = 2;
/// On the terminal; all of them go to `--errors`.
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
        path: arguments.file.clone(),
        mapping: Mapping::parse(&arguments.maps)?,
        currency,
        dry_run: arguments.dry_run,
    };
    let catalog = Catalog::over(platform.items.clone(), platform.world.clone());
    start.agree_on_currency(&catalog).await?;
    let importer = Importer::new(
        catalog,
        platform.items.clone(),
        platform.world.clone(),
        Actor::command("import"),
    );
    let mut screen = Screen::new(arguments.errors.clone());

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
    let Tally { created, updated, unchanged, refused } = report.tally;
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
    if let Some(path) = arguments.errors.as_ref().filter(|_| refused > 0) {
        console::say(format_args!("refused rows are listed in {}", path.display()));
    }
}

/// What a person sees of a run.
struct Screen {
    bar: ProgressBar,
    path: Option<PathBuf>,
    errors: Option<RowErrors<BufWriter<File>>>,
    shown: u64,
}

impl Screen {
    fn new(path: Option<PathBuf>) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta}");
        let bar = ProgressBar::new(0);
        if let Ok(style) = style {
            bar.set_style(style);
        }

        Self { bar, path, errors: None, shown: 0 }
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Some(errors) = self.errors {
            let mut out = errors.finish().context("the list of refused rows")?;
            out.flush().context("the list of refused rows")?;
        }
        Ok(())
    }
}

impl ImportObserver for Screen {
    fn began(&mut self, resumed: Option<&Tally>) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut options = OpenOptions::new();
        let options = match resumed {
            Some(_) => options.append(true),
            None => options.write(true).truncate(true),
        };
        self.errors = Some(RowErrors::new(BufWriter::new(options.create(true).open(path)?)));
        Ok(())
    }

    fn warned(&mut self, warning: &Warning) {
        self.bar.suspend(|| console::say(format_args!("warning: {warning}")));
    }

    fn refused(&mut self, error: &RowError) -> io::Result<()> {
        if let Some(errors) = &mut self.errors {
            errors.write(error)?;
        }
        self.shown += 1;
        match self.shown {
            ..=SHOWN_MAX => self.bar.suspend(|| console::say(format_args!("refused: {error}"))),
            n if n == SHOWN_MAX + 1 => {
                self.bar.suspend(|| console::say("refused: … (--errors FILE lists all)"));
            }
            _ => {}
        }
        Ok(())
    }

    fn progressed(&mut self, progress: &Progress) {
        self.bar.set_length(progress.size_bytes);
        self.bar.set_position(progress.bytes);
        self.bar.set_message(format!("{} rows", progress.tally.rows()));
    }
}
