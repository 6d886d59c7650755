//! For whom a request acts: the owner of its idempotency keys, the subject of its limits, and the
//! actor of its audit entries.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::Code;
use domain::access::{Permission, Role};
use domain::ids::AdminKeyId;
use domain::limits::Subject;
use store::{Actor, AdminKey, Author, ClaimedKey};

use crate::problem::Problem;

/// Proven before the handler runs, and carried by the request. Shoppers, customers, holders of an
/// order and payment providers become variants with the first route of each.
#[derive(Clone, Debug)]
pub enum Principal {
    /// No identity, only the address that the request acts for, where it is known. Many people may
    /// share one address.
    Anonymous {
        address: Option<IpAddr>,
    },
    /// Another part of the shop.
    Edge,
    Admin(Admin),
}

/// An authenticated admin.
#[derive(Clone, Debug)]
pub struct Admin {
    key: AdminKeyId,
    role: Role,
    /// As audit list and ledger name the admin.
    actor: Actor,
}

impl Principal {
    /// The owner of the request's idempotency keys. `None` without an identity: two guests with the
    /// same key would get each other's response, so their keys are ignored.
    pub fn idempotency_owner(&self) -> Option<String> {
        match self {
            Self::Anonymous { .. } | Self::Edge => None,
            Self::Admin(admin) => Some(admin.actor.name()),
        }
    }

    /// Whose requests are counted together.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Anonymous { address } => address.map_or(Subject::Everybody, Subject::address),
            Self::Edge => Subject::Everybody,
            Self::Admin(admin) => Subject::Admin(admin.key),
        }
    }
}

impl Admin {
    pub fn new(AdminKey { id, name, role, .. }: AdminKey) -> Self {
        Self { key: id, role, actor: Actor::Key { key: id, name } }
    }

    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The author of a job that writes many transactions under one idempotency key.
    pub fn author(&self, claimed: ClaimedKey) -> Author {
        Author::claimed(self.actor.clone(), claimed)
    }

    /// Refuses an operation that the role does not permit.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.role.may(permission) {
            return Ok(());
        }

        let detail = format!("a key with the role {} is not permitted to do this", self.role);
        Err(Problem::new(Code::Forbidden, detail))
    }
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    /// Refuses every request that did not pass access control as an admin's.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Principal>() {
            Some(Principal::Admin(admin)) => Ok(admin.clone()),
            Some(Principal::Anonymous { .. } | Principal::Edge) | None => {
                Err(Problem::new(Code::Unauthorized, "send an admin key"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn admin(random: u128) -> Principal {
        let key = AdminKeyId::new(Timestamp::from_millis(1_795_442_552_000), random);
        let actor = Actor::Key { key, name: "clerk".into() };

        Principal::Admin(Admin { key, role: Role::Catalog, actor })
    }

    #[test]
    fn a_guest_owns_no_idempotency_keys_even_with_an_address() {
        let address = Some("192.0.2.1".parse().unwrap());

        assert_eq!(Principal::Anonymous { address }.idempotency_owner(), None);
        assert_eq!(Principal::Anonymous { address: None }.idempotency_owner(), None);
        assert_eq!(Principal::Edge.idempotency_owner(), None);
    }

    #[test]
    fn two_admins_of_one_name_own_different_keys_and_are_counted_apart() {
        let (one, other) = (admin(1), admin(2));

        assert!(one.idempotency_owner().is_some());
        assert_ne!(one.idempotency_owner(), other.idempotency_owner());
        assert_ne!(one.subject(), other.subject());
    }
}
