//! What commands begin with: the settings, with all their mistakes at once, and the backends.

use std::path::Path;

use anyhow::{Context as _, bail};
use platform::{Platform, Settings, Sources, StoreSettings};
use store::Catalog;

use crate::arguments::Arguments;
use crate::commands::Command;

/// The store's note of the currency of its prices.
const CURRENCY: &str = "currency";

/// The settings of this process.
pub struct Start {
    pub settings: Settings,
}

impl Start {
    pub fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let mut sources = Sources::of_process().file(arguments.place.config.clone());
        if let Some(folder) = &arguments.place.data_dir {
            sources = sources.flag("--data-dir", "data_dir", utf8(folder)?);
        }
        sources = arguments.serve.add_to(sources);
        if let Some(Command::Edge(edge)) = &arguments.command {
            sources = edge.add_to(sources);
        }

        Ok(Self { settings: Settings::load(&sources)? })
    }

    /// Opens the backends. Creates the store if there is none.
    pub async fn connect(&self) -> anyhow::Result<Platform> {
        Ok(Platform::connect(&self.settings).await?)
    }

    /// Opens the backends for a command that only reads: tables that are missing are an error,
    /// whatever `store.create_tables` is. On SQLite, after [`Self::has_shop`].
    pub async fn connect_to_read(&self) -> anyhow::Result<Platform> {
        let mut settings = self.settings.clone();
        if let StoreSettings::DynamoDb { create_tables, .. } = &mut settings.store {
            *create_tables = false;
        }

        Ok(Platform::connect(&settings).await?)
    }

    /// Whether there is a store. One in DynamoDB is there, or connecting fails.
    pub fn has_shop(&self) -> bool {
        match &self.settings.store {
            StoreSettings::Sqlite { path } => path.exists(),
            StoreSettings::DynamoDb { .. } => true,
        }
    }

    /// For commands that make no sense without a shop: opening its store would create it.
    pub fn require_shop(&self) -> anyhow::Result<()> {
        if !self.has_shop() {
            bail!("there is no shop in {} (--data-dir)", self.settings.data_dir.display());
        }
        Ok(())
    }

    /// Compares the currency of the settings with that of the store, and notes it in a new store.
    pub async fn agree_on_currency(&self, catalog: &Catalog) -> anyhow::Result<()> {
        if !self.check_currency(catalog).await? {
            catalog.set_metadata(CURRENCY, self.settings.catalog.currency.code()).await?;
        }
        Ok(())
    }

    /// Every price of a store is in the currency that it was first opened with. Whether the store
    /// has one yet.
    pub async fn check_currency(&self, catalog: &Catalog) -> anyhow::Result<bool> {
        let ours = self.settings.catalog.currency.code();

        match catalog.metadata(CURRENCY).await?.as_deref() {
            Some(theirs) if theirs == ours => Ok(true),
            Some(theirs) => bail!(
                "catalog.currency is {ours}, but this shop's prices are in {theirs}; \
                 a shop's currency can't be changed"
            ),
            None => Ok(false),
        }
    }
}

fn utf8(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;

    Ok(text.to_owned())
}
