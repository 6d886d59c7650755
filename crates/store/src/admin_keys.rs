//! Admin keys: shown once, stored hashed, revoked at once; who did it is in the audit list.

use std::sync::Arc;

use domain::Timestamp;
use domain::access::Role;
use domain::ids::AdminKeyId;
use ports::{
    Action, Attributes, Condition, Items, Key, Query, Table, Transaction, Update, Value, World,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::delivery::{self, LostAction, Settled};
use crate::{Actor, StoreError, audit, keys};

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
    items: Arc<dyn Items>,
    world: Arc<dyn World>,
}

impl IssuedKey {
    /// What the admin sends: `{id}.{secret}`.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.key.id, self.secret)
    }
}

impl AdminKeys {
    pub fn new(items: Arc<dyn Items>, world: Arc<dyn World>) -> Self {
        Self { items, world }
    }

    pub async fn create(
        &self,
        name: &str,
        role: Role,
        by: &Actor,
    ) -> Result<IssuedKey, StoreError> {
        let now = self.world.now();
        let secret = format!("{:032x}", self.world.random());
        let key = AdminKey {
            id: AdminKeyId::new(now, self.world.random()),
            name: name.to_owned(),
            role,
            created_at: now,
            revoked_at: None,
            hash: hash(&secret),
        };
        let details = json!({ "name": name, "role": role });
        let mut create =
            Transaction::new().put_if(place(key.id), Attributes::of(&key)?, Condition::NotExists);
        create.actions.push(self.told("admin_key.create", key.id, details, by)?);

        match delivery::settle(&*self.items, &*self.world, create).await? {
            Settled::Done => Ok(IssuedKey { key, secret }),
            Settled::Lost(_) => Err(StoreError::Busy),
        }
    }

    /// The key behind a token `{id}.{secret}`; `None` when there is none, or it was revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Option<AdminKey>, StoreError> {
        Ok(self.check(token).await?.ok())
    }

    /// The same, with the reason for operators; whoever sent the token is not told it.
    pub async fn check(&self, token: &str) -> Result<Result<AdminKey, RefusedKey>, StoreError> {
        let parts = token.split_once('.');
        let parts = parts.and_then(|(id, secret)| Some((id.parse::<AdminKeyId>().ok()?, secret)));
        let Some((id, secret)) = parts else { return Ok(Err(RefusedKey::Malformed)) };
        let Some(item) = self.items.get(&place(id)).await? else {
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
        let mut found = Vec::new();
        let mut query = Query::partition(Table::Commerce, keys::ADMIN_KEYS);

        loop {
            let page = self.items.query(&query).await?;
            for row in page.rows {
                found.push(row.attributes.parse("an admin key")?);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Revoking twice is revoking once, at the first time.
    pub async fn revoke(&self, id: AdminKeyId, by: &Actor) -> Result<(), StoreError> {
        let mut revoke = Transaction::new().update_if(
            place(id),
            vec![Update::Set("revoked_at".into(), self.world.now().to_string().into())],
            Condition::Equals("revoked_at".into(), Value::Null),
        );
        revoke.actions.push(self.told("admin_key.revoke", id, json!({}), by)?);

        match delivery::settle(&*self.items, &*self.world, revoke).await? {
            Settled::Lost(LostAction { old: None, .. }) => Err(StoreError::NotFound("admin key")),
            Settled::Done | Settled::Lost(_) => Ok(()),
        }
    }

    fn told(
        &self,
        action: &str,
        id: AdminKeyId,
        details: Value,
        by: &Actor,
    ) -> Result<Action, StoreError> {
        Ok(audit::entry(&*self.world, by, action, id.to_string(), details)?)
    }
}

fn place(id: AdminKeyId) -> Key {
    Key::new(Table::Commerce, keys::ADMIN_KEYS, id.to_string())
}

fn hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());

    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
