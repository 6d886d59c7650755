//! `shopping import`: imports a catalogue file, with a progress bar and lists of what was refused.

mod lease;
mod screen;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use catalog_files::{
    CatalogFile, DecimalSign, ImportError, ImportJob, ImportReport, Importer, Mapping, Notation,
    Tally,
};
use clap::Args;
use domain::Currency;
use platform::{EmptyStore, console, system_world};
use ports::{Items, World};
use store::{Actor, Catalog, Db, StoreError};

use self::lease::ImportLease;
use self::screen::Screen;
use crate::start::Start;

/// The exit code if some rows were refused and the rest are imported.
const SOME_REFUSED: u8 = 2;
const ACTOR: &str = "import";

#[derive(Clone, Debug, Args)]
pub struct ImportArguments {
    /// CSV (with a header) or JSON lines.
    file: PathBuf,

    /// Takes one of our columns from one of the file's: sku=id. Equal names map by themselves.
    #[arg(long = "map", value_name = "OURS=THEIRS")]
    maps: Vec<String>,

    /// The currency of the file's prices; the shop's own by default.
    #[arg(long)]
    currency: Option<String>,

    /// The decimal sign of the file's numbers: . as in 1,234.50, or , as in 1.234,50. Without it an
    /// ambiguous number is refused.
    #[arg(long, value_name = "SIGN")]
    decimal: Option<DecimalSign>,

    /// Reports what would happen and changes nothing; without a shop, against an empty catalogue.
    #[arg(long)]
    dry_run: bool,

    /// Lists refused rows in this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,

    /// Lists values that were left out or read differently in this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    warnings: Option<PathBuf>,
}

/// The store that is imported into, or only read.
struct Target {
    items: Arc<dyn Items>,
    world: Arc<dyn World>,
}

pub(super) async fn run(start: &Start, arguments: ImportArguments) -> anyhow::Result<ExitCode> {
    let job = job(&arguments, start.settings.catalog.currency)?;
    let mut screen = Screen::new(&arguments);

    let report = if job.dry_run {
        rehearse(start, &job, &mut screen).await?
    } else {
        import(start, &job, &mut screen).await?
    };
    screen.clear();
    let report = report.with_context(|| format!("{}", arguments.file.display()))?;
    let lists = screen.finish();
    // A file that lost its rows on the way must not look like a success.
    anyhow::ensure!(
        report.resumed || report.tally.rows() > 0,
        "{}: it has no rows; nothing was done",
        arguments.file.display()
    );
    summarise(&report, &arguments);
    lists.context("the rows are in, but the lists of messages are not complete")?;

    Ok(match report.tally.refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(SOME_REFUSED),
    })
}

fn job(arguments: &ImportArguments, ours: Currency) -> anyhow::Result<ImportJob> {
    let currency = match &arguments.currency {
        Some(code) => code.parse().with_context(|| format!("--currency {code}"))?,
        None => ours,
    };
    anyhow::ensure!(
        currency == ours,
        "--currency {currency}: this shop sells in {ours} (catalog.currency)"
    );

    Ok(ImportJob {
        file: CatalogFile::At(arguments.file.clone()),
        mapping: Mapping::parse(&arguments.maps)?,
        notation: Notation { currency, decimal: arguments.decimal },
        dry_run: arguments.dry_run,
    })
}

/// The outer error is the shop's, the inner one the file's.
async fn import(
    start: &Start,
    job: &ImportJob,
    screen: &mut Screen,
) -> anyhow::Result<anyhow::Result<ImportReport>> {
    let platform = start.connect().await?;
    let target = Target { items: platform.items, world: platform.world };
    let catalog = target.catalog();
    start.agree_on_currency(&catalog).await?;
    let lease = ImportLease::acquire(target.items.clone(), target.world.clone()).await?;
    let by = lease.author(Actor::command(ACTOR));
    let importer = Importer::new(catalog, target.items, target.world, by);

    let report = lease.hold(Box::pin(importer.run(job, screen))).await;
    lease.release().await;
    Ok(report.map_err(|error| match error {
        ImportError::Store(StoreError::ClaimLost) => anyhow::anyhow!(
            "another import has taken over, since this one did not renew its lease in time"
        ),
        error => error.into(),
    }))
}

/// Reads the store, if there is one, and writes nothing.
async fn rehearse(
    start: &Start,
    job: &ImportJob,
    screen: &mut Screen,
) -> anyhow::Result<anyhow::Result<ImportReport>> {
    let target = if start.has_shop() {
        let platform = start.connect_to_read().await?;
        Target { items: platform.items, world: platform.world }
    } else {
        console::say(format_args!(
            "there is no shop in {}: compared with an empty catalogue",
            start.settings.data_dir.display()
        ));
        Target { items: Arc::new(EmptyStore), world: system_world() }
    };
    let catalog = target.catalog();
    start.check_currency(&catalog).await?;
    let importer = Importer::new(catalog, target.items, target.world, Actor::command(ACTOR));

    Ok(Box::pin(importer.run(job, screen)).await.map_err(Into::into))
}

impl Target {
    fn catalog(&self) -> Catalog {
        Catalog::over(Db::new(Arc::clone(&self.items), Arc::clone(&self.world)))
    }
}

fn summarise(report: &ImportReport, arguments: &ImportArguments) {
    let Tally { created, updated, unchanged, refused, warnings } = report.tally;
    let would = if arguments.dry_run { "would be " } else { "" };
    console::say(format_args!(
        "{would}created {created}, updated {updated}, unchanged {unchanged}, refused {refused}"
    ));
    if report.categories > 0 {
        console::say(format_args!("{} categories {would}created", report.categories));
    }
    if report.resumed {
        console::say("resumed where an earlier run stopped");
    }
    if warnings > 0 {
        let listed = arguments.warnings.as_ref().map_or_else(
            || "--warnings FILE lists all".to_owned(),
            |path| format!("listed in {}", path.display()),
        );
        console::say(format_args!(
            "{warnings} values {would}left out or read differently: {listed}"
        ));
    }
    if let Some(path) = arguments.errors.as_ref().filter(|_| refused > 0) {
        console::say(format_args!("refused rows are listed in {}", path.display()));
    }
}
