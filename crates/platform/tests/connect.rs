//! What the settings open.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws::testing::LocalDynamo;
use platform::{ConnectError, Platform, Settings, Shutdown, Sources};
use ports::{Attributes, Key, Table, Transaction};

fn settings(folder: &Path, more: &[(&str, &str)]) -> Settings {
    let data = ("SHOP__DATA_DIR", folder.to_str().unwrap());
    let all = more.iter().chain([&data]).map(|(name, value)| (name.into(), value.into()));

    Settings::load(&Sources::new().environment(all)).unwrap()
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
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_data_folder_that_others_could_read_is_for_its_owner_alone_from_the_next_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(data.join("secrets")).unwrap();
    for wide in [data.clone(), data.join("secrets")] {
        fs::set_permissions(wide, fs::Permissions::from_mode(0o755)).unwrap();
    }

    let _platform = Platform::connect(&settings(&data, &[])).await.unwrap();

    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let secrets = data.join("secrets");
    assert_eq!(fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o700);
    for file in
        [fs::read_dir(&data).unwrap(), fs::read_dir(&secrets).unwrap()].into_iter().flatten()
    {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_not_ours_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.db"), "not a database, but somebody's letter").unwrap();

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
    checked.maintain(std::future::pending()).await;
}

#[tokio::test]
async fn maintenance_ends_with_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::connect(&settings(folder.path(), &[])).await.unwrap();
    let shutdown = Shutdown::default();
    let maintaining = tokio::spawn({
        let (platform, begun) = (platform.clone(), shutdown.begun());
        async move { platform.maintain(begun).await }
    });

    shutdown.begin();

    maintaining.await.unwrap();
}
