//! Reads the file on a thread of its own, a few batches ahead of the store.

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task;

use super::ImportJob;
use super::progress::Note;
use crate::{CatalogReader, CatalogRow, FileError, Notation, RowError, Warning};

/// Rows that are written, told and noted down together.
const BATCH: usize = 512;
/// Bytes of raw rows in a batch: 512 rows of a mebibyte would be too much to hold.
const BATCH_BYTES: u64 = 4 << 20;
/// Batches that wait for the store.
const AHEAD: usize = 2;

pub(super) type Batches = mpsc::Receiver<Result<Batch, FileError>>;

#[derive(Debug)]
pub(super) struct Batch {
    /// Each with the beginning of the row as it stands in the file.
    pub(super) rows: Vec<(CatalogRow, String)>,
    pub(super) refused: Vec<RowError>,
    pub(super) warnings: Vec<Warning>,
    /// The byte behind the last row.
    pub(super) end: u64,
}

/// Opens the job's file, at `position` if it was begun before, and starts reading. Answers its size
/// in bytes, too.
pub(super) async fn open(
    job: &ImportJob,
    position: Option<u64>,
) -> Result<(Batches, u64), FileError> {
    let job = job.clone();
    let mut reader = on_a_thread(move || {
        let reader = CatalogReader::open_file(&job.file, &job.mapping, job.notation)?;
        match position {
            Some(position) => reader.gone_on(position),
            None => Ok(reader),
        }
    })
    .await?;
    let size_bytes = reader.size_bytes();
    let (sender, batches) = mpsc::channel(AHEAD);

    // The thread ends when its batches are not received any more.
    task::spawn_blocking(move || {
        while let Some(batch) = next_batch(&mut reader).transpose() {
            let failed = batch.is_err();
            if sender.blocking_send(batch).is_err() || failed {
                return;
            }
        }
    });
    Ok((batches, size_bytes))
}

fn next_batch<R: io::BufRead + io::Seek>(
    reader: &mut CatalogReader<R>,
) -> Result<Option<Batch>, FileError> {
    let start = reader.position();
    let mut batch =
        Batch { rows: Vec::new(), refused: Vec::new(), warnings: Vec::new(), end: start };

    while batch.rows.len() + batch.refused.len() < BATCH && batch.end - start < BATCH_BYTES {
        match reader.next_row()? {
            Some(Ok(row)) => batch.rows.push((row, reader.raw())),
            Some(Err(error)) => batch.refused.push(error),
            None => break,
        }
        batch.end = reader.position();
    }
    batch.warnings = reader.take_warnings();

    let is_empty = batch.rows.is_empty() && batch.refused.is_empty() && batch.warnings.is_empty();
    Ok((!is_empty).then_some(batch))
}

/// What the job is known by: its bytes, its mapping, its notation.
pub(super) async fn note_of(job: &ImportJob) -> Result<Note, FileError> {
    let job = job.clone();

    on_a_thread(move || {
        let mut hash = Sha256::new();
        let Notation { currency, decimal } = job.notation;
        let notation = [currency.to_string(), decimal.map(|it| it.to_string()).unwrap_or_default()];
        for word in job.mapping.canonical().iter().chain(&notation) {
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word);
        }
        let mut file = job.file.open()?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            let length = file.read(&mut chunk)?;
            if length == 0 {
                let digest = hash.finalize();
                let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                return Ok(Note::of_digest(hex));
            }
            hash.update(&chunk[..length]);
        }
    })
    .await
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    task::spawn_blocking(work).await.map_err(io::Error::other)?
}
