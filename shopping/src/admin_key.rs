//! `shopping admin-key`: who may use the admin API.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use store::{Actor, AdminKeys, StoreError};

use crate::arguments::AdminKeyCommand;

pub async fn run(keys: &AdminKeys, command: AdminKeyCommand) -> anyhow::Result<ExitCode> {
    let by = Actor::command("admin-key");

    match command {
        AdminKeyCommand::Create { name, role } => {
            let name = name.trim();
            ensure!(
                (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control),
                "--name has 1 to 64 characters, none of them a control character"
            );
            let issued = keys.create(name, role, &by).await.context("the key could not be made")?;
            println!("{}", issued.reveal());
        }
        AdminKeyCommand::List => {
            for key in keys.list().await.context("the keys could not be read")? {
                let state =
                    key.revoked_at.map_or("active".to_owned(), |at| format!("revoked {at}"));
                println!("{}  {:8}  {}  {state}  {}", key.id, key.role, key.created_at, key.name);
            }
        }
        AdminKeyCommand::Revoke { id } => match keys.revoke(id, &by).await {
            Ok(()) => eprintln!("{id} is revoked"),
            Err(StoreError::NotFound(_)) => anyhow::bail!("there is no key {id}"),
            Err(error) => return Err(error).context("the key could not be revoked"),
        },
    }
    Ok(ExitCode::SUCCESS)
}
