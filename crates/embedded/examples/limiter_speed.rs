//! The time that a decision of the in-memory limiter takes: `cargo run --release -p embedded --example
//! limiter_speed`.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use domain::limits::{Limit, LimitClass, Subject};
use embedded::{MemoryLimiter, SystemWorld};
use ports::{Ask, Limiter as _};

const ROUNDS: u32 = 2_000_000;

fn main() {
    for (name, subjects, threads, requests) in [
        ("one subject, refused", 1, 1, 300),
        ("one subject, allowed", 1, 1, 1_000_000),
        ("10,000 subjects", 10_000, 1, 300),
        ("10,000 subjects, 2 threads", 10_000, 2, 300),
    ] {
        let limit = Limit { requests, window: Duration::from_secs(60) };
        let limiter = Arc::new(MemoryLimiter::new(Arc::new(SystemWorld), 64 << 20));
        let began = Instant::now();
        let workers = (0..threads).map(|_| {
            let limiter = Arc::clone(&limiter);
            thread::spawn(move || {
                for n in 0..ROUNDS {
                    let number = n.wrapping_mul(2_654_435_761) % subjects;
                    let subject = Subject::address(std::net::Ipv4Addr::from(number).into());
                    black_box(limiter.try_take(&Ask { class: LimitClass::Read, subject, limit }));
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.join().expect("it ends");
        }

        let each = began.elapsed().as_nanos() / u128::from(ROUNDS);
        println!("{name}: {each} ns a decision");
    }
}
