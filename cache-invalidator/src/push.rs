//! Announces by a signed push to one native edge or origin.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Stamp;
use edge_core::auth::SigningKey;
use edge_core::{headers, push};
use ports::{PortError, PortErrorKind, World};
use reqwest::{Client, StatusCode};

use crate::announce::Announcer;

pub(crate) struct PushAnnouncer {
    /// Scheme and authority.
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) key: SigningKey,
    pub(crate) world: Arc<dyn World>,
}

#[async_trait]
impl Announcer for PushAnnouncer {
    fn name(&self) -> &str {
        &self.url
    }

    async fn announce(&self, at: &Stamp) -> Result<(), PortError> {
        const ATTEMPTED: &str = "push a change";
        let target = push::target(at);
        let auth = push::sign(&self.key, &target, self.world.now(), self.world.random());
        let request = self.client.post(format!("{}{target}", self.url));

        let answer = request.header(headers::EDGE_AUTH, auth).send().await.map_err(|error| {
            PortError::new(PortErrorKind::Unavailable, ATTEMPTED).because(error.without_url())
        })?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            // A receiver that rejects the signature responds as if there were no such page.
            StatusCode::NOT_FOUND => Err(PortError::new(
                PortErrorKind::Invalid,
                "push a change: invalid signature; do both have the same secrets.edge_auth?",
            )),
            status => {
                let attempted = format!("{ATTEMPTED}: status {}", status.as_u16());
                Err(PortError::new(PortErrorKind::Unavailable, attempted))
            }
        }
    }
}
