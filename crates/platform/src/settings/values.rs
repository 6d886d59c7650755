//! Parsers of single values. Their errors say in a few words what is allowed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use super::reader::Reader;

/// A tebibyte: more is a typing error.
const CAPACITY_MAX_MB: u64 = 1 << 20;

pub(super) fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.contains('\0') { Err("a path can't contain NUL") } else { Ok(text.into()) }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:8080")
}

/// Scheme and authority only.
pub(super) fn url(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));

    match rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest)) {
        Some(authority) if host(authority).is_ok() => {
            Ok(text.strip_suffix('/').unwrap_or(text).to_owned())
        }
        _ => Err("it must be http://host:port or https://host:port, without a path"),
    }
}

/// `host`, `host:port` or `[v6]:port`: valid in a header and in a URL, without user information.
pub(super) fn host(text: &str) -> Result<String, &'static str> {
    let wrong = "it must be a host name or address, optionally with a port";
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    };
    let is_v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_name = match is_v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            let allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            (1..=253).contains(&name.len()) && name.bytes().all(allowed)
        }
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));

    if is_name && is_port { Ok(text.to_owned()) } else { Err(wrong) }
}

/// The address of a Redis server. `Debug` leaves the user and the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.rsplit('@').next().unwrap_or_default();

        formatter.debug_tuple("RedisUrl").field(&host).finish()
    }
}

/// `redis://user:password@host:port/number`, of which only the host is required.
pub(super) fn redis_url(text: &str) -> Option<RedisUrl> {
    let rest = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"))?;
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let is_number = database.len() <= 3 && database.bytes().all(|byte| byte.is_ascii_digit());

    (host(authority).is_ok() && is_number).then(|| RedisUrl(text.to_owned()))
}

pub(super) fn region(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';

    if text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("it must be a region, such as eu-central-1")
    }
}

/// DynamoDB's own rule for table names (CreateTable), with room for the longest of ours.
pub(super) fn table_prefix(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');

    if text.len() <= 200 && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("it must be at most 200 letters, digits, _ - and .")
    }
}

/// A single word must be a level: [`EnvFilter`] would take a misspelt one for a module, and log
/// nothing else.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let mut words = text.split(',').map(str::trim).filter(|word| !word.is_empty());

    // Fields of a span may contain commas; such a filter is left to `EnvFilter`.
    if !text.contains('[')
        && let Some(odd) = words.find(|word| !word.contains('=') && !is_level(word))
    {
        let levels = LEVELS.join(", ");
        return Err(format!(
            "{odd:?} is not one of the levels {levels}; a module needs one: a=debug"
        ));
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; such as info or info,cache=debug")),
    }
}

pub(super) fn proxies(reader: &mut Reader, key: &'static str) -> Option<Vec<IpAddr>> {
    reader.list(key, |text| text.parse().map_err(|_| "it must be an IP address"))
}

/// A number of mebibytes, in bytes.
pub(super) fn capacity(reader: &mut Reader, key: &'static str) -> Option<u64> {
    reader.number(key, 1, CAPACITY_MAX_MB).map(|mebibytes| mebibytes << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port_or_without() {
        for text in ["shop.example", "localhost:8080", "127.0.0.1", "[::1]", "[::1]:80"] {
            assert_eq!(host(text).as_deref(), Ok(text));
        }
        for text in ["", ":80", "a:", "a:0", "a:65536", "::1", "[::1", "[a]", "a/b", "u@a", "a b"] {
            assert!(host(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_redis_is_a_host_with_a_password_and_a_number_or_without_and_is_printed_without() {
        for text in ["redis://a", "rediss://u:p@a.example:6380/15", "redis://:p%40@[::1]:1/"] {
            assert!(redis_url(text).is_some(), "{text:?}");
        }
        for text in
            ["", "a:6379", "http://a", "redis://", "redis://a:0", "redis://a/x", "redis://a/1/2"]
        {
            assert!(redis_url(text).is_none(), "{text:?}");
        }
        let shown = format!("{:?}", redis_url("redis://ada:hunter2@a:1/2"));
        assert!(shown.contains("a:1/2") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_url_loses_its_slash_and_has_nothing_else() {
        assert_eq!(url("http://a:1/").as_deref(), Ok("http://a:1"));
        for text in ["http://a//", "http://a/b", "http://a?b", "http://a#b", "HTTP://a", "//a"] {
            assert!(url(text).is_err(), "{text:?}");
        }
    }
}
