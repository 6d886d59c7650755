//! One import of a store at a time: a lease in the store, which the running import renews and which
//! expires when its process dies.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use platform::console;
use ports::{Items, World};
use store::{Actor, Author, Claim, ClaimedKey, Db, Idempotency};
use tokio::time::{Instant, sleep};

/// Renewed at each third. Short, since an import that follows a killed one waits for it to expire.
const LEASE: Duration = Duration::from_secs(6);
/// All imports claim the same key for the same request, so that each may take an expired lease over.
const SCOPE: &str = "command";
const IMPORT: &str = "import";

/// The right to import. Writes of its author are committed only while it is held: an import that
/// was stopped, and overtaken, for longer than the lease can't write any more.
pub(super) struct ImportLease {
    leases: Idempotency,
    claimed: ClaimedKey,
}

impl ImportLease {
    /// Waits for a lease to expire whose holder may have died, and fails if it is renewed instead.
    pub async fn acquire(items: Arc<dyn Items>, world: Arc<dyn World>) -> anyhow::Result<Self> {
        Self::acquire_for(items, world, LEASE).await
    }

    async fn acquire_for(
        items: Arc<dyn Items>,
        world: Arc<dyn World>,
        lease: Duration,
    ) -> anyhow::Result<Self> {
        let leases = Idempotency::new(Db::new(items, world), lease);
        // By then a holder that is alive has renewed its lease, and that of a dead one has expired.
        let deadline = Instant::now() + lease + lease / 3;
        let mut has_told = false;

        loop {
            let claim = leases.claim(SCOPE, IMPORT, IMPORT).await;
            if let Claim::Owned(claimed) = claim.context("the import could not begin")? {
                return Ok(Self { leases, claimed });
            }
            if Instant::now() >= deadline {
                bail!("another import is running on this store: run this one when it has ended");
            }
            if !has_told {
                let seconds = (lease + lease / 3).as_secs();
                console::say(format_args!(
                    "another import is running, or was killed: waiting up to {seconds} s to find out"
                ));
                has_told = true;
            }
            sleep(lease / 20).await;
        }
    }

    /// Writes as `actor` under this lease.
    pub fn author(&self, actor: Actor) -> Author {
        Author::claimed(actor, self.claimed.clone())
    }

    /// Runs `work` and renews the lease meanwhile.
    pub async fn hold<F: Future>(&self, work: F) -> F::Output {
        self.leases.hold(&self.claimed, work).await
    }

    /// Lets the next import begin immediately.
    pub async fn release(self) {
        // If this fails, the lease expires by itself.
        let _ = self.leases.abandon(&self.claimed).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use embedded::{SqliteItems, SystemWorld};
    use store::schema::TABLES;
    use tempfile::TempDir;

    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    struct Store {
        _folder: TempDir,
        items: Arc<dyn Items>,
    }

    impl Store {
        fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let items = SqliteItems::open(&folder.path().join("shop.db"), TABLES).unwrap();

            Self { _folder: folder, items: Arc::new(items) }
        }

        async fn acquire(&self) -> anyhow::Result<ImportLease> {
            ImportLease::acquire_for(Arc::clone(&self.items), Arc::new(SystemWorld), SHORT).await
        }
    }

    #[tokio::test]
    async fn a_second_import_is_refused_while_the_first_renews_its_lease() {
        let store = Store::open();
        let first = store.acquire().await.unwrap();

        let second = tokio::select! {
            second = store.acquire() => second,
            never = first.hold(pending::<()>()) => unreachable!("{never:?}"),
        };

        let refused = second.err().expect("two imports at the same time").to_string();
        assert!(refused.contains("another import is running"), "{refused}");
        assert!(first.leases.renew(&first.claimed).await.unwrap(), "the first one still has it");
    }

    #[tokio::test]
    async fn the_lease_of_a_killed_import_is_taken_over_and_its_writes_are_refused() {
        let store = Store::open();
        let killed = store.acquire().await.unwrap();
        let began = Instant::now();

        let second = store.acquire().await.unwrap();

        // The claim was some milliseconds before `began`.
        assert!(began.elapsed() >= SHORT * 3 / 4, "{:?}", began.elapsed());
        assert!(!killed.leases.renew(&killed.claimed).await.unwrap());
        assert!(second.leases.renew(&second.claimed).await.unwrap());
    }

    #[tokio::test]
    async fn an_import_that_has_ended_holds_up_no_other() {
        let store = Store::open();

        store.acquire().await.unwrap().release().await;
        let claim =
            Idempotency::new(Db::new(Arc::clone(&store.items), Arc::new(SystemWorld)), SHORT)
                .claim(SCOPE, IMPORT, IMPORT)
                .await
                .unwrap();

        assert!(matches!(claim, Claim::Owned(_)), "{claim:?}");
    }
}
