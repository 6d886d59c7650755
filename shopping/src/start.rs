//! What every command needs first: settings, with all their mistakes at once, and the backends.

use std::path::Path;

use anyhow::{Context as _, bail};
use platform::{Platform, Settings, Sources, StoreSettings};
use store::Catalog;

use crate::arguments::{Arguments, Command, EdgeArguments};

/// Where the store notes the currency of its prices.
const CURRENCY: &str = "currency";

/// The settings of this process.
pub struct Start {
    pub settings: Settings,
}

impl Start {
    pub fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let shop = &arguments.shop;
        let mut sources = Sources::of_process().file(arguments.place.config.clone());
        if let Some(folder) = &arguments.place.data_dir {
            sources = sources.flag("--data-dir", "data_dir", text(folder)?);
        }
        if let Some(port) = shop.edge_port {
            sources = sources.flag("--edge-port", "edge.listen", format!("127.0.0.1:{port}"));
        }
        if let Some(port) = shop.origin_port {
            sources = sources.flag("--origin-port", "origin.listen", format!("127.0.0.1:{port}"));
        }
        if shop.no_demo {
            sources = sources.flag("--no-demo", "catalog.demo", "false");
        }
        if let Some(Command::Edge(edge)) = &arguments.command {
            sources = of_edge(sources, edge);
        }

        Ok(Self { settings: Settings::load(&sources)? })
    }

    pub async fn connect(&self) -> anyhow::Result<Platform> {
        Ok(Platform::connect(&self.settings).await?)
    }

    /// Every price of a store is in one currency: the one that it was first opened with.
    pub async fn agree_on_currency(&self, catalog: &Catalog) -> anyhow::Result<()> {
        let ours = self.settings.catalog.currency.code();
        match catalog.metadata(CURRENCY).await?.as_deref() {
            Some(theirs) if theirs == ours => Ok(()),
            Some(theirs) => bail!(
                "catalog.currency is {ours}, and this shop's prices are in {theirs}; \
                 a shop's currency can't be changed"
            ),
            None => Ok(catalog.set_metadata(CURRENCY, ours).await?),
        }
    }

    /// For commands that make no sense on a shop that never was.
    pub fn require_shop(&self) -> anyhow::Result<()> {
        match &self.settings.store {
            StoreSettings::Sqlite { path } if !path.exists() => {
                bail!("there is no shop in {} (--data-dir)", self.settings.data_dir.display())
            }
            StoreSettings::Sqlite { .. } | StoreSettings::DynamoDb { .. } => Ok(()),
        }
    }
}

fn of_edge(mut sources: Sources, edge: &EdgeArguments) -> Sources {
    if let Some(origin) = &edge.origin {
        sources = sources.flag("--origin", "edge.origin_url", origin.clone());
    }
    if let Some(listen) = &edge.listen {
        sources = sources.flag("--listen", "edge.listen", listen.clone());
    }
    // No origin listens in this process, so that its port is free for the edge.
    sources.flag("edge", "origin.listen", "127.0.0.1:0")
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;

    Ok(text.to_owned())
}
