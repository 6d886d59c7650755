//! What the kernel says of a process: its processor time and its memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// In KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub resident: u64,
    pub peak: u64,
}

/// User and system time of all of its threads, those that have ended included; to a tick, which is
/// 10 ms everywhere.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("the process {pid} is gone"))?;

    ticks(&stat).map(of_ticks).context("/proc/…/stat is not as proc(5) has it")
}

/// The same of a process and of all that descend from it and live.
pub fn processor_time_of_family(pid: u32) -> Result<Duration> {
    let mut time = processor_time(pid)?;
    for child in children(pid)? {
        time += processor_time_of_family(child)?;
    }
    Ok(time)
}

/// The same of those of its threads that live, to the nanosecond. Of what takes less than ticks
/// tell, in a process that keeps its threads.
pub fn exact_time(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let said = fs::read_to_string(task?.path().join("schedstat"))
            .context("this kernel does not count nanoseconds (CONFIG_SCHED_INFO)")?;
        let running = said.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
        nanos += running.context("/proc/…/schedstat is not as the kernel's manual has it")?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn children(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended since the folder was read.
        let listed = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        children.extend(listed.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}

/// User and system time of this thread, exactly.
pub fn own_thread_time() -> Duration {
    of_timespec(clock_gettime(ClockId::ThreadCPUTime))
}

/// User and system time of this process, exactly.
pub fn own_time() -> Duration {
    of_timespec(clock_gettime(ClockId::ProcessCPUTime))
}

pub fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("the process {pid} is gone"))?;
    let field =
        |name| kibibytes(&status, name).with_context(|| format!("/proc/…/status says no {name}"));

    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// The name of the program may hold blanks and brackets; fields 14 and 15 are counted behind it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;

    Some(user + system)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;

    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

fn of_timespec(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();

    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 90 0 0 0 120 34 0 0 20 0 1 0 9 1 1";

        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn a_familys_time_holds_its_childrens() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let of_child = || processor_time(child.id()).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while of_child() < Duration::from_millis(20) {
            assert!(std::time::Instant::now() < deadline, "the child never ran");
        }

        let family = processor_time_of_family(std::process::id()).unwrap();

        assert!(family >= Duration::from_millis(20));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn memory_is_read_by_name() {
        let status = "Name:\tbench\nVmHWM:\t   20 kB\nVmRSS:\t   10 kB\n";

        assert_eq!(kibibytes(status, "VmRSS:"), Some(10));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_can_be_measured_from_outside_and_from_inside() {
        let mut turns = 0_u64;
        // This thread lives, whichever others have ended.
        while own_thread_time() < Duration::from_millis(30) {
            turns = std::hint::black_box(turns + 1);
        }

        assert!(processor_time(std::process::id()).unwrap() >= Duration::from_millis(20));
        assert!(exact_time(std::process::id()).unwrap() >= Duration::from_millis(20));
        assert!(memory(std::process::id()).unwrap().peak > 0);
    }
}
