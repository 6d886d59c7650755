//! What every command needs first: settings, with all their mistakes at once, and the backends.

use std::path::PathBuf;

use anyhow::Context as _;
use platform::{Platform, Settings, Sources};

use crate::arguments::Arguments;

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

        Ok(Self { settings: Settings::load(&sources)? })
    }

    pub async fn connect(&self) -> anyhow::Result<Platform> {
        Ok(Platform::connect(&self.settings).await?)
    }
}

fn text(path: &PathBuf) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;

    Ok(text.to_owned())
}
