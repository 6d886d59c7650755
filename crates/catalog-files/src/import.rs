//! Writes a catalogue file into the store: upsert by SKU, in batches, and on from where a killed run
//! stopped.
//!
//! A run over the same file again changes nothing and logs nothing. A row says what its columns say:
//! a field whose column the file does not have stays as it is, an empty cell clears it (except
//! stock, status and featured, which an empty cell leaves alone). Refused rows are told at least
//! once, also across a kill: those of the last batch may be told twice.

mod ahead;
mod categories;
mod progress;
mod siblings;
mod upsert;

use std::io;
use std::sync::Arc;

use ports::{Items, PortError, World};
use store::{Author, Bulk, Catalog, Outcome, StoreError};

use self::ahead::Batch;
use self::categories::Categories;
use self::progress::{Note, Notes};
pub use self::progress::{Progress, Tally};
use self::siblings::Siblings;
use crate::{CatalogFile, CatalogRow, ErrorCode, FileError, Mapping, Notation, RowError, Warning};

/// What to import, and how its columns are called.
#[derive(Clone, Debug)]
pub struct ImportJob {
    pub file: CatalogFile,
    pub mapping: Mapping,
    pub notation: Notation,
    /// Says what would happen and writes nothing.
    pub dry_run: bool,
}

/// Follows a run as it goes. Every method may be left out.
pub trait ImportObserver: Send {
    /// Before the first row. `resumed` is what an earlier run of the same job, killed before its
    /// end, did already: a file of errors is to be appended to then.
    fn began(&mut self, _resumed: Option<&Tally>) -> io::Result<()> {
        Ok(())
    }

    fn warned(&mut self, _warning: &Warning) {}

    /// Rows come in the order of the file. What is wrong here stops the run.
    fn refused(&mut self, _error: &RowError) -> io::Result<()> {
        Ok(())
    }

    /// A row went in without the value of a column, or with another than it says: which, and why.
    /// What is wrong here stops the run.
    fn warned_of_row(&mut self, _warning: &RowError) -> io::Result<()> {
        Ok(())
    }

    /// After each batch.
    fn progressed(&mut self, _progress: &Progress) {}
}

/// Ignores everything.
impl ImportObserver for () {}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the report of refused rows could not be written: {0}; the import has stopped, and goes on \
         from there when it is run again"
    )]
    Observer(#[from] io::Error),
}

/// What became of a job, the part of an earlier run included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportReport {
    pub tally: Tally,
    /// It went on where an earlier run was killed.
    pub resumed: bool,
    /// Categories that were made (or would be) because a row named them.
    pub categories: u64,
}

/// Imports files into one catalogue.
pub struct Importer {
    catalog: Catalog,
    notes: Notes,
    by: Author,
}

impl Importer {
    pub fn new(
        catalog: Catalog,
        items: Arc<dyn Items>,
        world: Arc<dyn World>,
        by: impl Into<Author>,
    ) -> Self {
        Self { catalog, notes: Notes::new(items, world), by: by.into() }
    }

    /// Imports a file. An error stops the run; what is in stays in, and the same job goes on from
    /// there when it is run again within a day.
    pub async fn run(
        &self,
        job: &ImportJob,
        observer: &mut dyn ImportObserver,
    ) -> Result<ImportReport, ImportError> {
        let note = if job.dry_run { None } else { Some(ahead::note_of(job).await?) };
        let found = match &note {
            Some(note) => self.notes.find(note).await?,
            None => None,
        };
        let (mut batches, size_bytes) =
            ahead::open(job, found.as_ref().map(|progress| progress.bytes)).await?;
        observer.began(found.as_ref().map(|progress| &progress.tally))?;

        let mut run = Run {
            session: Session::begin(&self.catalog, &self.by, job.dry_run).await?,
            mapping: &job.mapping,
            notes: &self.notes,
            note: note.as_ref(),
            progress: Progress {
                size_bytes,
                ..found.unwrap_or(Progress { tally: Tally::default(), bytes: 0, size_bytes })
            },
            siblings: Siblings::default(),
        };
        let fed = run.feed(&mut batches, observer).await;
        let categories = run.session.finish().await?;
        let tally = run.progress.tally;
        fed?;

        if let Some(note) = &note {
            self.notes.forget(note).await?;
        }
        Ok(ImportReport { tally, resumed: found.is_some(), categories })
    }
}

/// One run over one file.
struct Run<'a> {
    session: Session,
    mapping: &'a Mapping,
    notes: &'a Notes,
    note: Option<&'a Note>,
    /// Up to the batch that is being written.
    progress: Progress,
    siblings: Siblings,
}

