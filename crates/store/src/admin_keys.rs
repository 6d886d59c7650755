//! Admin keys: shown once, stored hashed, revoked at once; who did it is in the audit list.

use domain::Timestamp;
use domain::access::Role;
use domain::ids::AdminKeyId;
use ports::{Action, Attributes, Condition, Query, Table, Update, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::audit::{self, AuditRecord};
use crate::write::{ConflictCause, Db, FailedCondition, WriteBatch, WriteConflict};
use crate::{Actor, StoreError, keys};

/// A key as it is stored: enough to check it, not enough to use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminKey {
    pub id: AdminKeyId,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// SHA-256 of the secret in hexadecimal. The secret has 128 random bits, so a slow hash would
    /// protect nothing more.
    hash: String,
}

/// The one moment at which the secret is known. Printing it takes a deliberate call.
pub struct IssuedKey {
    pub key: AdminKey,
    secret: String,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedKey {
    /// It is no token at all.
    Malformed,
    /// No key has this id.
    Unknown(AdminKeyId),
    Revoked(AdminKeyId),
    /// The secret is not the key's.
    Wrong(AdminKeyId),
}

pub struct AdminKeys {
    db: Db,
}

impl IssuedKey {
    /// What the admin sends: `{id}.{secret}`.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.key.id, self.secret)
    }
}

impl AdminKeys {
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    pub async fn create(
        &self,
        name: &str,
        role: Role,
        by: &Actor,
    ) -> Result<IssuedKey, StoreError> {
        let now = self.db.now();
        let secret = format!("{:032x}", self.db.random());
        let key = AdminKey {
            id: AdminKeyId::new(now, self.db.random()),
            name: name.to_owned(),
            role,
            created_at: now,
            revoked_at: None,
            hash: hash(&secret),
        };
        let details = json!({ "name": name, "role": role });
        let mut create = WriteBatch::new();
        create.put_new(keys::admin_key(key.id), Attributes::of(&key)?);
        self.audit(&mut create, "admin_key.create", key.id, details, by)?;

        self.db.commit(create).await?;
        Ok(IssuedKey { key, secret })
    }

    /// The key behind a token `{id}.{secret}`; `None` when there is none, or it was revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Option<AdminKey>, StoreError> {
        Ok(self.check(token).await?.ok())
    }

    /// The same, with the reason for operators; the sender of the token is not told it.
    pub async fn check(&self, token: &str) -> Result<Result<AdminKey, RefusedKey>, StoreError> {
        let parts = token.split_once('.');
        let parts = parts.and_then(|(id, secret)| Some((id.parse::<AdminKeyId>().ok()?, secret)));
        let Some((id, secret)) = parts else { return Ok(Err(RefusedKey::Malformed)) };
        let Some(item) = self.db.items.get(&keys::admin_key(id)).await? else {
            return Ok(Err(RefusedKey::Unknown(id)));
        };
        let key: AdminKey = item.parse("an admin key")?;
        let matches = bool::from(hash(secret).as_bytes().ct_eq(key.hash.as_bytes()));

        Ok(match (matches, key.revoked_at) {
            (true, None) => Ok(key),
            (true, Some(_)) => Err(RefusedKey::Revoked(id)),
            (false, _) => Err(RefusedKey::Wrong(id)),
        })
    }

    pub async fn list(&self) -> Result<Vec<AdminKey>, StoreError> {
        let all = Query::partition(Table::Commerce, keys::ADMIN_KEYS);
        let rows = self.db.query_all(all).await?;

        let found = rows.into_iter().map(|row| row.attributes.parse("an admin key"));
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Revoking twice is revoking once, at the first time.
    pub async fn revoke(&self, id: AdminKeyId, by: &Actor) -> Result<(), StoreError> {
        let mut revoke = WriteBatch::new();
        let set = Action::Update {
            key: keys::admin_key(id),
            updates: vec![Update::Set("revoked_at".into(), self.db.now().to_string().into())],
            condition: Some(Condition::Equals("revoked_at".into(), Value::Null)),
        };
        revoke.push_or(set, ConflictCause::Unexpected);
        self.audit(&mut revoke, "admin_key.revoke", id, json!({}), by)?;

        match self.db.commit(revoke).await {
            Ok(()) => Ok(()),
            Err(WriteConflict::Failed(failed)) => match failed.first() {
                Some(FailedCondition { item: Some(_), .. }) => Ok(()),
                _ => Err(StoreError::NotFound("admin key")),
            },
            Err(conflict) => Err(conflict.into()),
        }
    }

    fn audit(
        &self,
        batch: &mut WriteBatch,
        action: &str,
        id: AdminKeyId,
        details: Value,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let record = AuditRecord { action, entity: id.to_string(), details };

        Ok(audit::append(batch, &self.db, by, record)?)
    }
}

fn hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());

    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
