//! What the figures were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::Timestamp;

pub struct Machine {
    pub model: String,
    pub cores: usize,
    pub kernel: String,
    pub commit: String,
    pub at: String,
}

impl Machine {
    pub fn describe() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let mut models = processors.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or_default());

        Self {
            model: models.next().unwrap_or_else(|| "unknown".to_owned()),
            // Not those that this thread may use: it is pinned to one.
            cores: processors.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            commit: commit(),
            at: now.to_string(),
        }
    }

    /// One-minute, five-minute and fifteen-minute load, as the kernel says them.
    pub fn busyness() -> String {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();

        load.split_ascii_whitespace().take(3).collect::<Vec<_>>().join(" ")
    }
}

/// With a mark when the sources differ from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let said = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let is_clean = changed.is_some_and(|changed| changed.is_empty());

    if is_clean { commit } else { format!("{commit} and changes on top") }
}
