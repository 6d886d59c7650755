//! What the settings open.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use aws::testing::LocalDynamo;
use platform::{ConnectError, Platform, Settings, Sources};
use ports::{Attributes, Key, Table, Transaction};
use store::Log;
use supervision::BackgroundTask;

fn settings(folder: &Path, more: &[(&str, &str)]) -> Settings {
    let data = ("SHOP__DATA_DIR", folder.to_str().unwrap());
    let all = more.iter().chain([&data]).map(|(name, value)| (name.into(), value.into()));

    Settings::load(&Sources::new().environment(all)).unwrap()
}

fn tasks_of(platform: &Platform) -> Vec<&'static str> {
    let log = Arc::new(Log::new(platform.db()));

    platform.background_tasks(&log).iter().map(BackgroundTask::name).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_store_on_this_machine_keeps_what_was_written_and_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new").join("data");
    let settings = settings(&data, &[]);
    let key = Key::new(Table::Catalog, "p", "s");
    let item = Attributes::default().with("name", "Clock");

    let first = Platform::connect(&settings).await.unwrap();
    let put = Transaction::new().put(key.clone(), item.clone());
    first.items.transact(&put).await.unwrap();
    let kid = first.secrets.edge_key().kid().to_owned();
    drop(first);
    let second = Platform::connect(&settings).await.unwrap();

    assert_eq!(second.items.get(&key).await.unwrap(), Some(item));
    assert_eq!(second.secrets.edge_key().kid(), kid);
    assert_eq!(tasks_of(&second), ["log-maintenance", "expiry-sweep"]);
    assert_eq!(mode(&data), 0o700);
}

#[tokio::test]
async fn a_data_folder_of_an_earlier_version_is_for_its_owner_only_from_the_next_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Platform::connect(&settings(&data, &[])).await.unwrap());
    let secrets = data.join("secrets");
    let files = || {
        let both = [fs::read_dir(&data).unwrap(), fs::read_dir(&secrets).unwrap()];
        both.into_iter().flatten().map(|file| file.unwrap().path()).filter(|path| path.is_file())
    };
    files().for_each(|file| fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap());
    for wide in [&data, &secrets] {
        fs::set_permissions(wide, fs::Permissions::from_mode(0o755)).unwrap();
    }

    let _platform = Platform::connect(&settings(&data, &[])).await.unwrap();

    assert_eq!([mode(&data), mode(&secrets)], [0o700, 0o700]);
    let names: Vec<_> = files().map(|file| file.file_name().unwrap().to_owned()).collect();
    for name in ["shop.db", "shop.db-turn", "edge_auth", "catalog_token"] {
        assert!(names.contains(&name.into()), "{name} is not in {names:?}");
    }
    files().for_each(|file| assert_eq!(mode(&file), 0o600, "{file:?}"));
}

#[tokio::test]
async fn a_store_that_is_not_ours_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.db"), "not a database, but a letter").unwrap();

    let refused = Platform::connect(&settings(folder.path(), &[])).await.err().unwrap();

    assert!(matches!(refused, ConnectError::Damaged { .. }), "{refused}");
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();

    let refused = Platform::connect(&settings(&file.join("data"), &[])).await.err().unwrap();

    assert!(matches!(refused, ConnectError::Folder { .. }), "{refused}");
    assert!(refused.to_string().contains("file/data"), "{refused}");
}

#[tokio::test]
async fn tables_in_dynamodb_are_made_only_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let server = LocalDynamo::start().unwrap();
    let endpoint = server.endpoint();
    let dynamodb = [
        ("SHOP__STORE__BACKEND", "dynamodb"),
        ("SHOP__STORE__REGION", "eu-central-1"),
        ("SHOP__STORE__ENDPOINT", &endpoint),
    ];
    let key = Key::new(Table::Catalog, "p", "s");

    let refused = Platform::connect(&settings(folder.path(), &dynamodb)).await.err().unwrap();
    assert!(refused.to_string().contains("shop-catalog"), "{refused}");

    let making = [&dynamodb[..], &[("SHOP__STORE__CREATE_TABLES", "true")]].concat();
    let made = Platform::connect(&settings(folder.path(), &making)).await.unwrap();
    made.items.transact(&Transaction::new().put(key.clone(), Attributes::default())).await.unwrap();

    let checked = Platform::connect(&settings(folder.path(), &dynamodb)).await.unwrap();
    assert!(checked.items.get(&key).await.unwrap().is_some());
    assert_eq!(tasks_of(&checked), ["log-maintenance"], "DynamoDB deletes expired items itself");
}
