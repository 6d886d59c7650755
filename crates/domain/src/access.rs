//! Who may do what in the admin API.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an admin key was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Catalog,
    Orders,
    Ops,
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    ReadCatalog,
    WriteCatalog,
    ReadInventory,
    AdjustInventory,
    ReadAudit,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role (owner, catalog, orders, ops): {0}")]
pub struct InvalidRole(String);

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::Catalog, Self::Orders, Self::Ops];

    pub const fn may(self, permission: Permission) -> bool {
        match (self, permission) {
            (Self::Owner, _) => true,

            (
                Self::Catalog,
                Permission::ReadCatalog
                | Permission::WriteCatalog
                | Permission::ReadInventory
                | Permission::AdjustInventory,
            ) => true,
            (Self::Catalog, Permission::ReadAudit) => false,

            (Self::Orders, Permission::ReadCatalog | Permission::ReadInventory) => true,
            (
                Self::Orders,
                Permission::WriteCatalog | Permission::AdjustInventory | Permission::ReadAudit,
            ) => false,

            (
                Self::Ops,
                Permission::ReadCatalog | Permission::ReadInventory | Permission::ReadAudit,
            ) => true,
            (Self::Ops, Permission::WriteCatalog | Permission::AdjustInventory) => false,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Catalog => "catalog",
            Self::Orders => "orders",
            Self::Ops => "ops",
        }
    }
}

impl Permission {
    pub const ALL: [Self; 5] = [
        Self::ReadCatalog,
        Self::WriteCatalog,
        Self::ReadInventory,
        Self::AdjustInventory,
        Self::ReadAudit,
    ];
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);

        role.ok_or_else(|| InvalidRole(text.chars().take(32).collect()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
