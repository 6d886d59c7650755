//! Mixed load with one fault of each kind after another: nothing stops, and nothing acknowledged is
//! lost. Needs redis-server, libfaketime and root, which `cargo xtask soak` and `cargo xtask test`
//! see to.

mod faults;
mod load;
mod process;
mod stage;
mod usage;

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use faults::Fault;
use load::Load;
use stage::Stage;
use usage::Usage;

/// In each round every kind of fault happens once.
const ROUND: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server and libfaketime, which `cargo xtask test` installs"]
async fn a_minute_of_load_with_a_fault_of_each_kind_stops_and_loses_nothing() -> Result<()> {
    soak(1).await
}

/// `cargo xtask soak`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten minutes; by hand"]
async fn ten_minutes_of_load_with_a_fault_of_each_kind_a_minute_stop_and_lose_nothing() -> Result<()>
{
    soak(10).await
}

async fn soak(rounds: u32) -> Result<()> {
    let mut stage = Stage::open().await?;
    let load = Load::start(&stage).await?;
    stage.is_ready().await?;
    let mut after_the_first: Option<Usage> = None;

    for round in 1..=rounds {
        let began = Instant::now();
        for fault in Fault::ALL {
            let before = load.counts();
            fault.happens(&mut stage, &load).await?;
            stage.is_ready().await?;
            load.serves_again().await?;
            say(&format!("round {round}, {fault:?}: {}", load.counts().since(before)));
        }
        load.goes_on_until(began + ROUND).await?;

        let usage = stage.usage()?;
        say(&format!("round {round}: {usage}"));
        match &after_the_first {
            None => after_the_first = Some(usage),
            Some(first) => usage.is_flat_since(first)?,
        }
    }

    load.ends_with_nothing_lost(&stage).await?;
    stage.close().await
}

/// Past the test runner's capture, so that a long run shows how far it is.
fn say(text: &str) {
    use std::io::Write as _;

    // Nothing depends on this line.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A bound for what has no promise, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

fn ensure_none(kind: &str, found: &[String]) -> Result<()> {
    ensure!(found.is_empty(), "{kind}:\n{}", found.join("\n"));
    Ok(())
}
