//! DynamoDB: the Items port and a limiter.

mod attribute;
mod batch;
mod client;
mod expression;
mod failure;
mod fixed_window;
mod page;
mod tables;
mod write;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ports::{
    Attributes, Items, Key, Page, PortError, Query, Scan, Table, TableDefinition, TransactError,
    Transaction,
};

pub use client::DynamoSettings;
pub use fixed_window::DynamoLimiter;

/// The attribute that holds the partition key, in every table.
const PARTITION_KEY: &str = "pk";
/// The attribute that holds the sort key, in every table.
const SORT_KEY: &str = "sk";

/// Items in DynamoDB tables whose names are a prefix and [`Table::name`].
#[derive(Clone, Debug)]
pub struct DynamoItems {
    client: Client,
    table_prefix: String,
    definitions: Vec<TableDefinition>,
}

impl DynamoItems {
    /// Creates the client; sends nothing to DynamoDB yet. `definitions` say which attributes are the
    /// keys of an index; [`Self::create_tables`] and [`Self::check_tables`] use them too.
    ///
    /// # Errors
    ///
    /// `Invalid` for an endpoint that is not an http or https URL, an empty region, or a prefix that
    /// is not valid in a table name.
    pub async fn connect(
        settings: DynamoSettings,
        definitions: &[TableDefinition],
    ) -> Result<Self, PortError> {
        let client = client::client(&settings).await?;

        Ok(Self { client, table_prefix: settings.table_prefix, definitions: definitions.to_vec() })
    }

    fn table_name(&self, table: Table) -> String {
        format!("{}{}", self.table_prefix, table.name())
    }
}

#[async_trait]
impl Items for DynamoItems {
    async fn get(&self, key: &Key) -> Result<Option<Attributes>, PortError> {
        key.validate()?;
        let answer = self
            .client
            .get_item()
            .table_name(self.table_name(key.table))
            .set_key(Some(attribute::key(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failure::of("GetItem", &error))?;

        answer.item.map(|item| Ok(attribute::row(key.table, item)?.attributes)).transpose()
    }

    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Option<Attributes>>, PortError> {
        batch::get(self, keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        page::query(self, query).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, PortError> {
        page::scan(self, scan).await
    }

    async fn transact(&self, transaction: &Transaction) -> Result<(), TransactError> {
        write::transact(self, transaction).await
    }
}
