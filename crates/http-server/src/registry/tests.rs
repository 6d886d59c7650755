//! Random histories of a full server, held against the rule applied to every connection at each
//! step.

use std::cmp::Reverse;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::activity::Clock;
use crate::settings::ServerSettings;

#[derive(Clone, Debug)]
enum Step {
    /// From this client; a full server closes one for it.
    Opens(u8),
    /// One of the open ones ends by itself.
    Ends(prop::sample::Index),
    IsAnswered(prop::sample::Index),
    IsRefused(prop::sample::Index),
    Begins(prop::sample::Index),
    IsTrusted(prop::sample::Index),
    Passes(u16),
}

/// A connection as the test knows it, by its number.
struct Known {
    id: u64,
    client: u8,
    connection: Arc<Connection>,
}

struct Server {
    registry: Registry<u64>,
    known: Vec<Known>,
    clock: Clock,
    settings: ServerSettings,
    now: u64,
}

impl Server {
    fn new(connections_max: usize, share: usize) -> Self {
        let settings = ServerSettings {
            connections_max,
            connections_per_address: Some(share),
            ..ServerSettings::new("test")
        };

        let registry = Registry::new(settings.share());
        Self { registry, known: Vec::new(), clock: Clock::start(), settings, now: 1 }
    }

    /// Who was closed for it.
    fn open(&mut self, client: u8) -> Option<u64> {
        let is_full = self.registry.len() >= self.settings.connections_max;
        let closed = is_full.then(|| self.registry.victim()).flatten();
        let peer = IpAddr::from([192, 0, 2, client]);
        let connection = Arc::new(Connection::new(peer, self.clock.clone(), &self.settings));
        let mut given = 0;
        self.registry.insert(Arc::clone(&connection), |id| {
            given = id;
            id
        });
        self.known.retain(|one| Some(one.id) != closed);
        self.known.push(Known { id: given, client, connection });
        closed
    }

    /// The rule, in the words of the documentation.
    fn expected(&self) -> Option<u64> {
        if self.known.len() < self.settings.connections_max {
            return None;
        }
        let held = |client| {
            let of_client = |one: &&Known| one.client == client && !one.connection.is_trusted();
            self.known.iter().filter(of_client).count()
        };
        let first = self.known.iter().min_by_key(|one| {
            let is_trusted = one.connection.is_trusted();
            let is_over = !is_trusted && held(one.client) > self.settings.share();
            let is_busy = one.connection.is_protected();
            (Reverse(is_over), is_trusted, is_busy, one.connection.last_useful(), one.id)
        });

        first.map(|one| one.id)
    }

    fn with(&self, at: prop::sample::Index, act: impl FnOnce(&Connection)) {
        if !self.known.is_empty() {
            act(&self.known[at.index(self.known.len())].connection);
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Opens(_) => {}
            Step::Ends(at) if self.known.is_empty() => _ = at,
            Step::Ends(at) => {
                let ended = self.known.remove(at.index(self.known.len()));
                self.registry.remove(ended.id);
            }
            Step::IsAnswered(at) => self.with(*at, |one| one.response_finished(true)),
            Step::IsRefused(at) => self.with(*at, |one| one.response_finished(false)),
            Step::Begins(at) => self.with(*at, Connection::request_started),
            Step::IsTrusted(at) => self.with(*at, Connection::trust),
            Step::Passes(millis) => {
                self.now += u64::from(*millis);
                self.clock.set(self.now);
            }
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>;

    prop_oneof![
        6 => (0_u8..4).prop_map(Step::Opens),
        1 => at().prop_map(Step::Ends),
        3 => at().prop_map(Step::IsAnswered),
        2 => at().prop_map(Step::IsRefused),
        2 => at().prop_map(Step::Begins),
        1 => at().prop_map(Step::IsTrusted),
        3 => (0_u16..12_000).prop_map(Step::Passes),
    ]
}

proptest! {
    #[test]
    fn a_full_server_closes_the_one_that_the_rule_names(
        connections_max in 1_usize..12,
        share in 0_usize..6,
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut server = Server::new(connections_max, share);

        for step in steps {
            server.take(&step);
            if let Step::Opens(client) = step {
                let expected = server.expected();

                prop_assert_eq!(server.open(client), expected);
            }
            prop_assert_eq!(server.registry.len(), server.known.len());
            prop_assert!(server.registry.len() <= connections_max);
        }
    }

}

proptest! {
    // The rule looks at every pair of connections at each step.
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Where one look finds several, those that have done something since are passed over.
    #[test]
    fn of_many_those_go_that_were_idle_for_longest(
        used in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let count = 2 * VICTIMS_AT_ONCE + 20;
        let mut server = Server::new(count, count);
        for _ in 0..count {
            server.open(1);
        }
        for at in used {
            server.take(&Step::Passes(10));
            server.take(&Step::IsAnswered(at));
            let expected = server.expected();
            server.take(&Step::Passes(10));
            prop_assert_eq!(server.open(1), expected);
        }
    }
}

#[test]
fn a_flood_of_one_client_closes_its_own_connections() {
    let mut server = Server::new(1_000, 30);
    for client in 2..12 {
        for _ in 0..10 {
            server.open(client);
        }
    }
    for _ in 0..10_000 {
        server.take(&Step::Passes(1));
        server.open(1);
    }

    let others = server.known.iter().filter(|one| one.client != 1).count();

    // They are idle for ten seconds, and none of them had to go.
    assert_eq!((others, server.known.len()), (100, 1_000));
}

#[test]
fn what_is_beyond_its_time_is_closed_and_nothing_else() {
    let mut server = Server::new(10, 10);
    server.open(1);
    server.open(2);
    server.take(&Step::Passes(60_000));
    server.known[1].connection.response_finished(true);
    server.take(&Step::Passes(60_000));

    let expired = server.registry.expired();

    assert_eq!(expired, [(Reason::Idle, server.known[0].id)]);
    assert_eq!(server.registry.len(), 1);
}
