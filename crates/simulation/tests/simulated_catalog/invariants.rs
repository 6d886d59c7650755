//! What must hold once everything is quiet, whatever went wrong before.

mod history;
mod references;
mod stock;

use std::sync::Arc;

use domain::{ChangeRow, Seq};
use simulation::{Entropy, SimulatedWorld};
use store::{AuditEntry, Catalog, Contents, Db, Head, StoreError, audit::Audit};

use crate::admin::Written;
use crate::shop::Shop;

const ALL: u32 = 1_000;

/// Everything that is stored, as a process without faults reads it.
pub struct Final {
    pub catalog: Catalog,
    pub contents: Contents,
    pub head: Head,
    pub rows: Vec<ChangeRow>,
    pub audited: Vec<AuditEntry>,
}

/// A sentence for every violation.
pub async fn violations(shop: &Shop, history: &[Written]) -> Vec<String> {
    let found = match Final::read(shop).await {
        Ok(found) => found,
        Err(error) => return vec![format!("what is stored can't be read: {error}")],
    };
    let mut violations = log_is_dense(&found);

    violations.extend(history::violations(shop, &found, history).await);
    violations.extend(references::violations(&found).await);
    violations.extend(stock::violations(&found, history).await);
    violations
}

impl Final {
    async fn read(shop: &Shop) -> Result<Self, StoreError> {
        let world = SimulatedWorld::new(shop.clock, Entropy::of(0));
        let db = Db::new(shop.memory.clone(), Arc::new(world));
        let catalog = Catalog::over(db.clone());

        Ok(Self {
            contents: catalog.contents().await?,
            head: catalog.log().head().await?,
            rows: catalog.log().rows(Seq::ZERO, ALL).await?,
            audited: Audit::new(db).list(None, ALL).await?.0,
            catalog,
        })
    }
}

fn log_is_dense(found: &Final) -> Vec<String> {
    let mut violations = Vec::new();
    for (row, wanted) in found.rows.iter().zip(1..) {
        if row.seq.0 != wanted {
            violations.push(format!("row {wanted} of the log is numbered {:?}", row.seq));
        }
    }

    let last = found.rows.last();
    if last.map(|row| row.seq) != Some(found.head.head) {
        violations.push(format!("the head is {:?}, the last row {last:?}", found.head.head));
    }
    if last.map(ChangeRow::digest) != found.head.row {
        violations.push("the head has not the digest of the last row".into());
    }
    violations
}
