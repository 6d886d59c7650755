//! The tables themselves: created for an emulator or a new account, and checked at the start.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use ports::{IndexDefinition, PortError, PortErrorKind, TableDefinition};
use tokio::time::Instant;

use super::expression::TABLE_KEYS;
use super::{DynamoItems, failure};
use crate::invalid;

/// DynamoDB creates a table with indexes in well under a minute.
const CREATION_TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
const COMPLETE: &str = "everything that is required is set";

impl DynamoItems {
    /// Creates the missing tables with their indexes and their time to live, and waits until they are
    /// active. A table that exists is not changed, only checked.
    ///
    /// # Errors
    ///
    /// Those of [`Self::check_tables`], or `Unavailable` if DynamoDB refuses or takes too long.
    pub async fn create_tables(&self) -> Result<(), PortError> {
        for definition in &self.definitions {
            self.create(definition).await?;
        }
        for definition in &self.definitions {
            self.wait_until_active(definition).await?;
            self.set_ttl(definition).await?;
        }
        self.check_tables().await
    }

    /// Checks that every table exists as defined: its keys, its indexes, its time to live.
    ///
    /// # Errors
    ///
    /// `Invalid`, with everything that is missing in one text.
    pub async fn check_tables(&self) -> Result<(), PortError> {
        let mut missing = Vec::new();

        for definition in &self.definitions {
            let name = self.table_name(definition.table);
            match self.describe(definition).await? {
                None => missing.push(format!("there is no table {name}")),
                Some(table) => {
                    missing.extend(differences(&name, &table, definition));
                    missing.extend(self.ttl_difference(&name, definition).await?);
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(invalid(format!("DynamoDB is not set up for this shop: {}", missing.join("; "))))
    }

    async fn create(&self, definition: &TableDefinition) -> Result<(), PortError> {
        let indexes: Vec<_> = definition.indexes.iter().map(index).collect();
        let created = self
            .client
            .create_table()
            .table_name(self.table_name(definition.table))
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(attributes(definition)))
            .set_key_schema(Some(key_schema(TABLE_KEYS)))
            .set_global_secondary_indexes(Some(indexes).filter(|indexes| !indexes.is_empty()))
            .send()
            .await;

        match created {
            Ok(_) => Ok(()),
            Err(error) if already_exists(&error) => Ok(()),
            Err(error) => Err(failure::of("CreateTable", &error)),
        }
    }

    async fn wait_until_active(&self, definition: &TableDefinition) -> Result<(), PortError> {
        let deadline = Instant::now() + CREATION_TIMEOUT;

        loop {
            if self.describe(definition).await?.is_some_and(|table| is_active(&table)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let name = self.table_name(definition.table);
                let what = format!("DynamoDB CreateTable: {name} is still not active");
                return Err(PortError::new(PortErrorKind::Unavailable, what));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn set_ttl(&self, definition: &TableDefinition) -> Result<(), PortError> {
        let name = self.table_name(definition.table);
        let Some(attribute) = definition.ttl else { return Ok(()) };
        if self.ttl_difference(&name, definition).await?.is_none() {
            return Ok(());
        }
        let wanted =
            TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();

        self.client
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(wanted.expect(COMPLETE))
            .send()
            .await
            .map_err(|error| failure::of("UpdateTimeToLive", &error))?;
        Ok(())
    }

    async fn describe(
        &self,
        definition: &TableDefinition,
    ) -> Result<Option<TableDescription>, PortError> {
        let name = self.table_name(definition.table);

        match self.client.describe_table().table_name(name).send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) if does_not_exist(&error) => Ok(None),
            Err(error) => Err(failure::of("DescribeTable", &error)),
        }
    }

    async fn ttl_difference(
        &self,
        name: &str,
        definition: &TableDefinition,
    ) -> Result<Option<String>, PortError> {
        let Some(attribute) = definition.ttl else { return Ok(None) };
        let answer = self
            .client
            .describe_time_to_live()
            .table_name(name)
            .send()
            .await
            .map_err(|error| failure::of("DescribeTimeToLive", &error))?;

        let is_set = answer.time_to_live_description.is_some_and(|ttl| {
            ttl.attribute_name.as_deref() == Some(attribute)
                && matches!(
                    ttl.time_to_live_status,
                    Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
                )
        });
        Ok((!is_set).then(|| format!("table {name} has no time to live in {attribute}")))
    }
}

fn differences(name: &str, table: &TableDescription, definition: &TableDefinition) -> Vec<String> {
    let mut missing = Vec::new();

    if table.key_schema() != key_schema(TABLE_KEYS) {
        missing.push(format!("table {name} has other keys than pk and sk"));
    }
    for wanted in definition.indexes {
        let found = table
            .global_secondary_indexes()
            .iter()
            .find(|index| index.index_name() == Some(wanted.name));
        let projects_all =
            |projection: &Projection| projection.projection_type() == Some(&ProjectionType::All);
        match found {
            None => missing.push(format!("table {name} has no index {}", wanted.name)),
            Some(index)
                if index.key_schema() != key_schema((wanted.partition, wanted.sort))
                    || !index.projection().is_some_and(projects_all) =>
            {
                missing.push(format!(
                    "index {} of table {name} is not of all attributes by {} and {}",
                    wanted.name, wanted.partition, wanted.sort
                ));
            }
            Some(_) => {}
        }
    }
    missing
}

fn is_active(table: &TableDescription) -> bool {
    table.table_status() == Some(&TableStatus::Active)
        && table
            .global_secondary_indexes()
            .iter()
            .all(|index| index.index_status() == Some(&IndexStatus::Active))
}

fn already_exists(error: &SdkError<CreateTableError>) -> bool {
    error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception)
}

fn does_not_exist(error: &SdkError<DescribeTableError>) -> bool {
    error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception)
}

/// Every attribute that is a key of the table or of an index, once.
fn attributes(definition: &TableDefinition) -> Vec<AttributeDefinition> {
    let mut names: Vec<&str> = vec![TABLE_KEYS.0, TABLE_KEYS.1];
    names.extend(definition.indexes.iter().flat_map(|index| [index.partition, index.sort]));
    names.sort_unstable();
    names.dedup();

    names
        .into_iter()
        .map(|name| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect(COMPLETE)
        })
        .collect()
}

fn index(definition: &IndexDefinition) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(definition.name)
        .set_key_schema(Some(key_schema((definition.partition, definition.sort))))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .expect(COMPLETE)
}

fn key_schema((partition, sort): (&str, &str)) -> Vec<KeySchemaElement> {
    let element = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect(COMPLETE)
    };
    vec![element(partition, KeyType::Hash), element(sort, KeyType::Range)]
}
