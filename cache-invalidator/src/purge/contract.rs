//! Cloudflare's own contract, where it stands beside the repository, and as much of JSON Schema as
//! it uses. Nothing of it is copied into the project.

use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) struct Contract(Value);

impl Contract {
    /// `None`, and a loud word, where it is not there.
    pub(crate) fn find() -> Option<Self> {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
        let shared = std::env::var_os("SHOP_SHARED").map_or_else(beside, PathBuf::from);
        let path = shared.join("specs/cloudflare/purge_cache.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is not there; set SHOP_SHARED", path.display());
            return None;
        };

        Some(Self(serde_json::from_str(&text).unwrap()))
    }

    /// The contract allows any object as a request, so this holds ours against the one form that is
    /// meant: tags, and nothing else.
    pub(crate) fn refuses_request(&self, path: &str, body: &Value) -> Option<String> {
        let (template, operation) = ("/zones/{zone_id}/purge_cache", "post");
        let purge = &self.0["paths"][template][operation];
        if purge.is_null() {
            return Some(format!("the contract has no {operation} {template}"));
        }
        let (before, after) = template.split_once("{zone_id}").unwrap();
        let zone = path
            .strip_prefix("/client/v4")
            .and_then(|path| path.strip_prefix(before)?.strip_suffix(after));
        if zone.is_none_or(|zone| zone.is_empty() || zone.contains('/')) {
            return Some(format!("{path} is not {template}"));
        }
        let schema = &purge["requestBody"]["content"]["application/json"]["schema"];
        let by_tags = &self.0["components"]["schemas"]["cache-purge_FlexPurgeByTags"];
        let known = by_tags["properties"].as_object().unwrap();
        if let Some(name) = body.as_object()?.keys().find(|name| !known.contains_key(*name)) {
            return Some(format!("{name} is no part of a purge by tags"));
        }

        self.refuses(schema, body, "body").or_else(|| self.refuses(by_tags, body, "body"))
    }

    pub(crate) fn refuses_answer(&self, status: u16, body: &Value) -> Option<String> {
        let answers = &self.0["paths"]["/zones/{zone_id}/purge_cache"]["post"]["responses"];
        let class = if status == 200 { "200" } else { "4XX" };
        let schema = &answers[class]["content"]["application/json"]["schema"];

        // The contract's 4XX wants `success` to be true and false at once, and what
        // `cache-purge_messages` asks of its items' sibling. What it can mean is the failure.
        let meant = if status == 200 { schema } else { &schema["allOf"][1] };
        self.refuses(meant, body, "answer")
    }

    /// Why `value` is not of `schema`.
    fn refuses(&self, schema: &Value, value: &Value, at: &str) -> Option<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            return self.refuses(&self.0["components"]["schemas"][name], value, at);
        }
        if schema["nullable"] == true && value.is_null() {
            return None;
        }
        let list = |name: &str| schema[name].as_array().into_iter().flatten();
        if schema["anyOf"].is_array()
            && list("anyOf").all(|one| self.refuses(one, value, at).is_some())
        {
            return Some(format!("{at}: none of its forms"));
        }
        let kind = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !kind {
            return Some(format!("{at}: {value} is no {}", schema["type"]));
        }
        if schema["enum"].is_array() && list("enum").all(|one| one != value) {
            return Some(format!("{at}: {value} is none of {}", schema["enum"]));
        }
        let least = schema["minimum"].as_i64();
        if least.zip(value.as_i64()).is_some_and(|(least, value)| value < least) {
            return Some(format!("{at}: {value} is below {}", schema["minimum"]));
        }
        let longest = schema["maxLength"].as_u64();
        if longest.zip(value.as_str()).is_some_and(|(most, text)| text.len() as u64 > most) {
            return Some(format!("{at}: {value} is too long"));
        }
        let missing = list("required")
            .filter_map(Value::as_str)
            .find(|name| value[*name].is_null() && value.get(*name).is_none());
        if let Some(name) = missing {
            return Some(format!("{at}: {name} is missing"));
        }
        let all = list("allOf").find_map(|one| self.refuses(one, value, at));
        all.or_else(|| {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties.filter_map(|(name, schema)| Some((name, schema, value.get(name)?))).find_map(
                |(name, schema, value)| self.refuses(schema, value, &format!("{at}.{name}")),
            )
        })
        .or_else(|| {
            let items = schema.get("items")?;
            value.as_array()?.iter().find_map(|item| self.refuses(items, item, &format!("{at}[]")))
        })
    }
}
