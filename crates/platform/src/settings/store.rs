//! `[store]`: where the shop keeps its items.

use std::path::PathBuf;

use super::reader::{Backend, Reader};
use super::values::{path, region, table_prefix, url};

/// Each backend with its own settings and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    Sqlite { path: PathBuf },
    DynamoDb { region: String, endpoint: Option<String>, table_prefix: String, create_tables: bool },
}

impl StoreSettings {
    /// `data_dir` holds the SQLite database unless `store.path` names another file.
    pub(super) fn read(reader: &mut Reader, data_dir: Option<PathBuf>) -> Option<Self> {
        const KEYS_OF_DYNAMODB: &[&str] =
            &["store.region", "store.endpoint", "store.table_prefix", "store.create_tables"];
        type Read = fn(&mut Reader, Option<PathBuf>) -> Option<StoreSettings>;
        let backends = [
            Backend::new("sqlite", &["store.path"], Self::read_sqlite as Read),
            Backend::new("dynamodb", KEYS_OF_DYNAMODB, Self::read_dynamodb),
        ];

        let read = reader.backend("store.backend", &backends)?;
        read(reader, data_dir)
    }

    fn read_sqlite(reader: &mut Reader, data_dir: Option<PathBuf>) -> Option<Self> {
        let path = reader.optional("store.path", path);

        path.or_else(|| Some(data_dir?.join("shop.db"))).map(|path| Self::Sqlite { path })
    }

    fn read_dynamodb(reader: &mut Reader, _: Option<PathBuf>) -> Option<Self> {
        let region = reader.required("store.region", region);
        let endpoint = reader.optional("store.endpoint", url);
        let table_prefix = reader.required("store.table_prefix", table_prefix);
        let create_tables = reader.switch("store.create_tables");

        Some(Self::DynamoDb {
            region: region?,
            endpoint,
            table_prefix: table_prefix?,
            create_tables: create_tables?,
        })
    }
}
