//! The Worker's settings from its bindings: variables, secrets, the rate limiter.

use edge_core::OwnRequests;
use edge_core::auth::SigningKey;
use wasm_bindgen::JsValue;

use crate::js;
use crate::rate_limit::RateLimit;

pub(crate) struct Settings {
    /// Scheme and authority, without a slash at its end.
    pub origin: String,
    /// The shop's name outside (`X-Public-Host`). Never what a client calls it.
    pub public_host: String,
    /// With which requests to the origin are signed.
    pub key: SigningKey,
    /// By which a request of the edge's own is known that comes back.
    pub own: OwnRequests,
    /// With which the origin mints read-your-writes tokens; without it they are ignored.
    pub token_key: Option<SigningKey>,
    pub rate_limit: Option<RateLimit>,
    /// Of the answers in this isolate's memory, which has 128 MB in all.
    pub capacity_bytes: u64,
}

const CAPACITY_MB: u64 = 32;
const CAPACITY_MB_MAX: u64 = 96;

impl Settings {
    /// # Errors
    /// A sentence for everything that is wrong, for the operator's log.
    pub fn of(env: &JsValue) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let origin = text(env, "ORIGIN_URL", &mut wrong).trim_end_matches('/').to_owned();
        if !is_origin(&origin) {
            wrong.push("ORIGIN_URL must be http://host or https://host, without a path".to_owned());
        }
        let public_host = text(env, "PUBLIC_HOST", &mut wrong);
        let key = key(env, "EDGE_AUTH_KEY", &mut wrong);
        if key.is_none() {
            wrong.push("EDGE_AUTH_KEY is missing: `wrangler secret put EDGE_AUTH_KEY`".to_owned());
        }
        let token_key = self::key(env, "CATALOG_TOKEN_KEY", &mut wrong);
        let capacity = js::text(env, "CAPACITY_MB").map(|text| text.parse::<u64>());
        let capacity_mb = match capacity {
            None => CAPACITY_MB,
            Some(Ok(mb)) if mb <= CAPACITY_MB_MAX => mb,
            Some(_) => {
                wrong.push(format!("CAPACITY_MB must be a whole number up to {CAPACITY_MB_MAX}"));
                CAPACITY_MB
            }
        };

        match key {
            Some(key) if wrong.is_empty() => Ok(Self {
                own: OwnRequests::signed_with(&key, &public_host),
                origin,
                public_host,
                key,
                token_key,
                rate_limit: js::get(env, "READ_LIMITER").map(RateLimit::new),
                capacity_bytes: capacity_mb << 20,
            }),
            _ => Err(wrong),
        }
    }
}

fn text(env: &JsValue, name: &str, wrong: &mut Vec<String>) -> String {
    js::text(env, name).unwrap_or_else(|| {
        wrong.push(format!("{name} is missing"));
        String::new()
    })
}

fn key(env: &JsValue, name: &str, wrong: &mut Vec<String>) -> Option<SigningKey> {
    let secret = js::text(env, name)?;
    let key = SigningKey::of_secret(secret.as_bytes());

    key.map_err(|error| wrong.push(format!("{name}: {error}"))).ok()
}

fn is_origin(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));

    authority.is_some_and(|authority| !authority.is_empty() && !authority.contains(['/', '?', '#']))
}
