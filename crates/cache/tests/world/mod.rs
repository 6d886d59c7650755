//! A change log in memory that can be slow, torn, failing or another one, and what follows it.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cache::{
    ChangeLog, Changes, Flags, Follower, NoSink, Poll, ROWS_MAX, SharedCache, SharedEntry, Sink,
};
use domain::{Change, ChangeRow, LogId, RowDigest, Seq, Stamp, Tag, Timestamp};
use ports::{PortError, PortErrorKind};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub fn tag(name: &str) -> Tag {
    serde_json::from_value(name.into()).unwrap()
}

pub fn row(seq: u64, tags: &[&str]) -> ChangeRow {
    ChangeRow {
        seq: Seq(seq),
        at: Timestamp::default(),
        tags: tags.iter().map(|name| tag(name)).collect(),
        changes: Vec::new(),
        hard: false,
    }
}

pub fn refused(what: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, what)
}

/// What the source answers with, changed by the test between calls.
pub struct Answers {
    pub log: &'static str,
    pub rows: Vec<ChangeRow>,
    pub floor: u64,
    pub head: u64,
    pub page: usize,
    /// Rows that are committed and not to be seen yet.
    pub hidden: Vec<u64>,
    /// Rows that a page says again, up to this many before the position.
    pub repeated: u64,
    pub tags: Option<Vec<(&'static str, u64)>>,
    pub flags: Option<Flags>,
    pub fails: bool,
    pub hangs: bool,
}

impl Answers {
    /// The digest of the row at a place; of the head, without one.
    pub fn row_at(&self, seq: Option<u64>) -> Option<RowDigest> {
        let seq = seq.unwrap_or(self.head);
        let found = self.rows.iter().find(|row| row.seq.0 == seq).cloned();

        // What is not listed was written before the test.
        (1..=self.head).contains(&seq).then(|| found.unwrap_or_else(|| row(seq, &[])).digest())
    }
}

pub struct MemoryLog {
    pub answers: Mutex<Answers>,
    pub calls: AtomicU64,
    pub polls: Mutex<Vec<Poll>>,
}

impl MemoryLog {
    pub fn at(head: u64) -> Arc<Self> {
        let answers = Answers {
            log: "L",
            rows: Vec::new(),
            floor: 0,
            head,
            page: ROWS_MAX,
            hidden: Vec::new(),
            repeated: 0,
            tags: None,
            flags: None,
            fails: false,
            hangs: false,
        };

        Arc::new(Self {
            answers: Mutex::new(answers),
            calls: AtomicU64::new(0),
            polls: Mutex::default(),
        })
    }

    pub fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }

    pub fn append(&self, tags: &[&str]) -> u64 {
        self.append_changing(tags, Vec::new())
    }

    pub fn append_changing(&self, tags: &[&str], changes: Vec<Change>) -> u64 {
        let mut answers = self.answers.lock().unwrap();
        answers.head += 1;
        let seq = answers.head;
        answers.rows.push(ChangeRow { changes, ..row(seq, tags) });
        seq
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn answer(&self, poll: &Poll) -> Result<Changes, PortError> {
        let answers = self.answers.lock().unwrap();
        if answers.fails {
            return Err(refused("read the log"));
        }
        let log = LogId::new(answers.log).unwrap();
        let after = poll.after.as_ref();
        let rows = match after {
            Some(after) if after.log == log => answers
                .rows
                .iter()
                .filter(|row| row.seq.0 + answers.repeated > after.seq.0)
                .filter(|row| !answers.hidden.contains(&row.seq.0))
                .take(answers.page)
                .cloned()
                .collect(),
            _ => Vec::new(),
        };
        let tags = answers.tags.as_ref().filter(|_| after.is_none());

        Ok(Changes {
            log,
            floor: Seq(answers.floor),
            head: Seq(answers.head),
            rows,
            row: answers.row_at(after.map(|after| after.seq.0)),
            tags: tags
                .map(|tags| tags.iter().map(|(tag, seq)| ((*tag).to_owned(), Seq(*seq))).collect()),
            flags: answers.flags.clone(),
        })
    }
}

#[async_trait]
impl ChangeLog for MemoryLog {
    async fn changes(&self, poll: &Poll) -> Result<Changes, PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let hangs = self.answers.lock().unwrap().hangs;

