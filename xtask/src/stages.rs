//! The stages of a test run, in the order in which they are the quickest to tell what is wrong.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::report::Report;
use crate::tally::Tally;
use crate::workspace::{cargo, count_tests, must, program};
use crate::{cache_tests, contract, edge, floors, metadata, toolbox, words};

const WASM: &str = "wasm32-unknown-unknown";

/// All tests, or with `fast` those that need nothing installed; `false` when any failed.
pub fn test(fast: bool) -> Result<bool> {
    let mut report = Report::default();

    report.stage("floors", floors_hold);
    report.stage("wasm", || compiles_for_wasm(fast));
    report.stage("lint", lint_all);
    report.stage("words", words::check);
    report.stage("tests", || count_tests(&["--workspace", "--exclude", "tests"], &[]));
    // From here on always the whole workspace: cargo chooses the features of dependencies by what
    // is selected, and would build hundreds of them again for one package.
    if report.stage("build", || built(&["build", "--workspace", "--all-targets"])) {
        report.stage("openapi", || contract::check_built().map(|()| Tally::default()));
        report.stage("end to end", || count_tests(&["--workspace", "--test", "end_to_end"], &[]));
        report.stage("edges", || count_tests(&["--workspace", "--test", "edge_shells"], &[]));
        if fast {
            let left_out = "--fast: what is shared in Redis is NOT tested; it needs redis-server";
            report.skip("redis", left_out);
        } else {
            report.stage("redis", shared_in_redis);
            report.stage("soak", || soak_for("a_minute_of_load"));
            report.stage("worker", edge::test);
            report.stage("cache tests", cache_tests::run_built);
            report.stage("cache tests, worker", cache_tests::run_worker);
            report.stage("openapi validity", document_is_valid);
            report.stage("schemathesis", contract_holds);
        }
    } else {
        report.skip("end to end", "the command could not be built");
    }

    Ok(report.close())
}

/// The Worker alone, as the full run has it.
pub fn worker() -> Result<bool> {
    let mut report = Report::default();
    report.stage("worker", edge::test);

    Ok(report.close())
}

/// The public suite for HTTP caches alone.
pub fn cache_tests(on_the_worker: bool) -> Result<bool> {
    let mut report = Report::default();
    if on_the_worker {
        report.stage("cache tests, worker", cache_tests::run_worker);
    } else {
        report.stage("cache tests", cache_tests::run);
    }

    Ok(report.close())
}

/// The soak of ten minutes alone.
pub fn soak() -> Result<bool> {
    let mut report = Report::default();
    if report.stage("build", || built(&["build", "--workspace"])) {
        report.stage("soak", || soak_for("ten_minutes_of_load"));
    }

    Ok(report.close())
}

/// Seeds of the simulation alone: a thousand, or as many as `SIMULATION_SEEDS` says.
pub fn simulate() -> Result<bool> {
    let mut report = Report::default();
    report.stage("simulation", simulate_long);

    Ok(report.close())
}

pub fn lint() -> Result<bool> {
    let mut report = Report::default();
    report.stage("lint", lint_all);
    report.stage("words", words::check);

    Ok(report.close())
}

pub fn words() -> Result<bool> {
    let mut report = Report::default();
    report.stage("words", words::check);

    Ok(report.close())
}

pub fn floors() -> Result<bool> {
    let mut report = Report::default();
    report.stage("floors", floors_hold);
    report.stage("wasm", || compiles_for_wasm(false));

    Ok(report.close())
}

fn floors_hold() -> Result<Tally> {
    let broken = floors::broken(&metadata::read()?);
    for sentence in &broken {
        println!("{sentence}");
    }
    match broken.len() {
        0 => Ok(Tally::default()),
        count => bail!("{count} of the rules about who may depend on whom are broken"),
    }
}

/// What the Worker will run has to compile for where it runs.
fn compiles_for_wasm(fast: bool) -> Result<Tally> {
    if !toolbox::has_target(WASM) {
        if fast {
            println!("not checked: `rustup target add {WASM}` is needed for it");
            return Ok(Tally::default());
        }
        toolbox::add_target(WASM)?;
    }
    let mut arguments = vec!["check", "--target", WASM];
    for name in floors::FOR_THE_WORKER.iter().chain(&["edge"]) {
        arguments.extend(["-p", name]);
    }
    built(&arguments)
}

fn lint_all() -> Result<Tally> {
    let formatted = must("cargo fmt", &mut cargo(&["fmt", "--all", "--", "--check"]));
    // With the one feature that nothing else here compiles.
    let clippy = ["clippy", "--workspace", "--all-targets", "--features", "edge/conformance"];
    let clean = must("clippy", cargo(&clippy).args(["--", "-D", "warnings"]));
    formatted.and(clean)?;

    if toolbox::has_cargo_deny() {
        must(
            "cargo deny",
            &mut cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]),
        )?;
    } else {
        println!("licences and sources not checked: `cargo install cargo-deny` is needed for it");
    }
    must("bash -n .ci/run", program("bash").args(["-n", ".ci/run"]))?;
    Ok(Tally::default())
}

fn built(arguments: &[&str]) -> Result<Tally> {
    must(&format!("cargo {}", arguments[0]), &mut cargo(arguments)).map(|()| Tally::default())
}

/// The adapters, and shops that share a server; each test starts its own.
fn shared_in_redis() -> Result<Tally> {
    toolbox::ensure_redis()?;
    let mut tally = count_tests(&["--workspace", "--test", "redis", "--", "--ignored"], &[])?;
    tally +=
        count_tests(&["--workspace", "--test", "end_to_end", "--", "--ignored", "redis::"], &[])?;

    Ok(tally)
}

/// Processes under load, with one fault after another.
fn simulate_long() -> Result<Tally> {
    let tests = ["--workspace", "--test", "simulated_catalog"];

    count_tests(&[&tests[..], &["--", "--ignored", "--nocapture", "long_run"]].concat(), &[])
}

fn soak_for(test: &str) -> Result<Tally> {
    toolbox::ensure_redis()?;
    toolbox::ensure_faketime()?;

    count_tests(&["--workspace", "--test", "soak", "--", "--ignored", "--nocapture", test], &[])
}

/// The document as it is kept, which an earlier stage compares with the code, by OpenAPI's own schema
/// and with every default checked against its type.
fn document_is_valid() -> Result<Tally> {
    let validator = toolbox::install("openapi-spec-validator")?;

    must("openapi-spec-validator", Command::new(validator).arg(contract::path()))
        .map(|()| Tally::default())
}

/// Requests made up from the OpenAPI document, against a running shop.
fn contract_holds() -> Result<Tally> {
    let schemathesis = toolbox::install("schemathesis")?;
    let environment: [(&str, &Path); 1] = [("SCHEMATHESIS", &schemathesis)];

    count_tests(
        &["--workspace", "--test", "schemathesis", "--", "--ignored", "--nocapture"],
        &environment,
    )
}
