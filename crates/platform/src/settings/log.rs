//! `log`, `log_format` and `log_misses_one_in`: what is logged, and how.

use super::reader::Reader;
use super::values::log_filter;

/// A sample thinner than this is as good as none.
const ONE_IN_MAX: u64 = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// In the syntax of `EnvFilter`, checked.
    pub filter: String,
    pub format: LogFormat,
    /// One cache miss in so many is logged; 0 logs none.
    pub misses_one_in: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Pretty,
}

impl LogSettings {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let filter = reader.required("log", log_filter);
        let formats = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
        let format = reader.choice("log_format", &formats);
        let misses_one_in = reader.number("log_misses_one_in", 0, ONE_IN_MAX);

        Some(Self { filter: filter?, format: format?, misses_one_in: misses_one_in? })
    }
}
