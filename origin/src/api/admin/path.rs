//! Ids in the paths of admin routes.

use crate::problem::Problem;

/// Parses an id; the problem names what it should be the id of.
pub fn id<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid_id(what, text))
}