impl Run<'_> {
    async fn feed(
        &mut self,
        batches: &mut ahead::Batches,
        observer: &mut dyn ImportObserver,
    ) -> Result<(), ImportError> {
        while let Some(batch) = batches.recv().await {
            let Batch { mut rows, mut refused, warnings, end } = batch?;
            warnings.iter().for_each(|warning| observer.warned(warning));
            for (row, raw) in &mut rows {
                self.siblings.compare(row, raw, self.mapping);
            }
            let outcomes = self.write(&rows.iter().map(|(row, _)| row).collect::<Vec<_>>()).await?;

            let mut tally = self.progress.tally;
            for ((row, raw), outcome) in rows.iter().zip(outcomes) {
                if !matches!(outcome, Outcome::Refused(_)) {
                    tally.warnings += row.warnings.len() as u64;
                    row.warnings.iter().try_for_each(|warning| observer.warned_of_row(warning))?;
                }
                match outcome {
                    Outcome::Created(_) => tally.created += 1,
                    Outcome::Updated(_) => tally.updated += 1,
                    Outcome::Unchanged(_) => tally.unchanged += 1,
                    Outcome::Refused(error) => refused.push(RowError {
                        line: row.line,
                        column: Some(self.mapping.theirs(&error.pointer).to_owned()),
                        code: ErrorCode::Conflict,
                        detail: error.detail.to_string(),
                        raw: raw.clone(),
                    }),
                }
            }
            refused.sort_by_key(|error| error.line);
            for error in &refused {
                observer.refused(error)?;
            }
            tally.refused += refused.len() as u64;
            self.progress = Progress { tally, bytes: end, ..self.progress };
            observer.progressed(&self.progress);
        }
        Ok(())
    }

    /// The note that goes in with a transaction names the batch before: refused rows of this one are
    /// not told yet, and a run that is killed now must tell them.
    async fn write(&mut self, rows: &[&CatalogRow]) -> Result<Vec<Outcome>, StoreError> {
        let checkpoint = match self.note {
            Some(note) if self.progress.bytes > 0 => {
                Some(self.notes.checkpoint(note, &self.progress)?)
            }
            _ => None,
        };

        self.session.write(rows, checkpoint).await
    }
}

/// A connection of rows to the store: categories are made as rows name them.
pub(crate) struct Session {
    bulk: Bulk,
    catalog: Catalog,
    categories: Categories,
    by: Author,
    dry_run: bool,
}

impl Session {
    pub(crate) async fn begin(
        catalog: &Catalog,
        by: &Author,
        dry_run: bool,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            bulk: Bulk::new(catalog.clone(), by.clone()).await?,
            categories: Categories::load(catalog).await?,
            catalog: catalog.clone(),
            by: by.clone(),
            dry_run,
        })
    }

    pub(crate) async fn write(
        &mut self,
        rows: &[&CatalogRow],
        checkpoint: Option<store::bulk::Checkpoint>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut upserts = Vec::with_capacity(rows.len());
        let mut is_missing = vec![false; rows.len()];
        for (row, is_missing) in rows.iter().zip(&mut is_missing) {
            let found = self.categories.find(&row.category);
            *is_missing = found.is_none();
            let category = found.unwrap_or_else(|| self.categories.imagine(&row.category));
            upserts.push(upsert::of(row, category));
        }

        if self.dry_run {
            let outcomes = self.bulk.rehearse(&upserts).await?;
            let accepted = rows.iter().zip(&outcomes).filter(|(_, outcome)| !is_refused(outcome));
            accepted.for_each(|(row, _)| self.categories.count(&row.category));
            return Ok(outcomes);
        }
        // A refused row must not leave its category behind, so what is refused is found out first.
        let mut refused = vec![None; rows.len()];
        if is_missing.contains(&true) {
            let rehearsed = self.bulk.rehearse(&upserts).await?;
            for (at, outcome) in rehearsed.into_iter().enumerate().filter(|(at, _)| is_missing[*at])
            {
                if is_refused(&outcome) {
                    refused[at] = Some(outcome);
                    continue;
                }
                let path = &rows[at].category;
                let made = self.categories.find_or_make(path, &self.catalog, &self.by).await?;
                upserts[at].category = made;
            }
            self.bulk.look_around().await?;
        }
        let accepted = upserts.into_iter().zip(&refused).filter(|(_, refused)| refused.is_none());
        let accepted: Vec<_> = accepted.map(|(upsert, _)| upsert).collect();
        let applied = self.bulk.apply(&accepted, |_| Ok(checkpoint.clone())).await?;

        let mut applied = applied.into_iter();
        Ok(refused.into_iter().filter_map(|refused| refused.or_else(|| applied.next())).collect())
    }

    /// Ends the job; answers how many categories were made.
    pub(crate) async fn finish(self) -> Result<u64, StoreError> {
        self.bulk.finish().await?;
        Ok(self.categories.made())
    }
}

const fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(_))
}

impl From<PortError> for ImportError {
    fn from(error: PortError) -> Self {
        Self::Store(error.into())
    }
}
