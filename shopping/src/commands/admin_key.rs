//! `shopping admin-key`: who may use the admin API.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use domain::access::Role;
use domain::ids::AdminKeyId;
use domain::text::faults_of_line;
use platform::console;
use store::{Actor, AdminKeys, StoreError};

use super::NOT_PRINTED;
use crate::start::Start;

/// Each row of the audit list shows it.
const NAME_MAX: usize = 64;

#[derive(Clone, Debug, Subcommand)]
pub enum AdminKeyCommand {
    /// Creates a key and prints it once, and nothing else.
    Create {
        /// The holder's name in the audit list.
        #[arg(long)]
        name: String,
        #[arg(long, value_name = "owner|catalog|orders|ops")]
        role: Role,
    },
    /// Lists all keys, without their secrets.
    List,
    /// Revokes a key immediately.
    Revoke { id: AdminKeyId },
}

pub(super) async fn run(start: &Start, command: AdminKeyCommand) -> anyhow::Result<ExitCode> {
    if !matches!(command, AdminKeyCommand::Create { .. }) {
        start.require_shop()?;
    }
    let platform = start.connect().await?;
    let keys = AdminKeys::new(platform.db());
    let by = Actor::command("admin-key");

    match command {
        AdminKeyCommand::Create { name, role } => create(&keys, &name, role, &by).await?,
        AdminKeyCommand::List => list(&keys).await?,
        AdminKeyCommand::Revoke { id } => revoke(&keys, id, &by).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(keys: &AdminKeys, name: &str, role: Role, by: &Actor) -> anyhow::Result<()> {
    let name = name.trim();
    if let Some(fault) = faults_of_line(name, 1..=NAME_MAX).first() {
        bail!("--name {fault}");
    }
    let issued = keys.create(name, role, by).await.context("the key could not be created")?;

    // The key can't be shown again, so a reader that has gone is a failure here.
    let shown = writeln!(io::stdout(), "{}", issued.reveal());
    shown.context("standard output does not take the key: revoke it and create another one")
}

async fn list(keys: &AdminKeys) -> anyhow::Result<()> {
    for key in keys.list().await.context("the keys could not be read")? {
        let state = key.revoked_at.map_or("active".to_owned(), |at| format!("revoked {at}"));
        let line = format!("{}  {:8}  {}  {state}  {}", key.id, key.role, key.created_at, key.name);
        console::answer(line).context(NOT_PRINTED)?;
    }
    Ok(())
}

async fn revoke(keys: &AdminKeys, id: AdminKeyId, by: &Actor) -> anyhow::Result<()> {
    match keys.revoke(id, by).await {
        Ok(()) => {
            console::say(format_args!("{id} is revoked"));
            Ok(())
        }
        Err(StoreError::NotFound(_)) => bail!("there is no key {id}"),
        Err(error) => Err(error).context("the key could not be revoked"),
    }
}
