//! Parts of the OpenAPI document that many routes share.

use std::collections::BTreeMap;

use domain::{ProblemBody, Sort};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{IntoParams, IntoResponses, ToSchema as _};

use crate::problem::PROBLEM_JSON;

/// The parameters of `/products` and `/search`; unknown ones are ignored, malformed ones refused.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the parser that edge and origin share")]
pub struct ListParameters {
    /// Words to look for.
    #[param(max_length = 64)]
    q: Option<String>,
    /// A category's id or slug; takes what is below it too.
    #[param(
        pattern = r"^(cat_[0-7][0-9A-HJKMNP-TV-Z]{25}|[a-z0-9]+(-[a-z0-9]+)*)$",
        max_length = 96
    )]
    category: Option<String>,
    /// A collection's id or slug.
    #[param(
        pattern = r"^(col_[0-7][0-9A-HJKMNP-TV-Z]{25}|[a-z0-9]+(-[a-z0-9]+)*)$",
        max_length = 96
    )]
    collection: Option<String>,
    /// `min..max` in minor units, either end may be open: `1000..5000`, `..5000`.
    #[param(pattern = r"^([0-9]{1,12}\.\.([0-9]{1,12})?|\.\.[0-9]{1,12})$")]
    price: Option<String>,
    /// Only what can be bought now.
    in_stock: Option<bool>,
    /// Brands, parted by commas: any of them. A comma in a brand is written `\,`.
    brand: Option<String>,
    sort: Option<Sort>,
    /// Products on a page: 12, 24, 48, 96 or 100; other numbers are raised to the next one.
    #[param(schema_with = limit)]
    limit: Option<u64>,
    /// Where a page before ended.
    cursor: Option<String>,
}

/// Without a format: any number from 1 on is taken, however large.
fn limit() -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).default(Some(24.into())).into()
}

/// The version that a write replaces.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the extractor IfMatch")]
pub struct VersionHeader {
    /// The ETag that was read, or `*` for whatever is there.
    #[param(rename = "if-match", pattern = r#"^("[0-9]{1,19}"|\*)$"#)]
    if_match: String,
}

/// The version that a write builds on, where it is to build on one.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the extractor IfMatch")]
pub struct OptionalVersionHeader {
    /// The ETag that was read. Left out, or `*`: whatever is there.
    // A header has no null, which the type alone would allow.
    #[param(
        rename = "if-match",
        pattern = r#"^("[0-9]{1,19}"|\*)$"#,
        value_type = String,
        required = false
    )]
    if_match: Option<String>,
}

/// Names a request, so that it runs once however often it is sent.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by crate::idempotency")]
pub struct KeyHeader {
    /// Any text that no other request of the same admin has.
    #[param(rename = "idempotency-key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: String,
}

/// What reads answer beside 200.
pub struct ReadProblems;

/// What every admin route answers.
pub struct AdminProblems;

/// What admin writes answer beside that.
pub struct WriteProblems;

/// What writes with `If-Match` answer beside that.
pub struct VersionProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = problems(&[
            (400, "A parameter is wrong; the answer names it"),
            (404, "There is no such thing"),
            (405, "Only GET and HEAD"),
            (429, "Too many requests; Retry-After tells when to ask again"),
            (503, "Try again"),
        ]);
        let unchanged = ResponseBuilder::new().description("It is still what If-None-Match names");
        responses.insert("304".into(), unchanged.build().into());
        responses
    }
}

impl IntoResponses for AdminProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (400, "An id, parameter or header is wrong"),
            (401, "No admin key, or none that is valid"),
            (403, "The key's role may not do this"),
            (404, "There is no such thing"),
            (405, "Another method"),
            (429, "Too many requests with this key; Retry-After tells when to ask again"),
            (503, "Try again"),
        ])
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (409, "It contradicts what is there, or the same request is running"),
            (413, "The body is too large"),
            (415, "The body is not JSON by its Content-Type"),
            (422, "A field is wrong, or the Idempotency-Key was used for another request"),
        ])
    }
}

impl IntoResponses for VersionProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (412, "It has changed since; ETag tells its version"),
            (428, "If-Match is missing"),
        ])
    }
}

fn problems(rows: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let row = |(status, description): &(u16, &str)| {
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
        let response =
            ResponseBuilder::new().description(*description).content(PROBLEM_JSON, content);

        (status.to_string(), RefOr::T(response.build()))
    };

    rows.iter().map(row).collect()
}