        if hangs {
            std::future::pending::<()>().await;
        }
        self.polls.lock().unwrap().push(poll.clone());
        self.answer(poll)
    }
}

/// Writes down what it is told, and can refuse it.
#[derive(Default)]
pub struct Recorder {
    pub applied: Mutex<Vec<u64>>,
    pub resets: Mutex<Vec<u64>>,
    pub refuses: Mutex<bool>,
    pub panics: AtomicBool,
    /// The position that a reset leaves it at, if not the head.
    pub holds: Mutex<Option<u64>>,
}

#[async_trait]
impl Sink for Recorder {
    async fn apply(&self, rows: &[ChangeRow], position: &Stamp) -> Result<(), PortError> {
        if *self.refuses.lock().unwrap() {
            return Err(refused("apply rows"));
        }
        assert!(!self.panics.load(Ordering::Relaxed), "a planted panic");
        assert_eq!(rows.last().unwrap().seq, position.seq);
        self.applied.lock().unwrap().extend(rows.iter().map(|row| row.seq.0));
        Ok(())
    }

    async fn reset(&self, head: &Stamp) -> Result<Stamp, PortError> {
        if *self.refuses.lock().unwrap() {
            return Err(refused("rebuild"));
        }
        self.resets.lock().unwrap().push(head.seq.0);
        let seq = self.holds.lock().unwrap().map_or(head.seq, Seq);

        Ok(Stamp { log: head.log.clone(), seq })
    }
}

/// A follower that has read the log up to its head.
pub async fn following(log: &Arc<MemoryLog>) -> Follower {
    let follower = Follower::new(Arc::<MemoryLog>::clone(log), Arc::new(NoSink));

    follower.poll().await;
    follower
}

/// Drives a follower until the sender is dropped.
pub fn run(follower: &Follower) -> oneshot::Sender<()> {
    let (stop, stopped) = oneshot::channel();
    let follower = follower.clone();
    tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        follower.run(shutdown).await;
    });
    stop
}

/// A shared cache as its contract says, expiry included.
pub struct MemoryShared<V> {
    pub entries: Mutex<HashMap<String, (SharedEntry<V>, Instant)>>,
    pub fails: Mutex<bool>,
    /// It takes nothing more.
    pub is_full: AtomicBool,
    pub gets: AtomicU64,
}

impl<V> Default for MemoryShared<V> {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            fails: Mutex::new(false),
            is_full: AtomicBool::new(false),
            gets: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl<V: Clone + Send + Sync + 'static> SharedCache<V> for MemoryShared<V> {
    async fn get(&self, key: &str) -> Result<Option<SharedEntry<V>>, PortError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.health().await?;
        let entries = self.entries.lock().unwrap();

        Ok(entries.get(key).and_then(|(entry, until)| {
            let remaining = until.saturating_duration_since(Instant::now());
            (!remaining.is_zero()).then(|| SharedEntry { remaining, ..entry.clone() })
        }))
    }

    async fn put_if_newer(&self, key: &str, entry: &SharedEntry<V>) -> Result<bool, PortError> {
        self.health().await?;
        if self.is_full.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let mut entries = self.entries.lock().unwrap();
        let now = Instant::now();
        let is_newer = entries.get(key).is_some_and(|(old, until)| {
            old.stamp.log == entry.stamp.log && old.stamp.seq > entry.stamp.seq && *until > now
        });

        if !is_newer {
            entries.insert(key.to_owned(), (entry.clone(), now + entry.remaining));
        }
        Ok(!is_newer)
    }

    async fn health(&self) -> Result<(), PortError> {
        if *self.fails.lock().unwrap() { Err(refused("ask the shared cache")) } else { Ok(()) }
    }
}
