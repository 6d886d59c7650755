//! `shopping openapi`: the API's contract.

use std::process::ExitCode;

use anyhow::Context as _;
use platform::console;

use super::NOT_PRINTED;

/// Needs neither settings nor a store.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let document = origin::openapi().to_pretty_json().context("the document")?;

    console::answer(document).context(NOT_PRINTED)?;
    Ok(ExitCode::SUCCESS)
}
