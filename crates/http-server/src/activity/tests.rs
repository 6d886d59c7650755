//! What renews a connection's time, and what ends it.

use super::*;

const IDLE: u64 = 60_000;
const HEAD: u64 = 10_000;

fn connection() -> (Connection, Clock) {
    let clock = Clock::start();
    let settings = ServerSettings {
        idle_timeout: Duration::from_millis(IDLE),
        head_timeout: Duration::from_millis(HEAD),
        trusted: vec![IpAddr::from([10, 0, 0, 1])],
        ..ServerSettings::new("test")
    };

    (Connection::new(IpAddr::from([192, 0, 2, 1]), clock.clone(), &settings), clock)
}

/// Asks and is answered at once.
fn ask(connection: &Connection, status: u16) -> Response<()> {
    connection.received();
    connection.request_started();
    let mut response = Response::builder().status(status).body(()).unwrap();
    let is_useful = connection.judge(&mut response);
    connection.response_finished(is_useful);
    response
}

#[test]
fn a_silent_connection_ends_with_the_idle_timeout() {
    let (connection, clock) = connection();

    clock.set(1 + IDLE);
    assert_eq!(connection.expired(), None);
    clock.set(2 + IDLE);
    assert_eq!(connection.expired(), Some(Reason::Idle));
}

#[test]
fn a_head_that_is_dripped_ends_with_the_head_timeout() {
    let (connection, clock) = connection();

    for moment in (1..HEAD).step_by(500) {
        clock.set(moment);
        connection.received();
        assert_eq!(connection.expired(), None);
    }
    clock.set(2 + HEAD);
    connection.received();

    assert_eq!(connection.expired(), Some(Reason::Head));
}

#[test]
fn an_answer_of_use_renews_the_time_and_a_refusal_does_not() {
    for (status, renews) in [(200, true), (304, true), (404, true), (401, true), (422, true)]
        .into_iter()
        .chain([400, 408, 429, 431, 501, 500, 502, 503, 504].map(|status| (status, false)))
    {
        let (connection, clock) = connection();
        for moment in (15_000..=IDLE).step_by(15_000) {
            clock.set(moment);
            let told = ask(&connection, status);
            assert!(told.headers().is_empty(), "{status} at {moment}");
        }

        clock.set(IDLE + 5_000);

        assert_eq!(connection.expired().is_none(), renews, "{status}");
        let closes = ask(&connection, 429).headers().contains_key(CONNECTION);
        assert_eq!(closes, !renews, "{status}");
    }
}

#[test]
fn what_a_trusted_peer_is_answered_always_renews_its_time() {
    let (connection, clock) = connection();
    connection.trust();

    clock.set(IDLE);
    let told = ask(&connection, 503);
    clock.set(IDLE + 5_000);

    assert!(told.headers().is_empty());
    assert_eq!(connection.expired(), None);
}

#[test]
fn a_refusal_that_is_just_written_is_not_cut_off() {
    let (connection, clock) = connection();
    clock.set(IDLE);
    connection.request_started();

    clock.set(IDLE + 5_000);
    connection.response_finished(false);

    assert_eq!(connection.expired(), None);
    clock.set(IDLE + 6_500);
    assert_eq!(connection.expired(), Some(Reason::Idle));
}

#[test]
fn a_client_that_waits_for_us_is_waited_for() {
    let (connection, clock) = connection();
    connection.received();
    connection.request_started();

    clock.set(IDLE * 10);

    assert_eq!(connection.expired(), None);
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_closed() {
    let (connection, clock) = connection();
    connection.request_started();
    connection.write_blocked();

    clock.set(IDLE / 2);
    connection.write_blocked();
    assert_eq!(connection.expired(), None);
    clock.set(IDLE + 2);
    assert_eq!(connection.expired(), Some(Reason::Stalled));
    connection.write_flows();

    assert_eq!(connection.expired(), None);
}

#[test]
fn a_busy_connection_is_protected_while_it_gets_on() {
    let (connection, clock) = connection();
    assert!(!connection.is_protected());

    connection.request_started();
    assert!(connection.is_protected());
    clock.set(PROTECTED_FOR.as_millis() as u64 + 2);
    assert!(!connection.is_protected());
    connection.progressed();

    assert!(connection.is_protected());
}

#[test]
fn an_address_is_trusted_however_it_is_written() {
    let settings = ServerSettings {
        trusted: vec![IpAddr::from([10, 0, 0, 1])],
        ..ServerSettings::new("test")
    };
    let of = |peer: &str| Connection::new(peer.parse().unwrap(), Clock::start(), &settings);

    assert!(of("10.0.0.1").is_trusted() && of("::ffff:10.0.0.1").is_trusted());
    assert!(!of("10.0.0.2").is_trusted());
    assert_eq!(of("::ffff:10.0.0.2").client(), of("10.0.0.2").client());
    assert_eq!(of("2001:db8::1").client(), of("2001:db8::2").client());
}
