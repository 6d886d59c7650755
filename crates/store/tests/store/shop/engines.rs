//! The engines that every fact about a repository is tried on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use aws::testing::LocalDynamo;
use embedded::SqliteItems;
use store::schema::TABLES;

use super::Shop;

impl Shop {
    pub async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let items = tokio::task::spawn_blocking(move || SqliteItems::open(&path, TABLES));

        Self::over(Arc::new(items.await.unwrap().unwrap()), folder)
    }

    /// One server for all tests; the prefix of the tables keeps them apart.
    pub async fn on_dynamodb() -> Self {
        static SERVER: LazyLock<LocalDynamo> = LazyLock::new(|| LocalDynamo::start().unwrap());
        static SHOPS: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("shop{}-", SHOPS.fetch_add(1, Ordering::Relaxed));

        Self::over(Arc::new(SERVER.items(&prefix, TABLES).await.unwrap()), ())
    }
}

/// Makes of each function two tests: one on SQLite, one on DynamoDB's stand-in.
macro_rules! on_each_engine {
    ($(async fn $fact:ident($shop:ident) $body:block)*) => {$(
        mod $fact {
            #[allow(unused_imports, reason = "not every fact needs everything")]
            use super::*;

            async fn holds($shop: $crate::shop::Shop) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                holds($crate::shop::Shop::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_dynamodb() {
                holds($crate::shop::Shop::on_dynamodb().await).await;
            }
        }
    )*};
}

pub(crate) use on_each_engine;
