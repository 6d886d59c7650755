//! What a process holds: memory and file descriptors, as Linux counts them.

use std::fmt::{self, Display, Formatter};
use std::fs;

use anyhow::{Context as _, Result, ensure};

/// Connections of the load that come and go between two measurements.
const DESCRIPTORS_SLACK: usize = 64;
/// Caches fill and the allocator keeps pages; a leak of one page a request would be far above it.
const RESIDENT_SLACK_KB: u64 = 48 * 1_024;

#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub resident_kb: u64,
    pub descriptors: usize,
}

impl Usage {
    pub fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        let resident_kb = line.split_whitespace().nth(1).context("kB")?.parse()?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();

        Ok(Self { resident_kb, descriptors })
    }

    pub fn is_flat_since(&self, first: &Self) -> Result<()> {
        let resident_max_kb = first.resident_kb + first.resident_kb / 4 + RESIDENT_SLACK_KB;
        let descriptors_max = first.descriptors + DESCRIPTORS_SLACK;

        ensure!(self.resident_kb <= resident_max_kb, "memory grows: {first}, now {self}");
        ensure!(self.descriptors <= descriptors_max, "descriptors grow: {first}, now {self}");
        Ok(())
    }
}

impl Display for Usage {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mb = self.resident_kb / 1_024;

        write!(formatter, "the edge holds {mb} MB and {} descriptors", self.descriptors)
    }
}
