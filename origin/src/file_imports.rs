//! Imports of catalogue files over HTTP: the same job as on the command line, with a report that fits
//! into a response.

use std::io;
use std::sync::Arc;

use cache::Follower;
use catalog_files::{FileError, ImportError, ImportJob, ImportObserver, Importer, RowError, Tally};
use domain::{Currency, FieldError};
use ports::{Items, World};
use serde::Serialize;
use store::{Author, Catalog};

use crate::problem::Problem;

/// Refused rows, and warnings, that a report lists; all are counted.
const LISTED_MAX: usize = 200;

/// Runs imports.
#[derive(Clone)]
pub struct FileImports {
    pub catalog: Catalog,
    pub items: Arc<dyn Items>,
    pub world: Arc<dyn World>,
    pub follower: Follower,
    /// Of the prices in files.
    pub currency: Currency,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct ImportReport {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    /// Categories that were created because a row named them.
    categories: u64,
    /// Refused rows, at most 200: `{"line","column","code","detail","raw"}`.
    #[schema(value_type = Vec<Object>)]
    errors: Vec<RowError>,
    /// Values that were left out or read otherwise, in rows that were imported.
    warned: u64,
    /// These values, at most 200, as in `errors`.
    #[schema(value_type = Vec<Object>)]
    warnings: Vec<RowError>,
}

#[derive(Default)]
struct Lists {
    refused: Vec<RowError>,
    warnings: Vec<RowError>,
}

impl FileImports {
    pub async fn run(&self, job: &ImportJob, by: Author) -> Result<ImportReport, Problem> {
        let (items, world) = (Arc::clone(&self.items), Arc::clone(&self.world));
        let importer = Importer::new(self.catalog.clone(), items, world, by);
        let mut lists = Lists::default();
        let report = importer.run(job, &mut lists).await.map_err(|error| match error {
            ImportError::File(error) => unreadable(&error),
            ImportError::Store(error) => error.into(),
            ImportError::Observer(error) => Problem::unavailable(error),
        })?;
        self.follower.kick();
        let Tally { created, updated, unchanged, refused, warnings } = report.tally;

        Ok(ImportReport {
            created,
            updated,
            unchanged,
            refused,
            categories: report.categories,
            errors: lists.refused,
            warned: warnings,
            warnings: lists.warnings,
        })
    }
}

/// The file as a whole can't be read: its columns, or the mapping.
pub fn unreadable(error: &FileError) -> Problem {
    Problem::invalid_body(vec![FieldError::new("", "file", error.to_string())])
}

impl ImportObserver for Lists {
    fn refused(&mut self, error: &RowError) -> io::Result<()> {
        push(&mut self.refused, error);
        Ok(())
    }

    fn warned_of_row(&mut self, warning: &RowError) -> io::Result<()> {
        push(&mut self.warnings, warning);
        Ok(())
    }
}

fn push(list: &mut Vec<RowError>, error: &RowError) {
    if list.len() < LISTED_MAX {
        list.push(error.clone());
    }
}
