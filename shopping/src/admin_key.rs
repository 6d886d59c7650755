//! `shopping admin-key`: who may use the admin API.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use platform::console;
use store::{AdminKeys, StoreError};

use crate::NOT_ANSWERED;
use crate::arguments::AdminKeyCommand;

pub async fn run(keys: &AdminKeys, command: AdminKeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        AdminKeyCommand::Create { name, role } => {
            let name = name.trim();
            ensure!(
                (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control),
                "--name has 1 to 64 characters, none of them a control character"
            );
            let issued = keys.create(name, role).await.context("the key could not be made")?;
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
        AdminKeyCommand::Revoke { id } => match keys.revoke(id).await {
            Ok(()) => console::say(format_args!("{id} is revoked")),
            Err(StoreError::NotFound(_)) => anyhow::bail!("there is no key {id}"),
            Err(error) => return Err(error).context("the key could not be revoked"),
        },
    }
    Ok(ExitCode::SUCCESS)
}
