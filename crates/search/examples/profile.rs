//! What reads and changes cost: `cargo run --release -p search --example profile`.
//!
//! The first catalogue is the retail
//! demo store (2,465 products) if it is at hand; the others are made up of its size and ten
//! thousands more.
#![allow(clippy::unwrap_used, reason = "a profile stops there")]

#[path = "../tests/shop/mod.rs"]
mod shop;

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::{CatalogProduct, ListQuery, PriceRange, Sort};
use search::{CatalogSnapshot, Index, SnapshotDelta};
use shop::{But, category, of_category, product, product_id, searching, stamp};

fn main() {
    if let Some(retail) = shop::retail::retail() {
        println!("\nretail demo store, {} products", retail.snapshot.len());
        reads(&retail.snapshot, "furniture", "style");
        changes(retail.snapshot);
    }
    for count in [2_500, 100_000] {
        println!("\nmade up, {count} products");
        let delta = made_up(count);
        let started = Instant::now();
        let snapshot = CatalogSnapshot::default().after(delta, stamp(1));
        let each_thousand = snapshot.heap_bytes() as u64 * 1_000 / count / 1_024;
        println!("{:>60} {:>14.1?}", "build", started.elapsed());
        println!("{:>60} {each_thousand:>11} KB", "memory for 1,000 products");
        reads(&snapshot, "shelf-7", "color");
        changes(snapshot);
    }
}

fn reads(snapshot: &CatalogSnapshot, slug: &str, attribute: &str) {
    let price = Some(PriceRange { min: Some(2_000), max: Some(20_000) });
    let filtered = |query: ListQuery| {
        let page = snapshot.list(&query).unwrap();
        let value = shop::counts(&page, &format!("attr.{attribute}"))[0].0.clone();
        let attributes = [(attribute.to_owned(), vec![value])].into();
        ListQuery { price, in_stock: true, attributes, ..query }
    };
    let sorted = |sort| ListQuery { sort, ..ListQuery::default() };

    for (what, query) in [
        ("search: backpack", searching("backpack")),
        ("search: leather bag, price, in stock, attribute", filtered(searching("leather bag"))),
        ("search: s", searching("s")),
        ("search: backpak (one slip)", searching("backpak")),
        ("search: wireles hedphones blak leathr", searching("wireles hedphones blak leathr")),
        ("browse all, newest", sorted(Sort::Newest)),
        ("browse all, by name", sorted(Sort::Name)),
        ("browse a category", of_category(slug)),
        ("browse a category, price, in stock, attribute", filtered(of_category(slug))),
    ] {
        let found = snapshot.list(&query).unwrap().total;
        report(&format!("{what} [{found}]"), || {
            black_box(snapshot.list(&query).unwrap().to_json());
        });
    }
    let id = snapshot.list(&ListQuery::default()).unwrap().cards[0].id();
    report("recommendations", || drop(black_box(snapshot.recommendations(id, 12))));
    report("categories", || drop(black_box(serde_json::to_vec(&snapshot.categories()))));
    report("admin list, second page", || {
        drop(black_box(snapshot.admin_list(None, None, Some(id), 50)));
    });
}

fn changes(snapshot: CatalogSnapshot) {
    let size = snapshot.len() as u64;
    let index = Index::new();
    index.install(snapshot);
    let mut turn = 0;
    let mut apply = |what: &str, changed: &dyn Fn(u64) -> CatalogProduct| {
        report(what, || {
            turn += 1;
            index.apply(SnapshotDelta::with_products([changed(turn)]), stamp(turn));
        });
    };

    let at = |turn: u64| turn * 7_919 % size + 1;
    // The first time each is another product; what follows has its text.
    apply("apply: a text", &|turn| product(at(turn), &format!("Renamed Bag {turn}")));
    apply("apply: a new product", &|turn| product(size + turn, "Brand New Backpack").within(3));
    let same = product(at(1), "Backpack");
    index.apply(SnapshotDelta::with_products([same.clone()]), stamp(1));
    let mut turn = 0;
    report("apply: a price", || {
        turn += 1;
        index.apply(SnapshotDelta::with_products([same.clone().price(turn)]), stamp(turn as u64));
    });
    report("apply: a deletion and its return", || {
        let gone =
            SnapshotDelta { products: vec![(product_id(at(1)), None)], ..SnapshotDelta::default() };
        index.apply(gone, stamp(1));
        index.apply(SnapshotDelta::with_products([same.clone()]), stamp(1));
    });
}

/// Products with names of three words, a description of thirty, and three attributes.
fn made_up(count: u64) -> SnapshotDelta {
    const STEMS: [&str; 16] = [
        "leather",
        "wireless",
        "backpack",
        "bag",
        "lamp",
        "chair",
        "running",
        "shoe",
        "jacket",
        "headphone",
        "garden",
        "kitchen",
        "ceramic",
        "cotton",
        "travel",
        "sport",
    ];
    const COLORS: [&str; 6] = ["red", "blue", "green", "black", "white", "grey"];
    let word = |seed: u64| match seed % 3 {
        0 => STEMS[(seed / 3 % 16) as usize].to_owned(),
        // Some thousands of rarer words.
        _ => format!("{}{}", STEMS[(seed / 3 % 16) as usize], syllables(seed / 48 % 512)),
    };
    let products = (1..=count).map(|number| {
        let seed = |n: u64| (number * 31 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let words = |from: u64, count: u64| {
            (from..from + count).map(|n| word(seed(n))).collect::<Vec<_>>().join(" ")
        };

        product(number, &words(0, 3))
            .described(&words(3, 30))
            .brand(&format!("Brand {}", seed(40) % 300))
            .within(number % 50 + 1)
            .price((seed(41) % 30_000) as i64)
            .attribute("color", COLORS[(seed(42) % 6) as usize])
            .attribute("style", &word(seed(43)))
            .attribute("material", STEMS[(seed(44) % 16) as usize])
    });
    let categories = (1..=50).map(|number| category(number, &format!("Shelf {number}"), None));

    SnapshotDelta {
        categories: Some(categories.collect()),
        ..SnapshotDelta::with_products(products)
    }
}

fn syllables(mut number: u64) -> String {
    let mut text = String::new();
    for _ in 0..3 {
        text.push_str(["ba", "de", "fi", "go", "lu", "ma", "ne", "po"][(number % 8) as usize]);
        number /= 8;
    }
    text
}

/// Runs it a thousand times, or for a second. The median is not moved by what else the machine does.
fn report(what: &str, mut run: impl FnMut()) {
    let mut times = Vec::new();
    let started = Instant::now();
    while times.len() < 1_000 && (times.len() < 5 || started.elapsed() < Duration::from_secs(1)) {
        let before = Instant::now();
        run();
        times.push(before.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100];

    println!("{what:>60} p50 {:>10.1?}   p95 {:>10.1?}", at(50), at(95));
}
