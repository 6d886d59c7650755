//! The second start of the whole shop: what a restart costs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Plan;
use crate::catalogue::text;
use crate::child::{Place, Server};
use crate::corpus::{Corpus, retail_file, retail_mapping};
use crate::figures::{Count, Megabytes, Spread, Time};
use crate::report::{Line, Section, Target};

pub fn measure(plan: &Plan) -> Result<Section> {
    let title = "Second start of the shop";
    let Some(program) = program() else {
        return Ok(Section::new(
            title,
            "Skipped: there is no `shopping` beside this program; build it with \
             `cargo build --release`.",
        ));
    };
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let products = import(&program, folder.path(), &data)?;
    // The first start makes what only a first start makes.
    drop(open(&program, &data, plan)?);

    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..plan.repeats {
        let shop = open(&program, &data, plan)?;
        ready.push(shop.ready_after);
        resident.push(shop.memory()?.resident);
    }
    let ready = Spread::of_times(ready);
    let mut section = Section::new(
        title,
        format!(
            "`shopping` (edge, origin and all) on a data folder with {} products, on one core: from \
             its start to the line that says it is ready. No peer stands beside it.",
            Count(products)
        ),
    );
    section.line(Line::alone(
        "ready after",
        format!("{} ({} to {})", Time(ready.median), Time(ready.least), Time(ready.most)),
        Target::None,
    ));
    let resident = Megabytes(Spread::of(resident).median).to_string();
    section.line(Line::alone("resident when ready", resident, Target::None));
    Ok(section)
}

/// Cargo puts all programs of a build beside each other.
fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.with_file_name("shopping");

    program.is_file().then_some(program)
}

/// Imports with the documented command; how many products there are.
fn import(program: &Path, folder: &Path, data: &Path) -> Result<u64> {
    let corpus = Corpus::retail()?;
    let mut command = Command::new(program);
    match retail_file() {
        Some(file) => {
            command.arg("import").arg(file);
            for pair in retail_mapping() {
                command.args(["--map", pair]);
            }
        }
        None => {
            let file = folder.join("catalogue.csv");
            corpus.write_csv(&file)?;
            command.arg("import").arg(file);
        }
    }
    command.args(["--data-dir", text(data)?]).stdout(Stdio::null()).stderr(Stdio::null());

    let status = command.status().context("`shopping import` can't be started")?;
    ensure!(status.success(), "`shopping import` ended with {status}");
    Ok(corpus.rows.len() as u64)
}

fn open(program: &Path, data: &Path, plan: &Plan) -> Result<Server> {
    let mut command = Command::new(program);
    command.args(["--edge-port", "0", "--origin-port", "0", "--no-demo"]);
    command.args(["--data-dir", text(data)?]).stderr(Stdio::null());

    Server::start(&mut command, "shop ready: ", Place::Measured, plan.cores)
}
