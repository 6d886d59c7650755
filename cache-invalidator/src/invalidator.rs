//! The invalidator put together: one follower of the store's log, and everybody who is told.

use std::sync::Arc;
use std::time::Duration;

use cache::Follower;
use domain::Stamp;
use edge_core::auth::SigningKey;
use platform::{InvalidatorSettings, Platform, PurgePlan, Shutdown};
use ports::{Bell, World};
use reqwest::Client;
use store::{Catalog, Db};
use supervision::Supervisor;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use crate::announce::{Announcer, Beside, Rung, tell};
use crate::heard::{Heard, Measures};
use crate::http::{self, ClientError};
use crate::observe::{BOUND, Observer, Sample, Samples, observe};
use crate::purge::{Cloudflare, Purger, Purges};
use crate::push::Door;

/// A push is answered at once or is of no use; a look takes as long as a cold page.
const CALL_WITHIN: Duration = Duration::from_secs(2);
/// Changes that wait to be looked for.
const SAMPLES_MAX: usize = 64;

/// What an invalidator needs beside its settings.
pub struct Parts {
    pub catalog: Catalog,
    pub world: Arc<dyn World>,
    /// Signs pushes.
    pub key: SigningKey,
    /// Caches of the same process: told of changes, and heard from when they know of one first.
    pub beside: Vec<Follower>,
    /// Edges that are observed, in addition to those of the settings.
    pub observed: Vec<String>,
    /// How processes tell one another, where there is a way.
    pub bell: Option<Arc<dyn Bell>>,
    /// Runs the invalidator's tasks.
    pub supervisor: Supervisor,
}

/// Ready to run.
pub struct Invalidator {
    follower: Follower,
    heads: watch::Receiver<Option<Stamp>>,
    announcers: Vec<Arc<dyn Announcer>>,
    beside: Vec<Follower>,
    bell: Option<Arc<dyn Bell>>,
    purging: Option<(Purges, Cloudflare, PurgePlan)>,
    observing: Option<(Observer, mpsc::Receiver<Sample>)>,
    supervisor: Supervisor,
}

/// An invalidator that runs; its tasks end after the shutdown.
pub struct Running {
    /// How far it has heard of the log.
    pub follower: Follower,
    pub tasks: JoinSet<()>,
}

impl Parts {
    /// Of a process that holds no cache.
    pub fn of(platform: &Platform, supervisor: Supervisor) -> Self {
        Self {
            catalog: Catalog::over(Db::new(
                Arc::clone(&platform.items),
                Arc::clone(&platform.world),
            )),
            world: Arc::clone(&platform.world),
            key: platform.secrets.edge_key(),
            beside: Vec::new(),
            observed: Vec::new(),
            bell: platform.bell.clone(),
            supervisor,
        }
    }
}

impl Invalidator {
    pub fn new(settings: &InvalidatorSettings, parts: Parts) -> Result<Self, ClientError> {
        let Parts { catalog, world, key, beside, observed, bell, supervisor } = parts;
        let client = http::inside(CALL_WITHIN)?;
        let (head, heads) = watch::channel(None);
        let mut announcers = doors(settings, &client, &key, &world);
        announcers.extend(bell.iter().map(|bell| Arc::new(Rung(Arc::clone(bell))) as Arc<_>));
        announcers.extend(beside.iter().map(|one| Arc::new(Beside(one.clone())) as Arc<_>));
        let edges: Vec<_> = observed.into_iter().chain(settings.edges.iter().cloned()).collect();

        let purging = match &settings.cloudflare {
            Some(chosen) => Some((Purges::new(), Cloudflare::new(chosen)?, chosen.plan)),
            None => None,
        };
        let one_in = settings.observe_one_in.filter(|_| !edges.is_empty());
        let (samples, observing) = match one_in {
            Some(one_in) => {
                let (queue, taken) = mpsc::channel(SAMPLES_MAX);
                let (catalog, world) = (catalog.clone(), Arc::clone(&world));
                let observer = Observer { edges, client, catalog, world, bound: BOUND };
                (Some(Samples { one_in, queue }), Some((observer, taken)))
            }
            None => (None, None),
        };
        let heard = Heard {
            heads: head,
            purges: purging.as_ref().map(|(purges, ..)| purges.clone()),
            samples,
            world,
            measures: Measures::new(),
        };
        let log = Arc::clone(catalog.log());

        Ok(Self {
            // A push has a quarter of a second; a follower of its own accord asks once a second.
            follower: Follower::paced(log, Arc::new(heard), settings.poll_every),
            heads,
            announcers,
            beside,
            bell,
            purging,
            observing,
            supervisor,
        })
    }

