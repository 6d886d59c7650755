//! `limits.backend`: where requests are counted.

use super::reader::{Backend, Reader};
use super::store::StoreSettings;
use super::values::RedisUrl;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimiterSettings {
    /// By each process for itself.
    Memory,
    Redis {
        url: RedisUrl,
    },
    /// In a table of the store.
    DynamoDb,
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Redis,
    DynamoDb,
}

impl LimiterSettings {
    /// `store` is `None` if its own settings are wrong.
    pub(super) fn read(reader: &mut Reader, store: Option<&StoreSettings>) -> Option<Self> {
        const BACKEND: &str = "limits.backend";
        const URL: &str = "limits.url";
        let backends = [
            Backend::new("memory", &[], Kind::Memory),
            Backend::new("redis", &[URL], Kind::Redis),
            Backend::new("dynamodb", &[], Kind::DynamoDb),
        ];

        match reader.backend(BACKEND, &backends)? {
            Kind::Memory => Some(Self::Memory),
            Kind::Redis => reader.required_redis(URL).map(|url| Self::Redis { url }),
            Kind::DynamoDb => {
                if let Some(StoreSettings::Sqlite { .. }) = store {
                    let what = "dynamodb counts in the store's tables and needs \
                                store.backend = dynamodb";
                    reader.refuse(BACKEND, what);
                }
                Some(Self::DynamoDb)
            }
        }
    }
}
