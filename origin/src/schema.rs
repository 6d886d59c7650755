//! Parts of the OpenAPI document that many routes share.

use std::collections::BTreeMap;

use domain::{ProblemBody, Sort};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{IntoParams, IntoResponses, ToSchema as _};

use crate::problem::PROBLEM_JSON;

/// The parameters of lists and searches; unknown ones are ignored, malformed ones refused.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the parser that edge and origin share")]
pub struct ListParameters {
    /// Words to search for.
    #[param(max_length = 64)]
    q: Option<String>,
    /// A category's id or slug; includes the categories below it.
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
    /// Only products that can be bought now.
    in_stock: Option<bool>,
    /// Brands, separated by commas: any of them. A comma in a brand is written `\,`.
    brand: Option<String>,
    sort: Option<Sort>,
    /// Products on a page: 12, 24, 48, 96 or 100; other numbers are raised to the next one.
    #[param(schema_with = limit)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Without a format: every number from 1 up is accepted, however large.
fn limit() -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).default(Some(24.into())).into()
}

/// The version that a write replaces.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the extractor IfMatch")]
pub struct VersionHeader {
    /// The ETag that was read, or `*` for the current version.
    #[param(rename = "if-match", pattern = r#"^("[0-9]{1,19}"|\*)$"#)]
    if_match: String,
}

/// The version that a write builds on, if it names one.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the extractor IfMatch")]
pub struct OptionalVersionHeader {
    /// The ETag that was read. Without it, or with `*`: the current version.
    // A header has no null, which the type alone would allow.
    #[param(
        rename = "if-match",
        pattern = r#"^("[0-9]{1,19}"|\*)$"#,
        value_type = String,
        required = false
    )]
    if_match: Option<String>,
}

/// Identifies a request, so that it runs once however often it is sent.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by crate::idempotency")]
pub struct KeyHeader {
    /// A text that identifies this request among all requests of the same admin.
    #[param(rename = "idempotency-key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: String,
}

/// The responses of reads beside 200.
pub struct ReadProblems;

/// The problems of every admin route.
pub struct AdminProblems;

/// The further problems of admin writes.
pub struct WriteProblems;

/// The further problems of writes with `If-Match`.
pub struct VersionProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = problems(&[
            (400, "A parameter is invalid; the problem names it"),
            (404, "Not found"),
            (405, "Method not allowed; GET and HEAD are"),
            (429, "Too many requests; see Retry-After"),
            (503, "Temporarily unavailable; try again"),
        ]);
        let unchanged = ResponseBuilder::new()
            .description("Not modified: If-None-Match names the current ETag");
        responses.insert("304".into(), unchanged.build().into());
        responses
    }
}

impl IntoResponses for AdminProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (400, "An id, a parameter or a header is invalid"),
            (401, "No valid admin key"),
            (403, "The role of the key does not permit this"),
            (404, "Not found"),
            (405, "Method not allowed"),
            (429, "Too many requests with this key; see Retry-After"),
            (503, "Temporarily unavailable; try again"),
        ])
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (409, "Conflicts with the current state, or the same request is still running"),
            (413, "The body is too large"),
            (415, "The body is not JSON by its Content-Type"),
            (422, "A field is invalid, or the Idempotency-Key was used for another request"),
        ])
    }
}

impl IntoResponses for VersionProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (412, "The version has changed; ETag is the current one"),
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
