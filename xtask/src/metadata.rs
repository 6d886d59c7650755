//! What `cargo metadata` says about who depends on whom.

use std::collections::HashMap;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::workspace::cargo;

#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The workspace's own packages.
    pub members: Vec<Package>,
    /// The names of all packages that are linked into each member, itself left out.
    pub closures: HashMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    pub kind: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Dependency {
    /// Linked into what is shipped: neither for tests nor for build scripts.
    pub fn is_normal(&self) -> bool {
        self.kind.is_none()
    }
}

pub fn read() -> Result<Metadata> {
    let output = cargo(&["metadata", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed ({})", output.status);
    }
    let document = serde_json::from_slice(&output.stdout).context("can't read cargo metadata")?;

    Ok(of(document))
}

fn of(document: Document) -> Metadata {
    let Document { packages, workspace_members, resolve } = document;
    let names: HashMap<_, _> = packages.iter().map(|one| (&*one.id, &*one.name)).collect();
    let edges: HashMap<_, _> = resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
    let closures = workspace_members
        .iter()
        .map(|id| (names[&**id].to_owned(), closure(id, &edges, &names)))
        .collect();
    let members =
        packages.iter().filter(|one| workspace_members.contains(&one.id)).cloned().collect();

    Metadata { members, closures }
}

fn closure(root: &str, edges: &HashMap<&str, &Node>, names: &HashMap<&str, &str>) -> Vec<String> {
    let mut seen = vec![root];
    let mut at = 0;
    while let Some(id) = seen.get(at) {
        let linked = edges[id]
            .deps
            .iter()
            .filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        let new: Vec<_> = linked.map(|edge| &*edge.pkg).filter(|id| !seen.contains(id)).collect();
        seen.extend(new);
        at += 1;
    }

    seen[1..].iter().map(|id| names[id].to_owned()).collect()
}
