//! `shopping admin-key`: who may use the admin API.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use domain::text::faults_of_line;
use platform::console;
use store::{Actor, AdminKeys, StoreError};

use crate::NOT_ANSWERED;
use crate::arguments::AdminKeyCommand;

/// The audit list shows it in each row.
const NAME_MAX: usize = 64;

pub async fn run(keys: &AdminKeys, command: AdminKeyCommand) -> anyhow::Result<ExitCode> {
    let by = Actor::command("admin-key");

    match command {
        AdminKeyCommand::Create { name, role } => {
            let name = name.trim();
            if let Some(fault) = faults_of_line(name, 1..=NAME_MAX).first() {
                bail!("--name {fault}");
            }
            let issued = keys.create(name, role, &by).await.context("the key could not be made")?;
            // Nobody can be shown it again, so that a reader who has gone is a failure here.
            let shown = writeln!(io::stdout(), "{}", issued.reveal());
            shown.context("standard output does not take the key: revoke it and make another")?;
        }
        AdminKeyCommand::List => {
            for key in keys.list().await.context("the keys could not be read")? {
                let state =
                    key.revoked_at.map_or("active".to_owned(), |at| format!("revoked {at}"));
                let line = format!(
                    "{}  {:8}  {}  {state}  {}",
                    key.id, key.role, key.created_at, key.name
                );
                console::answer(line).context(NOT_ANSWERED)?;
            }
        }
        AdminKeyCommand::Revoke { id } => match keys.revoke(id, &by).await {
            Ok(()) => console::say(format_args!("{id} is revoked")),
            Err(StoreError::NotFound(_)) => bail!("there is no key {id}"),
            Err(error) => return Err(error).context("the key could not be revoked"),
        },
    }
    Ok(ExitCode::SUCCESS)
}
