//! Many at once, and the last ones.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Proxied, said};

#[tokio::test]
async fn a_herd_asks_once() {
    let it = Arc::new(Proxied::open().await);
    let answers = it.plays(&[("cache-control", "max-age=60")]);
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let herd: Vec<_> = (0..100)
        .map(|_| {
            let it = Arc::clone(&it);
            tokio::spawn(async move { it.get().await })
        })
        .collect();

    it.until(|| !it.origin.seen().is_empty()).await;
    it.origin.gate.add_permits(1);
    let mut collapsed = 0;
    for reply in herd {
        let reply = reply.await.unwrap();
        assert_eq!(reply.text(), "1");
        collapsed += usize::from(said(&reply).contains("collapsed"));
    }

    assert_eq!(answers.load(Ordering::SeqCst), 1);
    assert!(collapsed > 0, "some request waited");
}

#[tokio::test]
async fn no_client_gets_another_clients_response() {
    let it = Arc::new(Proxied::open().await);
    it.plays(&[("cache-control", "private, max-age=60")]);
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let herd: Vec<_> = (0..20)
        .map(|_| {
            let it = Arc::clone(&it);
            tokio::spawn(async move { it.get().await })
        })
        .collect();
    it.until(|| !it.origin.seen().is_empty()).await;
    it.origin.gate.add_permits(20);

    let mut bodies = Vec::new();
    for reply in herd {
        let reply = reply.await.unwrap();
        assert_eq!(said(&reply), "fwd=uri-miss");
        bodies.push(reply.text().to_owned());
    }

    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 20);
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_answered() {
    let it = Arc::new(Proxied::open().await);
    it.plays(&[("cache-control", "max-age=60")]);
    it.origin.gate.forget_permits(usize::MAX >> 3);
    let reader = tokio::spawn({
        let it = Arc::clone(&it);
        async move { it.get().await }
    });
    it.until(|| !it.origin.seen().is_empty()).await;

    drop(it.stop.lock().unwrap().take());
    it.origin.gate.add_permits(1);

    assert_eq!(reader.await.unwrap().text(), "1");
    it.until(|| it.proxy.join.is_finished()).await;
}
