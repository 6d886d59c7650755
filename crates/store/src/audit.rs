//! The audit list: who changed what, written in the transaction of the change.

use domain::Timestamp;
use domain::ids::{AdminKeyId, AuditId};
use ports::{Action, Attributes, PageToken, PortError, Query, Table, Value};
use serde::{Deserialize, Serialize};

use crate::write::{Db, WriteBatch};
use crate::{StoreError, keys};

/// How many months back a listing looks for its next row.
const MONTHS: u32 = 120;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Actor {
    Key {
        key: AdminKeyId,
        name: String,
    },
    /// A command on the operator's machine, or a task of the shop itself.
    Command {
        command: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Timestamp,
    pub by: Actor,
    /// `product.create`, `variant.update`, `stock.adjust` …
    pub action: String,
    /// The id or SKU of what was changed.
    pub entity: String,
    /// The fields that changed, with their new values; never a secret.
    #[serde(default)]
    pub details: Value,
}

pub struct Audit {
    db: Db,
}

/// What the audit list says of a write.
pub(crate) struct AuditRecord<'a> {
    pub action: &'a str,
    pub entity: String,
    pub details: Value,
}

impl Actor {
    pub fn command(command: impl Into<String>) -> Self {
        Self::Command { command: command.into() }
    }

    /// As it stands in the stock ledger.
    pub fn name(&self) -> String {
        match self {
            Self::Key { key, .. } => key.to_string(),
            Self::Command { command } => format!("command:{command}"),
        }
    }
}

/// Appends an entry to the list when the batch is committed.
pub(crate) fn append(
    batch: &mut WriteBatch,
    db: &Db,
    by: &Actor,
    record: AuditRecord<'_>,
) -> Result<(), PortError> {
    let at = db.now();
    let entry = AuditEntry {
        id: AuditId::new(at, db.random()),
        at,
        by: by.clone(),
        action: record.action.to_owned(),
        entity: record.entity,
        details: record.details,
    };

    batch.push(Action::Put {
        key: keys::audit_entry(at, entry.id),
        attributes: Attributes::of(&entry)?,
        condition: None,
    });
    Ok(())
}

impl Audit {
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The newest entries first, those before `before`.
    pub async fn list(
        &self,
        before: Option<&AuditEntryPlace>,
        limit: u32,
    ) -> Result<(Vec<AuditEntry>, Option<AuditEntryPlace>), StoreError> {
        let mut month = before.map_or_else(|| Month::of(self.db.now()), |place| place.month);
        let mut after = before.map(|place| place.token());
        let mut found = Vec::new();

        for _ in 0..MONTHS {
            let missing = limit - found.len() as u32;
            let query = Query::partition(Table::Commerce, month.partition())
                .descending()
                .limit(missing)
                .after(after.take());
            let page = self.db.items.query(&query).await?;
            for row in page.rows {
                found.push(row.attributes.parse::<AuditEntry>("an audit entry")?);
            }
            if found.len() as u32 >= limit {
                let last = found.last().map(|entry| AuditEntryPlace { month, id: entry.id });
                return Ok((found, last));
            }
            if page.next.is_some() {
                after = page.next;
            } else {
                month = month.previous();
            }
        }
        Ok((found, None))
    }
}

/// Where a page of the audit list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEntryPlace {
    month: Month,
    id: AuditId,
}

impl AuditEntryPlace {
    /// The place of an entry: its id carries its time.
    pub fn of(id: AuditId) -> Self {
        let at = Timestamp::from_millis((id.as_u128() >> 80) as u64);

        Self { month: Month::of(at), id }
    }

    pub const fn id(&self) -> AuditId {
        self.id
    }

    fn token(&self) -> PageToken {
        PageToken { pk: self.month.partition(), sk: self.id.to_string(), index: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Month {
    year: u32,
    month: u32,
}

impl Month {
    fn of(at: Timestamp) -> Self {
        let text = at.to_string();
        let number = |range: std::ops::Range<usize>| {
            text.get(range).and_then(|digits| digits.parse().ok()).unwrap_or(1)
        };

        Self { year: number(0..4), month: number(5..7) }
    }

    const fn previous(self) -> Self {
        match self.month {
            1 => Self { year: self.year.saturating_sub(1), month: 12 },
            month => Self { year: self.year, month: month - 1 },
        }
    }

    fn partition(self) -> String {
        keys::audit_partition(&format!("{:04}-{:02}", self.year, self.month))
    }
}
