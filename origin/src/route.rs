//! A route as its resource module declares it. Method, path and documentation come from the
//! handler's `#[utoipa::path]`; beside them stands every decision that is made before the handler
//! runs. The router, access control, limits, idempotency, metrics and the OpenAPI document all read
//! this one declaration.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use domain::Resource;
use domain::access::Permission;
use domain::limits::LimitClass;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem, Paths};
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::body::BodyLimit;

/// Who may call a route. `Shopper`, `Customer`, `OrderHolder` and `Webhook(provider)` become
/// variants with the first route of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Anyone,
    /// Another part of the shop, by its signature.
    Edge,
    /// An admin key whose role has the permission.
    Admin(Permission),
}

/// Which caches may store a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Shared caches, by the policy of this resource.
    Shared(Resource),
    /// None, unless the handler says otherwise.
    NoStore,
}

/// Whether a request may be repeated under its `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The route changes nothing that a key would protect.
    None,
    /// A request with a key runs once.
    Honoured,
    /// A request without a key is refused. The handler claims the key itself, because the body that
    /// identifies such a request does not fit into memory.
    Required,
}

/// What is known of a route without running it.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    /// In axum's syntax: `/products/{product}`.
    pub path: String,
    pub access: Access,
    pub caching: Caching,
    /// The limit that requests count against; `None`: they are not counted.
    pub limit: Option<LimitClass>,
    /// The query parameters that the document names; any other is refused. `None`: the route's own
    /// parser decides, as on cached routes, where links arrive with the parameters of other sites.
    pub parameters: Option<Vec<String>>,
    pub idempotency: Idempotency,
    pub body: BodyLimit,
}

/// A route with its handler and its part of the OpenAPI document.
pub struct Endpoint<S> {
    pub route: Route,
    pub handler: MethodRouter<S>,
    /// `None` between the shop's own parts.
    documentation: Option<Documentation>,
}

struct Documentation {
    schemas: Vec<(String, RefOr<Schema>)>,
    paths: Paths,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    /// A catalogue read that shared caches may store.
    pub fn cached(resource: Resource, handler: UtoipaMethodRouter<S>) -> Self {
        let mut endpoint = Self::documented(Access::Anyone, handler);
        endpoint.route.caching = Caching::Shared(resource);
        endpoint.route.limit = Some(LimitClass::Public);
        endpoint
    }

    /// A page for people or for monitoring, without a limit: the shop's health must stay visible
    /// under a flood of requests.
    pub fn open(handler: UtoipaMethodRouter<S>) -> Self {
        Self::documented(Access::Anyone, handler)
    }

    /// An admin's call. Every write honours an `Idempotency-Key`.
    pub fn admin(permission: Permission, handler: UtoipaMethodRouter<S>) -> Self {
        let mut endpoint = Self::documented(Access::Admin(permission), handler);
        let is_read = endpoint.route.method == Method::GET;
        endpoint.route.limit = Some(LimitClass::Admin);
        endpoint.route.parameters = Some(endpoint.documented_parameters());
        if !is_read {
            endpoint.route.idempotency = Idempotency::Honoured;
            endpoint.route.body = BodyLimit::JSON;
        }
        endpoint
    }

    /// A call from another part of the shop, which no outsider's document describes.
    pub fn internal<H, T>(method: Method, path: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("axum routes this method");

        Self {
            route: Route::new(method, path, Access::Edge),
            handler: on(filter, handler),
            documentation: None,
        }
    }

    #[must_use]
    pub fn with_required_key(mut self) -> Self {
        self.route.idempotency = Idempotency::Required;
        self
    }

    #[must_use]
    pub fn with_body(mut self, limit: BodyLimit) -> Self {
        self.route.body = limit;
        self
    }

    /// Adds its operation to a document.
    pub fn describe(self, document: OpenApiRouter<S>) -> OpenApiRouter<S> {
        match self.documentation {
            Some(Documentation { schemas, paths }) => {
                document.routes((schemas, paths, self.handler))
            }
            None => document,
        }
    }

    fn documented(access: Access, (schemas, paths, handler): UtoipaMethodRouter<S>) -> Self {
        let documentation = Documentation { schemas, paths };
        let route = {
            let (method, path, _) = documentation.operation();
            Route::new(method, path, access)
        };

        Self { route, handler, documentation: Some(documentation) }
    }

    fn documented_parameters(&self) -> Vec<String> {
        let operation = self.documentation.as_ref().map(Documentation::operation);
        let parameters = operation.and_then(|(.., operation)| operation.parameters.as_ref());
        let in_query = parameters.into_iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                Some(parameter.name.clone())
            }
            RefOr::T(_) | RefOr::Ref(_) => None,
        });

        in_query.collect()
    }
}

impl Route {
    fn new(method: Method, path: &str, access: Access) -> Self {
        Self {
            method,
            path: path.to_owned(),
            access,
            caching: Caching::NoStore,
            limit: None,
            parameters: None,
            idempotency: Idempotency::None,
            body: BodyLimit::NONE,
        }
    }
}

impl Documentation {
    /// The one operation of a handler.
    fn operation(&self) -> (Method, &str, &Operation) {
        let mut all = self.paths.paths.iter().flat_map(|(path, item)| {
            operations(item).map(|(method, operation)| (method, path.as_str(), operation))
        });
        let first = all.next().expect("`routes!` was given a handler");

        assert!(all.next().is_none(), "an endpoint is one handler, and {} has several", first.1);
        first
    }
}

/// The operations of a path, in the order in which the document lists them.
pub fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// The methods of a path, for `Allow`.
pub fn allowed_methods(routes: &[Route], path: &str) -> String {
    let of_path = routes.iter().filter(|route| route.path == path);
    let mut methods: Vec<_> = of_path.map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}