    /// Runs until `shutdown`.
    pub fn start(self, shutdown: &Shutdown) -> Running {
        let mut tasks = JoinSet::new();
        let (supervisor, follower) = (&self.supervisor, &self.follower);

        for announcer in self.announcers {
            let parts = (announcer, self.heads.clone(), shutdown.clone());
            tasks.spawn(supervisor.keep("announcer", parts, |(announcer, heads, shutdown)| {
                tell(announcer, heads, shutdown)
            }));
        }
        for one in self.beside {
            let parts = (one, follower.clone(), shutdown.clone());
            tasks.spawn(supervisor.keep("change-listener", parts, |(one, follower, shutdown)| {
                hear(one, follower, shutdown)
            }));
        }
        if let Some(bell) = self.bell {
            let parts = (bell, follower.clone(), shutdown.clone());
            tasks.spawn(supervisor.keep("redis-listener", parts, |(bell, follower, shutdown)| {
                listen(bell, follower, shutdown)
            }));
        }
        if let Some((purges, cloudflare, plan)) = self.purging {
            let cloudflare: Arc<dyn Purger> = Arc::new(cloudflare);
            let parts = (purges, cloudflare, shutdown.clone());
            tasks.spawn(supervisor.keep("purges", parts, move |(purges, cloudflare, shutdown)| {
                purges.run(cloudflare, plan, shutdown)
            }));
        }
        if let Some((observer, samples)) = self.observing {
            let parts = (Arc::new(observer), Arc::new(Mutex::new(samples)), shutdown.clone());
            tasks.spawn(supervisor.keep("observer", parts, |(observer, samples, shutdown)| {
                observe(observer, samples, shutdown)
            }));
        }
        let parts = (follower.clone(), shutdown.clone());
        tasks.spawn(supervisor.keep(
            "invalidator-follower",
            parts,
            async |(follower, shutdown)| {
                follower.run(shutdown.begun()).await;
            },
        ));

        Running { follower: self.follower, tasks }
    }
}

impl Running {
    /// Ready when every task has ended.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the invalidator ended by a mistake of its own");
            }
        }
    }
}

fn doors(
    settings: &InvalidatorSettings,
    client: &Client,
    key: &SigningKey,
    world: &Arc<dyn World>,
) -> Vec<Arc<dyn Announcer>> {
    let urls = settings.edges.iter().chain(&settings.origins);
    let door = |url: &String| Door {
        url: url.clone(),
        client: client.clone(),
        key: key.clone(),
        world: Arc::clone(world),
    };

    urls.map(|url| Arc::new(door(url)) as Arc<dyn Announcer>).collect()
}

/// Asks for the log as soon as a cache beside this one is past it: a write of this process is known
/// to its origin first.
async fn hear(beside: Follower, follower: Follower, shutdown: Shutdown) {
    let hearing = async {
        let mut known = None;
        loop {
            known = beside.moved(known.as_ref()).await;
            let is_news = known.as_ref().is_some_and(|its| {
                follower.stamp().is_none_or(|ours| ours.log != its.log || ours.seq < its.seq)
            });
            if is_news {
                follower.kick();
            }
        }
    };

    tokio::select! {
        () = hearing => {}
        () = shutdown.begun() => {}
    }
}

/// What another process rings of is news here too: sooner than the next poll.
async fn listen(bell: Arc<dyn Bell>, follower: Follower, shutdown: Shutdown) {
    let heard = |head: Stamp| {
        let is_there =
            follower.stamp().is_some_and(|ours| ours.log == head.log && ours.seq >= head.seq);
        if !is_there {
            follower.kick();
        }
    };

    tokio::select! {
        () = bell.hear(&heard) => {}
        () = shutdown.begun() => {}
    }
}
