//! Which interim responses wait for the stream; that it writes them is tested with the server.

use std::net::IpAddr;

use http::HeaderValue;
use http::header::LINK;

use super::*;
use crate::{Clock, ServerSettings};

fn connection() -> Arc<Connection> {
    let (peer, settings) = (IpAddr::from([127, 0, 0, 1]), ServerSettings::new("test"));

    Arc::new(Connection::new(peer, Clock::start(), &settings))
}

fn waiting(connection: &Connection) -> String {
    let mut bytes = Vec::new();
    connection.interim().take(&mut bytes);

    String::from_utf8(bytes).unwrap()
}

fn link(value: &str) -> HeaderMap {
    [(LINK, HeaderValue::try_from(value).unwrap())].into_iter().collect()
}

#[test]
fn an_interim_response_is_a_status_line_and_its_fields() {
    let connection = connection();
    connection.interim().open();
    let mut fields = link("</a.css>; rel=preload");
    fields.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
    fields.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));

    InterimSender::new(Arc::clone(&connection)).send(StatusCode::EARLY_HINTS, &fields);

    let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    assert_eq!(waiting(&connection), expected);
    assert_eq!(waiting(&connection), "");
}

#[test]
fn what_is_no_interim_response_or_is_the_servers_own_is_not_sent() {
    let connection = connection();
    connection.interim().open();
    let sender = InterimSender::new(Arc::clone(&connection));

    for status in [100, 101, 200, 304, 404, 500] {
        sender.send(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());

        assert_eq!(waiting(&connection), "", "{status}");
    }
}

#[test]
fn nothing_is_sent_once_the_handler_has_answered() {
    let connection = connection();
    let before_any_request = InterimSender::new(Arc::clone(&connection));
    connection.interim().open();
    let first = InterimSender::new(Arc::clone(&connection));
    connection.interim().close();
    first.send(StatusCode::EARLY_HINTS, &link("late"));
    connection.interim().open();

    first.send(StatusCode::EARLY_HINTS, &link("of another request"));
    before_any_request.send(StatusCode::EARLY_HINTS, &link("of none"));

    assert_eq!(waiting(&connection), "");
}

#[test]
fn a_request_has_a_bounded_number_of_interim_responses_of_bounded_size() {
    let connection = connection();
    connection.interim().open();
    let sender = InterimSender::new(Arc::clone(&connection));

    sender.send(StatusCode::EARLY_HINTS, &link(&"x".repeat(HEAD_BYTES_MAX)));
    assert_eq!(waiting(&connection), "");
    for _ in 0..2 * HEADS_MAX {
        sender.send(StatusCode::PROCESSING, &HeaderMap::new());
    }

    assert_eq!(waiting(&connection).matches("HTTP/1.1 102 ").count(), HEADS_MAX as usize);
}
