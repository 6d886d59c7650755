//! One core for what is measured, another for what drives it.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of a run. A process starts on the core of the thread that starts it.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// `None` where this process may use fewer than two.
    chosen: Option<Chosen>,
}

#[derive(Clone, Copy, Debug)]
struct Chosen {
    measured: usize,
    driving: usize,
}

impl Cores {
    /// The last core that this process may use is measured: the first one serves most interrupts.
    /// From here on this thread is on the first one.
    pub fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let allowed: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let chosen = match allowed[..] {
            [driving, .., measured] => Some(Chosen { measured, driving }),
            _ => None,
        };

        if let Some(chosen) = chosen {
            pin(chosen.driving)?;
        }
        Ok(Self { chosen })
    }

    /// Runs `act`, and starts what it starts, on the core that is measured.
    pub fn measured<T>(self, act: impl FnOnce() -> T) -> io::Result<T> {
        let Some(chosen) = self.chosen else { return Ok(act()) };

        pin(chosen.measured)?;
        let acted = act();
        pin(chosen.driving)?;
        Ok(acted)
    }

    pub fn describe(self) -> String {
        match self.chosen {
            Some(Chosen { measured, driving }) => format!(
                "what is measured on core {measured}, what drives it on core {driving} \
                 (sched_setaffinity)"
            ),
            None => "NOT PINNED: this process may use one core alone".to_owned(),
        }
    }
}

fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);

    Ok(sched_setaffinity(None, &set)?)
}
