//! Header fields as a shell reads them in one piece, and which of them go on.

use http::HeaderMap;

use crate::headers;

/// Names in lower case, in the order in which they came. A name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// A message's fields, however a shell holds them.
pub trait Lines {
    /// All lines of a name in one (RFC 9110 §5.3).
    fn joined(&self, name: &str) -> Option<String>;
}

impl Lines for Fields {
    fn joined(&self, name: &str) -> Option<String> {
        all_of(self.iter().filter(|(known, _)| *known == name).map(|(_, value)| value))
    }
}

impl Lines for HeaderMap {
    /// A line that is not text makes the whole unreadable, which no rule takes for permission.
    fn joined(&self, name: &str) -> Option<String> {
        all_of(self.get_all(name).iter().map(|line| line.to_str().unwrap_or("\u{fffd}")))
    }
}

fn all_of<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let first = lines.next()?.to_owned();

    Some(lines.fold(first, |all, line| all + ", " + line))
}

/// What a shell puts into a map of its own beside what passes.
const ROOM: usize = 6;

/// [`Fields::passed`] of a map.
pub fn passed(headers: &HeaderMap, dropped: impl Fn(&str) -> bool) -> HeaderMap {
    let listed = headers.joined("connection").unwrap_or_default();
    let mut passed = HeaderMap::with_capacity(headers.len() + ROOM);

    for (name, value) in headers {
        if headers::is_end_to_end(name.as_str(), &listed) && !dropped(name.as_str()) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

impl Fields {
    /// Reads what [`Fields::to_lines`] writes. A name without a value is no field.
    pub fn of_lines(lines: &str) -> Self {
        let mut lines = lines.split('\n');
        let mut fields = Vec::new();

        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Self(fields)
    }

    /// A name and a value in turn, each ended by a line feed, which neither can have.
    pub fn to_lines(&self) -> String {
        self.0.iter().fold(String::new(), |lines, (name, value)| lines + name + "\n" + value + "\n")
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.add(name, value);
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Of an answer's fields, those that every client may get.
    pub fn kept(&self) -> Self {
        self.passed(headers::is_not_kept)
    }

    /// Of a kept answer's fields, those that a 304 repeats.
    pub fn unchanged(&self) -> Self {
        let repeated = self.0.iter().filter(|(name, _)| headers::is_repeated_by_304(name));

        Self(repeated.cloned().collect())
    }

    /// End-to-end fields (RFC 9110 §7.6.1), without those that are `dropped`.
    pub fn passed(&self, dropped: impl Fn(&str) -> bool) -> Self {
        let listed = self.joined("connection").unwrap_or_default();
        let passed = self
            .0
            .iter()
            .filter(|(name, _)| headers::is_end_to_end(name, &listed) && !dropped(name));

        Self(passed.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.add(name, *value);
        }
        fields
    }

    fn names(fields: &Fields) -> Vec<&str> {
        fields.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn fields_read_back_as_they_were_written() {
        let written = fields(&[("a", "1"), ("set-cookie", "x=1"), ("set-cookie", ""), ("b", "é")]);

        assert_eq!(Fields::of_lines(&written.to_lines()), written);
        assert_eq!(Fields::of_lines(""), Fields::default());
        assert_eq!(Fields::of_lines("A\n1\n"), fields(&[("a", "1")]));
    }

    #[test]
    fn lines_of_one_name_are_one_list() {
        let fields = fields(&[("vary", "a"), ("x", "1"), ("vary", "b")]);

        assert_eq!(fields.joined("vary").as_deref(), Some("a, b"));
        assert_eq!(fields.get("vary"), Some("a"));
        assert_eq!(fields.joined("etag"), None);
    }

    #[test]
    fn a_line_that_is_no_text_permits_nothing() {
        let mut headers = HeaderMap::new();
        headers.append("cache-control", HeaderValue::from_static("public"));
        headers.append("cache-control", HeaderValue::from_bytes(b"public, \xff").unwrap());

        assert_eq!(headers.joined("cache-control").as_deref(), Some("public, \u{fffd}"));
        assert_eq!(headers.joined("etag"), None);
    }

    #[test]
    fn a_map_passes_what_fields_pass() {
        let lines = [("connection", "X-Hop, close"), ("x-hop", "1"), ("vary", "a"), ("vary", "b")];
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }

        let passed: Vec<_> = passed(&headers, |name| name == "server").into_iter().collect();

        assert_eq!(names(&fields(&lines).passed(|name| name == "server")), ["vary", "vary"]);
        assert_eq!(passed.len(), 2);
        assert_eq!(passed[0].0.as_ref().map(HeaderName::as_str), Some("vary"));
    }

    #[test]
    fn what_is_stored_is_public() {
        let answer = fields(&[
            ("content-type", "application/json"),
            ("x-stamp", "L.1"),
            ("x-tags", "a"),
            ("set-cookie", "a=1"),
            ("age", "3"),
            ("connection", "X-Hop, close"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("etag", "\"e\""),
        ]);

        assert_eq!(names(&answer.kept()), ["content-type", "etag"]);
    }

    #[test]
    fn a_304_repeats_what_describes_the_bytes_that_are_there() {
        let kept =
            fields(&[("content-type", "x"), ("etag", "\"e\""), ("vary", "y"), ("date", "z")]);

        assert_eq!(names(&kept.unchanged()), ["etag", "vary", "date"]);
    }

    #[test]
    fn a_request_passes_without_what_only_an_edge_may_say() {
        let request = fields(&[("cookie", "c"), ("x-client-addr", "forged"), ("te", "trailers")]);

        assert_eq!(names(&request.passed(headers::is_reserved)), ["cookie"]);
    }
}
