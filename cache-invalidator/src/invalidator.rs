//! Assembles the invalidator: one follower of the store's log, and every receiver of its rows.

use std::sync::Arc;
use std::time::Duration;

use cache::Follower;
use domain::Stamp;
use edge_core::auth::SigningKey;
use platform::{InvalidatorSettings, Platform, PurgePlan, Shutdown};
use ports::{ChangeNotifier, World};
use reqwest::Client;
use store::{Catalog, Db};
use supervision::Supervisor;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use crate::announce::{Announcer, LocalAnnouncer, NotifierAnnouncer, announce_changes};
use crate::dispatch::{Metrics, RowDispatcher};
use crate::http::{self, ClientError};
use crate::observe::{BOUND, Observer, Sample, Samples, observe};
use crate::purge::{Cloudflare, Purger, Purges};
use crate::push::PushAnnouncer;

/// A push that takes longer is of no use; a check takes as long as a cold page.
const CALL_WITHIN: Duration = Duration::from_secs(2);
/// Samples that wait for the observer.
const SAMPLES_MAX: usize = 64;

/// What an invalidator needs beside its settings.
pub struct Parts {
    pub catalog: Catalog,
    pub world: Arc<dyn World>,
    /// Signs pushes.
    pub key: SigningKey,
    /// Followers of the same process: notified of changes, and a source of those they see first.
    pub local_followers: Vec<Follower>,
    /// Edges to observe beside those of the settings; scheme and authority.
    pub observed: Vec<String>,
    /// The notifier between processes, if there is one.
    pub notifier: Option<Arc<dyn ChangeNotifier>>,
    /// Supervises the invalidator's tasks.
    pub supervisor: Supervisor,
}

/// Ready to run.
pub struct Invalidator {
    follower: Follower,
    heads: watch::Receiver<Option<Stamp>>,
    announcers: Vec<Arc<dyn Announcer>>,
    local_followers: Vec<Follower>,
    notifier: Option<Arc<dyn ChangeNotifier>>,
    purging: Option<(Purges, Cloudflare, PurgePlan)>,
    observing: Option<(Observer, mpsc::Receiver<Sample>)>,
    supervisor: Supervisor,
}

/// A running invalidator; its tasks end after the shutdown has begun.
pub struct Running {
    /// The follower of the log that everything here is driven by.
    pub follower: Follower,
    pub tasks: JoinSet<()>,
}

impl Parts {
    /// For a process without caches.
    pub fn of(platform: &Platform, supervisor: Supervisor) -> Self {
        Self {
            catalog: Catalog::over(Db::new(
                Arc::clone(&platform.items),
                Arc::clone(&platform.world),
            )),
            world: Arc::clone(&platform.world),
            key: platform.secrets.edge_key(),
            local_followers: Vec::new(),
            observed: Vec::new(),
            notifier: platform.notifier.clone(),
            supervisor,
        }
    }
}

impl Invalidator {
    pub fn new(settings: &InvalidatorSettings, parts: Parts) -> Result<Self, ClientError> {
        let Parts { catalog, world, key, local_followers, observed, notifier, supervisor } = parts;
        let client = http::inside(CALL_WITHIN)?;
        let (head, heads) = watch::channel(None);
        let mut announcers = pushes(settings, &client, &key, &world);
        let notify = |notifier: &Arc<dyn ChangeNotifier>| {
            Arc::new(NotifierAnnouncer(Arc::clone(notifier))) as Arc<_>
        };
        announcers.extend(notifier.iter().map(notify));
        let tell_local = |one: &Follower| Arc::new(LocalAnnouncer(one.clone())) as Arc<_>;
        announcers.extend(local_followers.iter().map(tell_local));
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
        let dispatcher = RowDispatcher {
            heads: head,
            purges: purging.as_ref().map(|(purges, ..)| purges.clone()),
            samples,
            world,
            metrics: Metrics::new(),
        };
        let log = Arc::clone(catalog.log());

        Ok(Self {
            // A change is pushed within a quarter of a second; followers poll once a second otherwise.
            follower: Follower::paced(log, Arc::new(dispatcher), settings.poll_every),
            heads,
            announcers,
            local_followers,
            notifier,
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
                announce_changes(announcer, heads, shutdown)
            }));
        }
        for one in self.local_followers {
            let parts = (one, follower.clone(), shutdown.clone());
            tasks.spawn(supervisor.keep("change-listener", parts, |(one, follower, shutdown)| {
                follow_local(one, follower, shutdown)
            }));
        }
        if let Some(notifier) = self.notifier {
            let parts = (notifier, follower.clone(), shutdown.clone());
            tasks.spawn(supervisor.keep(
                "redis-listener",
                parts,
                |(notifier, follower, shutdown)| listen(notifier, follower, shutdown),
            ));
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
                tracing::error!(%error, "a task of the invalidator panicked");
            }
        }
    }
}

fn pushes(
    settings: &InvalidatorSettings,
    client: &Client,
    key: &SigningKey,
    world: &Arc<dyn World>,
) -> Vec<Arc<dyn Announcer>> {
    let urls = settings.edges.iter().chain(&settings.origins);
    let push = |url: &String| PushAnnouncer {
        url: url.clone(),
        client: client.clone(),
        key: key.clone(),
        world: Arc::clone(world),
    };

    urls.map(|url| Arc::new(push(url)) as Arc<dyn Announcer>).collect()
}

/// Polls the log as soon as a follower of the same process is ahead: a write of this process reaches
/// its origin's follower first.
async fn follow_local(local: Follower, follower: Follower, shutdown: Shutdown) {
    let following = async {
        let mut known = None;
        loop {
            known = local.moved(known.as_ref()).await;
            let is_news = known.as_ref().is_some_and(|its| {
                follower.stamp().is_none_or(|ours| ours.log != its.log || ours.seq < its.seq)
            });
            if is_news {
                follower.kick();
            }
        }
    };

    tokio::select! {
        () = following => {}
        () = shutdown.begun() => {}
    }
}

/// Polls the log as soon as another process notifies this one of a change.
async fn listen(notifier: Arc<dyn ChangeNotifier>, follower: Follower, shutdown: Shutdown) {
    let on_change = |head: Stamp| {
        let has_it =
            follower.stamp().is_some_and(|ours| ours.log == head.log && ours.seq >= head.seq);
        if !has_it {
            follower.kick();
        }
    };

    tokio::select! {
        () = notifier.subscribe(&on_change) => {}
        () = shutdown.begun() => {}
    }
}
