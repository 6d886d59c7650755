//! Every route with its decisions: who may call it, and who may keep its answer. A route that is
//! not in this table answers 404, whatever the router thinks; a test holds the table against the
//! OpenAPI document.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::Method;
use domain::Resource;
use domain::access::Permission;
use domain::limits::LimitClass;

/// Who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Anyone,
    /// Another part of the shop, by a signature.
    Edge,
    /// An admin key whose role has the permission.
    Admin(Permission),
}

/// Who may keep its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Shared caches, by the row of this resource.
    Shared(Resource),
    Nobody,
}

/// Whether a request may be sent again under its `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// It changes nothing that a key would protect.
    None,
    /// A request that brings a key runs once.
    Honoured,
    /// No request goes without one. The handler claims it, since what names such a request is more
    /// than fits in memory.
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decisions {
    pub method: &'static str,
    /// As axum writes it.
    pub path: &'static str,
    pub access: Access,
    pub keep: Keep,
    /// Which limit its requests are counted against.
    pub limit: Option<LimitClass>,
    /// What its query may say; anything else is refused. `None`: its own parser decides, as on
    /// cached routes, where links come with parameters of others' making.
    pub parameters: Option<&'static [&'static str]>,
    pub idempotency: Idempotency,
}

const fn cached(path: &'static str, resource: Resource) -> Decisions {
    let (access, keep) = (Access::Anyone, Keep::Shared(resource));

    Decisions {
        method: "GET",
        path,
        access,
        keep,
        limit: Some(LimitClass::Public),
        parameters: None,
        idempotency: Idempotency::None,
    }
}

/// Pages for people and machines that watch: whether the shop is well must be seen under a flood.
const fn open(path: &'static str) -> Decisions {
    Decisions {
        method: "GET",
        path,
        access: Access::Anyone,
        keep: Keep::Nobody,
        limit: None,
        parameters: None,
        idempotency: Idempotency::None,
    }
}

const fn admin(method: &'static str, path: &'static str, permission: Permission) -> Decisions {
    let (access, keep) = (Access::Admin(permission), Keep::Nobody);

    // Whatever an admin writes can be sent again under its key; nothing has to be said for it.
    let idempotency = match method.as_bytes() {
        b"GET" => Idempotency::None,
        _ => Idempotency::Honoured,
    };

    Decisions {
        method,
        path,
        access,
        keep,
        limit: Some(LimitClass::Admin),
        parameters: Some(&[]),
        idempotency,
    }
}

impl Decisions {
    const fn taking(self, parameters: &'static [&'static str]) -> Self {
        Self { parameters: Some(parameters), ..self }
    }

    const fn requiring_key(self) -> Self {
        Self { idempotency: Idempotency::Required, ..self }
    }
}

use Permission::{AdjustInventory, ReadAudit, ReadCatalog, ReadInventory, WriteCatalog};

pub const ROUTES: &[Decisions] = &[
    cached("/products", Resource::Products),
    cached("/products/{product}", Resource::Product),
    cached("/products/{product}/recommendations", Resource::Recommendations),
    cached("/categories", Resource::Categories),
    cached("/featured", Resource::Featured),
    cached("/bestsellers", Resource::Bestsellers),
    cached("/search", Resource::Search),
    open("/"),
    open("/images/{file}"),
    open("/healthz"),
    open("/readyz"),
    open("/metrics"),
    open("/openapi.json"),
    open("/docs"),
    Decisions {
        method: "GET",
        path: "/internal/changes",
        access: Access::Edge,
        keep: Keep::Nobody,
        limit: None,
        parameters: None,
        idempotency: Idempotency::None,
    },
    Decisions {
        method: "POST",
        path: "/internal/changes",
        access: Access::Edge,
        keep: Keep::Nobody,
        limit: None,
        parameters: None,
        idempotency: Idempotency::None,
    },
    admin("GET", "/admin/products", ReadCatalog).taking(&["status", "q", "cursor", "limit"]),
    admin("POST", "/admin/products", WriteCatalog),
    admin("GET", "/admin/products/{product}", ReadCatalog),
    admin("PATCH", "/admin/products/{product}", WriteCatalog),
    admin("DELETE", "/admin/products/{product}", WriteCatalog),
    admin("POST", "/admin/products/{product}/variants", WriteCatalog),
    admin("GET", "/admin/variants/{variant}", ReadCatalog),
    admin("PATCH", "/admin/variants/{variant}", WriteCatalog),
    admin("DELETE", "/admin/variants/{variant}", WriteCatalog),
    admin("GET", "/admin/categories", ReadCatalog),
    admin("POST", "/admin/categories", WriteCatalog),
    admin("GET", "/admin/categories/{category}", ReadCatalog),
    admin("PATCH", "/admin/categories/{category}", WriteCatalog),
    admin("DELETE", "/admin/categories/{category}", WriteCatalog),
    admin("GET", "/admin/collections", ReadCatalog),
    admin("POST", "/admin/collections", WriteCatalog),
    admin("GET", "/admin/collections/{collection}", ReadCatalog),
    admin("PATCH", "/admin/collections/{collection}", WriteCatalog),
    admin("DELETE", "/admin/collections/{collection}", WriteCatalog),
    admin("GET", "/admin/featured", ReadCatalog),
    admin("PUT", "/admin/featured", WriteCatalog),
    admin("GET", "/admin/bestsellers", ReadCatalog).taking(&["category"]),
    admin("PUT", "/admin/bestsellers", WriteCatalog),
    admin("GET", "/admin/inventory/{sku}", ReadInventory),
    admin("GET", "/admin/inventory/{sku}/ledger", ReadInventory).taking(&["cursor", "limit"]),
    admin("POST", "/admin/inventory/{sku}/adjust", AdjustInventory),
    // Each operation needs its own permission as well.
    admin("POST", "/admin/bulk", WriteCatalog),
    admin("POST", "/admin/imports", WriteCatalog)
        .taking(&["map", "decimal", "dry_run"])
        .requiring_key(),
    admin("GET", "/admin/exports", ReadCatalog).taking(&["format"]),
    admin("GET", "/admin/audit", ReadAudit).taking(&["cursor", "limit"]),
];

/// The decisions for a request that the router matched; HEAD is GET.
pub fn decisions(method: &Method, path: &str) -> Option<&'static Decisions> {
    static BY_ROUTE: LazyLock<HashMap<(&str, &str), &Decisions>> =
        LazyLock::new(|| ROUTES.iter().map(|route| ((route.method, route.path), route)).collect());
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };

    BY_ROUTE.get(&(method, path)).copied()
}

/// The methods of a path, for `Allow`.
pub fn methods(path: &str) -> String {
    let mut methods: Vec<_> =
        ROUTES.iter().filter(|route| route.path == path).map(|route| route.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// The path of a cached read, as axum writes it.
pub const fn template(resource: Resource) -> &'static str {
    match resource {
        Resource::Products => "/products",
        Resource::Product => "/products/{product}",
        Resource::Recommendations => "/products/{product}/recommendations",
        Resource::Categories => "/categories",
        Resource::Featured => "/featured",
        Resource::Bestsellers => "/bestsellers",
        Resource::Search => "/search",
        Resource::Missing => "none",
    }
}
