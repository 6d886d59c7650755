//! The benchmarks, with the Workers that they compare built first.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::workspace::{cargo, must, root};
use crate::{edge, toolbox};

/// `arguments` are those of the program `bench`.
pub fn run(arguments: &[String]) -> Result<()> {
    let node = toolbox::install("worker-tools")?;
    let workerd = workerd(&node)?;
    let (ours, hello) = (root().join("edge"), root().join("bench/hello-worker"));
    edge::build()?;
    edge::build_in(&hello)?;

    let mut command = cargo(&["run", "--release", "--package", "bench", "--"]);
    command.args(arguments);
    command.env("BENCH_WORKERD", workerd);
    command.env("BENCH_EDGE_WORKER", ours.join("build"));
    command.env("BENCH_HELLO_WORKER", hello.join("build"));
    must("bench", &mut command)
}

/// The program itself, which npm puts into a package of its own for each kind of machine.
pub fn workerd(node: &Path) -> Result<PathBuf> {
    let modules = node.ancestors().nth(2).context("node is in node_modules/.bin")?;
    let packages = fs::read_dir(modules.join("@cloudflare"))?;
    let mut programs = packages.flatten().filter_map(|package| {
        let is_workerd = package.file_name().to_string_lossy().starts_with("workerd-");
        Some(package.path().join("bin/workerd")).filter(|path| is_workerd && path.is_file())
    });

    programs.next().context("wrangler brought no workerd for this machine")
}
