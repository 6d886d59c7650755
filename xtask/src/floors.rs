//! Who may depend on whom. The edge stays small because the ground floor imports nothing, and the
//! backends can be exchanged because one crate each knows them.

use crate::metadata::Metadata;

/// The floor of every crate; a dependency goes down, never up or sideways. A new crate gets a row.
const FLOORS: &[(&str, u8)] = &[
    ("domain", 0),
    ("edge-core", 1),
    ("ports", 1),
    ("supervision", 1),
    ("edge", 2),
    ("store", 2),
    ("embedded", 2),
    ("aws", 2),
    ("search", 2),
    ("limits", 2),
    ("redis-adapters", 2),
    ("resilience", 2),
    ("http-server", 2),
    ("cache", 3),
    ("catalog-files", 3),
    ("platform", 3),
    ("edge-native", 4),
    ("cache-invalidator", 5),
    ("origin", 5),
    ("shopping", 6),
    // Above all that ships, so that only tests can use it.
    ("simulation", 7),
    ("tests", 7),
    ("bench", 7),
    ("hello-worker", 7),
    ("xtask", 7),
];

/// What is linked into the Cloudflare Worker.
pub const FOR_THE_WORKER: [&str; 2] = ["domain", "edge-core"];

/// Threads, sockets, files, databases, randomness: a Worker has none of them, and rules that use none
/// can be tested without any.
const NOT_FOR_THE_WORKER: &[&str] = &[
    "async-std",
    "axum",
    "crossbeam-channel",
    "curl",
    "getrandom",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "notify",
    "rand",
    "redis",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tower",
    "ureq",
];

/// Only the crate may name the others: a backend's types stop at its door.
const DOORS: &[(&str, &str)] = &[
    ("aws", "aws-"),
    ("embedded", "rusqlite"),
    ("embedded", "libsqlite3-sys"),
    ("redis-adapters", "redis"),
];

/// A sentence for every rule that is broken.
pub fn broken(metadata: &Metadata) -> Vec<String> {
    let mut sentences = Vec::new();

    for package in &metadata.members {
        let Some(floor) = floor_of(&package.name) else {
            sentences.push(format!(
                "`{}` has no floor: give it a row in FLOORS (xtask/src/floors.rs), above all that \
                 it depends on.",
                package.name
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|one| one.is_normal()) {
            sentences.extend(direction(&package.name, floor, &dependency.name));
            sentences.extend(door(&package.name, &dependency.name));
        }
    }
    sentences.extend(FOR_THE_WORKER.iter().flat_map(|name| heavy(metadata, name)));
    sentences.extend(FLOORS.iter().filter_map(|(name, _)| {
        let there = metadata.members.iter().any(|package| package.name == *name);
        (!there).then(|| format!("FLOORS has a row for `{name}`, which is no crate here."))
    }));

    sentences
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, floor)| *floor)
}

fn direction(name: &str, floor: u8, dependency: &str) -> Option<String> {
    let below = floor_of(dependency)?;
    let how = match below.cmp(&floor) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Equal => "sideways",
        std::cmp::Ordering::Greater => "up",
    };

    Some(format!(
        "`{name}` (floor {floor}) depends on `{dependency}` (floor {below}), which goes {how}; \
         dependencies go down only."
    ))
}

fn door(name: &str, dependency: &str) -> Option<String> {
    let named = |pattern: &str| match pattern.strip_suffix('-') {
        Some(_) => dependency.starts_with(pattern),
        None => dependency == pattern,
    };
    let (owner, _) = DOORS.iter().find(|(owner, pattern)| *owner != name && named(pattern))?;

    Some(format!("`{name}` depends on `{dependency}`, which only `{owner}` may name."))
}

fn heavy<'a>(metadata: &'a Metadata, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let linked = metadata.closures.get(name).into_iter().flatten();

    linked.filter(|dependency| NOT_FOR_THE_WORKER.contains(&dependency.as_str())).map(
        move |dependency| {
            format!("`{name}` links `{dependency}`, directly or not; it has to run in a Worker.")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{self, Dependency, Package};

    /// A workspace that keeps every rule.
    fn sound() -> Metadata {
        let members = FLOORS.iter().map(|(name, _)| package(name, &[]));

        Metadata { members: members.collect(), ..Metadata::default() }
    }

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies = dependencies.iter().map(|(name, kind)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
        });

        Package { id: name.to_owned(), name: name.to_owned(), dependencies: dependencies.collect() }
    }

    /// The sound workspace with one package exchanged.
    fn with(planted: Package) -> Metadata {
        let mut metadata = sound();
        metadata.members.retain(|package| package.name != planted.name);
        metadata.members.push(planted);
        metadata
    }

    #[test]
    fn this_workspace_keeps_its_floors() {
        let found = broken(&metadata::read().unwrap());

        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn going_down_is_fine() {
        let metadata = with(package("platform", &[("store", None), ("embedded", None)]));

        assert_eq!(broken(&metadata), [""; 0]);
    }

    #[test]
    fn going_up_is_refused() {
        let found = broken(&with(package("domain", &[("store", None)])));

        assert_eq!(
            found,
            ["`domain` (floor 0) depends on `store` (floor 2), which goes up; dependencies go \
              down only."]
        );
    }

    #[test]
    fn going_sideways_is_refused() {
        let found = broken(&with(package("store", &[("embedded", None)])));

        assert_eq!(found.len(), 1);
        assert!(found[0].contains("sideways"), "{}", found[0]);
    }

    #[test]
    fn nothing_that_ships_may_depend_on_the_simulation() {
        let shipped = ["store", "platform", "edge-native", "origin", "shopping"];

        for name in shipped {
            assert_eq!(broken(&with(package(name, &[("simulation", None)]))).len(), 1, "{name}");
            assert_eq!(broken(&with(package(name, &[("simulation", Some("dev"))]))), [""; 0]);
        }
    }

    #[test]
    fn what_only_tests_use_may_come_from_anywhere() {
        let metadata = with(package("ports", &[("embedded", Some("dev"))]));

        assert_eq!(broken(&metadata), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_floor_is_told_where_to_get_one() {
        let found = broken(&with(package("payments", &[])));

        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`payments`") && found[0].contains("FLOORS"), "{}", found[0]);
    }

    #[test]
    fn a_row_whose_crate_is_gone_is_refused() {
        let mut metadata = sound();
        metadata.members.retain(|package| package.name != "cache");

        assert_eq!(broken(&metadata), ["FLOORS has a row for `cache`, which is no crate here."]);
    }

    #[test]
    fn a_backends_types_stop_at_its_door() {
        let origin = broken(&with(package("origin", &[("aws-sdk-dynamodb", None)])));
        let store = broken(&with(package("store", &[("rusqlite", None)])));
        let aws = broken(&with(package("aws", &[("aws-config", None)])));

        assert_eq!(origin, ["`origin` depends on `aws-sdk-dynamodb`, which only `aws` may name."]);
        assert_eq!(store, ["`store` depends on `rusqlite`, which only `embedded` may name."]);
        assert_eq!(aws, [""; 0]);
    }

    #[test]
    fn a_runtime_behind_the_worker_is_found_however_deep() {
        let mut metadata = sound();
        metadata.closures.insert("edge-core".into(), vec!["serde".into(), "tokio".into()]);

        let found = broken(&metadata);

        assert_eq!(
            found,
            ["`edge-core` links `tokio`, directly or not; it has to run in a Worker."]
        );
    }
}
