//! Pages of the admin's lists: their sizes, and cursors that belong to one list alone.

use std::fmt::Display;
use std::str::FromStr;

use domain::cursor::PlaceCursor;
use domain::{Code, FieldError};

use crate::problem::Problem;

/// The place at which a page of `list` ended, from the cursor that named it.
pub fn place<T: FromStr>(list: &str, cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(text) = cursor else { return Ok(None) };
    let place = PlaceCursor::read(text, list).ok().and_then(|cursor| cursor.place.parse().ok());

    place.map(Some).ok_or_else(|| {
        let detail = "cursor is not one that this list gave out";
        let mut problem = Problem::new(Code::InvalidCursor, detail);
        problem.body.errors = vec![FieldError::new("?cursor", "invalid", detail)];
        problem
    })
}

/// The cursor of the page behind `place`.
pub fn cursor(list: &str, place: impl Display) -> String {
    PlaceCursor::new(list, place).to_string()
}

pub fn page_size(wanted: Option<usize>, most: usize) -> Result<usize, Problem> {
    /// Of a page whose size nobody asked for.
    const DEFAULT: usize = 50;

    match wanted {
        None => Ok(DEFAULT),
        Some(size) if (1..=most).contains(&size) => Ok(size),
        Some(size) => Err(out_of_range("?limit", format!("limit is 1 to {most}, not {size}"))),
    }
}

pub fn out_of_range(parameter: &str, detail: String) -> Problem {
    let mut problem = Problem::new(Code::InvalidParameter, detail.clone());
    problem.body.errors = vec![FieldError::new(parameter, "range", detail)];
    problem
}
