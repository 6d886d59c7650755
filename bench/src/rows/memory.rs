//! An origin's memory and its time to the first answer, by the size of its catalogue.

use anyhow::Result;

use super::Plan;
use crate::catalogue::{fill, text};
use crate::child::{Place, Server};
use crate::corpus::Corpus;
use crate::figures::{Count, Megabytes, Spread, Time};
use crate::report::{Line, Section, Target};

/// Medians of one size, in KiB and nanoseconds.
struct Size {
    resident: u64,
    peak: u64,
    ready: u64,
}

pub fn measure(plan: &Plan) -> Result<Section> {
    let mut section = Section::new(
        "Memory and start of an origin",
        "`origin::serve` over a SQLite store with made-up products, on one core: its resident memory \
         once it is ready, and the time from its start until it answers. No peer stands beside it.",
    );
    let empty = started(0, plan)?;
    section.line(Line::alone(
        "empty shop: resident",
        Megabytes(empty.resident).to_string(),
        Target::None,
    ));
    section.line(Line::alone(
        "empty shop: ready after",
        Time(empty.ready).to_string(),
        Target::None,
    ));

    for products in plan.sizes {
        let size = started(*products, plan)?;
        let thousands = u64::from(*products / 1_000).max(1);
        let each = size.resident.saturating_sub(empty.resident) / thousands;
        let what = |of: &str| format!("{} products: {of}", Count(u64::from(*products)));
        let resident = format!(
            "{}, {} for each 1,000 products; {} at its peak",
            Megabytes(size.resident),
            Megabytes(each),
            Megabytes(size.peak)
        );
        section.line(Line::alone(what("resident"), resident, Target::None));
        section.line(Line::alone(what("ready after"), Time(size.ready).to_string(), Target::None));
    }
    Ok(section)
}

fn started(products: u32, plan: &Plan) -> Result<Size> {
    let folder = tempfile::tempdir()?;
    let store = fill(&Corpus::made_up(products), folder.path(), plan.cores)?;
    let arguments = ["serve-origin", "--store", text(&store)?];
    let (mut resident, mut peak, mut ready) = (Vec::new(), Vec::new(), Vec::new());

    for _ in 0..plan.repeats {
        let origin = Server::of_task(&arguments, Place::Measured, plan.cores)?;
        let memory = origin.memory()?;
        resident.push(memory.resident);
        peak.push(memory.peak);
        ready.push(origin.ready_after);
    }
    Ok(Size {
        resident: Spread::of(resident).median,
        peak: Spread::of(peak).median,
        ready: Spread::of_times(ready).median,
    })
}
