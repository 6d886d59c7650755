//! No read that begins after the bound shows what was before a write: every read is checked, while
//! several admins write.

use anyhow::Result;
use tests::stale::{Admin, read_while_written};
use tests::{Endpoint, Shop, World};

use crate::edge::open_shop;

/// Where admins write, and the edge where shoppers read.
struct Stage {
    admin: Admin,
    edge: Endpoint,
    shops: Vec<Shop>,
}

impl Stage {
    /// The whole shop in one process, as it comes.
    async fn of_one_process(world: &World) -> Result<Self> {
        let key = world.admin_key("owner").await?;
        let shop = world.open().await?;
        let (admin, edge) = (Admin { origin: shop.origin().clone(), key }, shop.edge().clone());

        Ok(Self { admin, edge, shops: vec![shop] })
    }

    /// Admins at one origin; shoppers at an edge before another one. No process is told of a
    /// change: without an invalidator there is neither push nor message, and each follows the log
    /// by its own timer.
    async fn where_every_message_is_lost(world: &World) -> Result<Self> {
        let key = world.admin_key("owner").await?;
        let silent = [("SHOP__INVALIDATOR__ENABLED", "false")];
        let (here, there) = (open_shop(world, &silent).await?, open_shop(world, &silent).await?);
        let edge = world.open_edge(&there.origin().url(), &[]).await?;
        let (admin, endpoint) = (Admin { origin: here.origin().clone(), key }, edge.edge().clone());

        Ok(Self { admin, edge: endpoint, shops: vec![edge, there, here] })
    }

    async fn shows_nothing_stale(self, reads: u64) -> Result<()> {
        read_while_written(&self.admin, &self.edge, reads).await?;
        for shop in self.shops {
            shop.close().await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn none_of_a_hundred_thousand_reads_after_the_bound_is_stale() -> Result<()> {
    let world = World::new()?;

    Stage::of_one_process(&world).await?.shows_nothing_stale(100_000).await
}

#[tokio::test]
async fn nor_is_any_read_after_the_bound_when_every_message_is_lost() -> Result<()> {
    let world = World::new()?;

    Stage::where_every_message_is_lost(&world).await?.shows_nothing_stale(60_000).await
}

/// As many as above; by hand, since they take a minute more:
/// `cargo test -p tests --test end_to_end -- --ignored --nocapture every_message_is_lost`.
#[tokio::test]
#[ignore = "a longer run of what the test above runs; by hand"]
async fn none_of_two_hundred_thousand_when_every_message_is_lost() -> Result<()> {
    let world = World::new()?;

    Stage::where_every_message_is_lost(&world).await?.shows_nothing_stale(200_000).await
}
