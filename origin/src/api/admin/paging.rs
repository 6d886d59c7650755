//! Pages of admins' lists: their sizes, and cursors that belong to one list each.

use std::fmt::Display;
use std::str::FromStr;

use domain::cursor::PlaceCursor;
use domain::{Code, FieldError};
use serde::Deserialize;

use crate::problem::Problem;

/// The page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<usize>,
}

/// The place at which a page of `list` ended, from the cursor that named it.
pub fn place<T: FromStr>(list: &str, cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let place = PlaceCursor::read(text, list).ok().and_then(|cursor| cursor.place.parse().ok());

    place.map(Some).ok_or_else(|| {
        let detail = "cursor was not issued by this list";
        let mut problem = Problem::new(Code::InvalidCursor, detail);
        problem.body.errors = vec![FieldError::new("?cursor", "invalid", detail)];
        problem
    })
}

/// The cursor of the page after `place`.
pub fn cursor(list: &str, place: impl Display) -> String {
    PlaceCursor::new(list, place).to_string()
}

pub fn page_size(wanted: Option<usize>, most: usize) -> Result<usize, Problem> {
    /// For a request without `limit`.
    const DEFAULT: usize = 50;

    match wanted {
        None => Ok(DEFAULT),
        Some(size) if (1..=most).contains(&size) => Ok(size),
        Some(size) => Err(out_of_range("?limit", format!("limit must be 1 to {most}, not {size}"))),
    }
}

pub fn out_of_range(parameter: &str, detail: String) -> Problem {
    let mut problem = Problem::new(Code::InvalidParameter, detail.clone());
    problem.body.errors = vec![FieldError::new(parameter, "range", detail)];
    problem
}
