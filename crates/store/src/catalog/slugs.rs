//! Slugs are looked up by their claim.

use domain::Slug;
use ports::PortError;

use crate::keys::{self, SlugOf};
use crate::write::Db;

/// The id of what has the slug.
pub(crate) async fn claimed_by<T: serde::de::DeserializeOwned>(
    db: &Db,
    of: SlugOf,
    slug: &Slug,
) -> Result<Option<T>, PortError> {
    #[derive(serde::Deserialize)]
    struct Claim<T> {
        id: T,
    }
    let claim = db.items.get(&keys::slug(of, slug)).await?;

    claim.map(|item| item.parse::<Claim<T>>("a slug's claim")).transpose().map(|c| c.map(|c| c.id))
}
