//! Where settings come from: layers, of which later ones win. Each value remembers its layer.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::mistakes::Mistake;

const DEFAULTS: &str = include_str!("../../../../settings/default.toml");
const PREFIX: &str = "SHOP__";
const CONFIG: &str = "SHOP_CONFIG";
/// Variables that begin with `SHOP_` and are no settings: the last two tell tests where their data
/// are, and a debug build which task panics.
const NO_SETTINGS: [&str; 3] = [CONFIG, "SHOP_SHARED", "SHOP_PLANT_PANIC"];

/// What a program was started with. Has no `Debug`, since the environment may hold secrets.
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    flags: Vec<(&'static str, &'static str, String)>,
}

/// The layer that set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(&'static str),
}

#[derive(Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) layer: Layer,
}

/// Each key with the value of its last layer.
pub(super) type Values = BTreeMap<String, Given>;

impl Sources {
    /// Only the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The defaults and this process's environment, in which `SHOP_CONFIG` may name a file.
    pub fn of_process() -> Self {
        Self::new().environment(std::env::vars_os())
    }

    /// The file that `--config` names; wins over `SHOP_CONFIG`.
    #[must_use]
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// Variables that do not begin with `SHOP_` are ignored.
    #[must_use]
    pub fn environment(mut self, all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.environment = all.into_iter().collect();
        self
    }

    /// A command's flag that sets a key: `.flag("--origin-port", "origin.listen", "127.0.0.1:9")`.
    #[must_use]
    pub fn flag(mut self, flag: &'static str, key: &'static str, value: impl Into<String>) -> Self {
        self.flags.push((flag, key, value.into()));
        self
    }

    pub(super) fn read(&self, mistakes: &mut Vec<Mistake>) -> Values {
        let mut values = Values::new();
        let defaults = DEFAULTS.parse().expect("the defaults are built in and tested");

        flatten(&defaults, "", &Layer::Default, &mut values);
        if let Some(path) = self.config() {
            match parse_file(&path) {
                Ok(table) => flatten(&table, "", &Layer::File(path), &mut values),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        self.lay_environment(&mut values, mistakes);
        for (flag, key, value) in &self.flags {
            let value = Value::String(value.clone());
            values.insert((*key).to_owned(), Given { value, layer: Layer::Flag(flag) });
        }
        values
    }

    /// Variables whose names are almost those of settings, and so probably were meant as one.
    pub(super) fn strays(&self) -> impl Iterator<Item = &str> {
        let named =
            self.environment.iter().filter_map(|(name, value)| Some((name.to_str()?, value)));
        let almost = named.filter(|(name, value)| {
            name.starts_with("SHOP_")
                && !name.starts_with(PREFIX)
                && !NO_SETTINGS.contains(name)
                && !is_of_kubernetes(name, value)
        });

        almost.map(|(name, _)| name)
    }

    fn config(&self) -> Option<PathBuf> {
        let named = self.environment.iter().find(|(name, _)| name == CONFIG);

        self.file.clone().or_else(|| named.map(|(_, path)| PathBuf::from(path)))
    }

    fn lay_environment(&self, values: &mut Values, mistakes: &mut Vec<Mistake>) {
        for (name, value) in &self.environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let key = name[PREFIX.len()..].replace("__", ".").to_lowercase();
            let Some(value) = value.to_str() else {
                mistakes.push(Mistake::new(key, format!("{name} is not UTF-8")));
                continue;
            };
            let layer = Layer::Environment(name.to_owned());
            values.insert(key, Given { value: Value::String(value.to_owned()), layer });
        }
    }
}

impl Layer {
    /// Whether this layer has text only, so that `"64"` may be meant as a number.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Environment(_) | Self::Flag(_))
    }
}

/// Kubernetes sets these in every pod for a service named `shop` or `shop-…`:
/// `SHOP_SERVICE_HOST`, `SHOP_PORT=tcp://…`, `SHOP_PORT_80_TCP_ADDR` ("Discovering services").
fn is_of_kubernetes(name: &str, value: &OsStr) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.to_str().is_some_and(|value| value.starts_with(scheme)));
    let is_part = ["_PROTO", "_PORT", "_ADDR"].iter().any(|end| name.ends_with(end))
        && ["_TCP_", "_UDP_", "_SCTP_"].iter().any(|protocol| name.contains(protocol));

    is_address || is_part || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

fn parse_file(path: &Path) -> Result<Table, Mistake> {
    let mistake = |what: String| Mistake::new(path.display().to_string(), what);
    let text = fs::read_to_string(path)
        .map_err(|error| mistake(format!("the settings file can't be read: {error}")))?;

    text.parse().map_err(|error: toml::de::Error| {
        // The error's own text quotes the line, which may hold a secret.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        mistake(format!("line {line} is not valid TOML: {}", error.message()))
    })
}

fn flatten(table: &Table, prefix: &str, layer: &Layer, values: &mut Values) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };

        match value {
            Value::Table(table) => flatten(table, &key, layer, values),
            _ => {
                values.insert(key, Given { value: value.clone(), layer: layer.clone() });
            }
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("the defaults"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Environment(name) => formatter.write_str(name),
            Self::Flag(flag) => formatter.write_str(flag),
        }
    }
}
