//! The power goes under requests that carry idempotency keys: each of them has its effect once,
//! however it is sent again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tests::catalogue::{create_category, draft, json_lines};
use tests::{Answer, Call, Endpoint, Shop, World, until};
use tokio::sync::mpsc;

use crate::edge::open_shop;

/// Kills; two seconds each.
const ROUNDS: usize = 15;
const WRITERS: usize = 32;
const SKUS: usize = 8;
/// What a draft has in stock.
const FIRST_STOCK: i64 = 7;
/// Answers before each kill.
const ANSWERED: usize = 60;
/// What a retry waits for after a crash.
const LEASE: (&str, &str) = ("SHOP__ORIGIN__IDEMPOTENCY_LEASE_MS", "1000");
/// Many leases, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);

/// A write with a key of its own, and what was answered to it.
#[derive(Debug)]
struct Write {
    key: String,
    path: String,
    body: Value,
    /// SKUs of which it takes one piece in, each for a reason that is said once.
    adjusts: Vec<(String, String)>,
    /// The slug of a product that it makes.
    creates: Option<String>,
    answer: Option<Answer>,
}

impl Write {
    fn new(category: &str, round: usize, writer: usize, at: usize) -> Self {
        let key = format!("r{round}-w{writer}-{at}");
        let sku = |next: usize| format!("sku-{}", (writer + at + next) % SKUS);
        let none = Self {
            path: String::new(),
            body: Value::Null,
            adjusts: Vec::new(),
            creates: None,
            answer: None,
            key: key.clone(),
        };

        match writer % 8 {
            0..=4 => Self {
                path: format!("/admin/inventory/{}/adjust", sku(0)),
                body: json!({ "delta": 1, "reason": key }),
                adjusts: vec![(sku(0), key)],
                ..none
            },
            5 => Self {
                path: "/admin/products".into(),
                body: draft(&key, &key, category),
                creates: Some(key),
                ..none
            },
            _ => {
                let adjusts: Vec<_> = (0..3).map(|n| (sku(n), format!("{key}/{n}"))).collect();
                let mut operations: Vec<_> = adjusts
                    .iter()
                    .map(|(sku, reason)| {
                        json!({ "op": "adjust_stock", "sku": sku, "delta": 1, "reason": reason })
                    })
                    .collect();
                let product = draft(&key, &key, category);
                operations.insert(1, json!({ "op": "create_product", "product": product }));
                Self {
                    path: "/admin/bulk".into(),
                    body: json!({ "operations": operations }),
                    adjusts,
                    creates: Some(key),
                    ..none
                }
            }
        }
    }

    fn call(&self, origin: &Endpoint, by: &str) -> Call {
        let call = origin.call("POST", &self.path).by(by).json(&self.body);

        call.header("idempotency-key", &self.key)
    }

    /// Sends it again until there is an answer that says what became of it.
    async fn retry(&self, origin: &Endpoint, by: &str) -> Result<Answer> {
        until(PATIENCE, "a retry is answered", async || {
            let answer = self.call(origin, by).send().await?;
            match answer.status {
                200 | 201 => Ok(Some(answer)),
                409 if answer.problem()? == "idempotency_in_progress" => Ok(None),
                503 | 504 => Ok(None),
                _ => bail!("{}: {answer}", self.key),
            }
        })
        .await
    }
}

/// Everything that was ever sent to a shop that is killed again and again.
struct Scene {
    world: World,
    admin: String,
    category: String,
    /// `None` while it is down.
    shop: Option<Shop>,
    writes: Vec<Write>,
}

impl Scene {
    async fn open() -> Result<Self> {
        let world = World::new()?;
        let admin = world.admin_key("owner").await?;
        let shop = open_shop(&world, &[LEASE]).await?;
        let category = create_category(shop.origin(), &admin, "Tools").await?;
        for at in 0..SKUS {
            let sku = format!("sku-{at}");
            let call = shop.origin().call("POST", "/admin/products").by(&admin);
            call.json(&draft(&sku, &sku, &category)).send().await?.must_be(201)?;
        }

        Ok(Self { world, admin, category, shop: Some(shop), writes: Vec::new() })
    }

    fn origin(&self) -> Result<&Endpoint> {
        Ok(self.shop.as_ref().context("a shop is open")?.origin())
    }

    /// Writes until the shop is killed; gives what was sent since.
    async fn kill_under_writes(&mut self, round: usize) -> Result<Vec<Write>> {
        let (said, mut heard) = mpsc::unbounded_channel();
        let context = Arc::new((self.origin()?.clone(), self.admin.clone()));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (context, said) = (Arc::clone(&context), said.clone());
                let category = self.category.clone();
                tokio::spawn(async move {
                    for at in 0..10_000 {
                        let mut write = Write::new(&category, round, writer, at);
                        let sent = write.call(&context.0, &context.1).send().await;
                        let is_over = sent.is_err();
                        write.answer = sent.ok().filter(|answer| answer.status < 300);
                        if said.send(write).is_err() || is_over {
                            return;
                        }
                    }
                })
            })
            .collect();
        drop(said);
        let mut sent = Vec::new();
        while sent.len() < ANSWERED {
            sent.push(heard.recv().await.context("the shop stopped by itself")?);
        }

        self.shop.take().context("a shop is open")?.kill()?;
        for writer in writers {
            writer.await?;
        }
        self.shop = Some(open_shop(&self.world, &[LEASE]).await?);
        while let Some(write) = heard.recv().await {
            sent.push(write);
        }
        Ok(sent)
    }

    /// Sends what was not answered again; gives how many had happened all the same.
    async fn settle(&mut self, mut sent: Vec<Write>) -> Result<(usize, usize)> {
        let origin = self.origin()?.clone();
        let open: Vec<_> = sent.iter_mut().filter(|write| write.answer.is_none()).collect();
        let unanswered = open.len();
        let retries = open.iter().map(|write| write.retry(&origin, &self.admin));
        let answers = try_join_all(retries).await?;

        let replayed =
            answers.iter().filter(|answer| answer.header("idempotent-replayed") == "true").count();
        for (write, answer) in open.into_iter().zip(answers) {
            write.answer = Some(answer);
        }
        self.writes.extend(sent);
        Ok((unanswered, replayed))
    }

    /// What was answered is answered again, byte for byte, and has no other effect.
    async fn repeat_the_last(&self, count: usize) -> Result<()> {
        for write in self.writes.iter().rev().take(count) {
            let first = write.answer.as_ref().context("every write is answered")?;
            let again = write.retry(self.origin()?, &self.admin).await?;

            ensure!(again.body == first.body && again.status == first.status, "{first}\n{again}");
            for name in ["etag", "location", "x-catalog-seq", "content-type"] {
                ensure!(again.header(name) == first.header(name), "{name}: {first}\n{again}");
            }
            ensure!(again.header("idempotent-replayed") == "true", "{again}");
        }
        Ok(())
    }

    /// Every level is what the answers say that it is.
    async fn check_levels(&self) -> Result<()> {
        let mut wanted: BTreeMap<&str, i64> = BTreeMap::new();
        for (sku, _) in self.writes.iter().flat_map(|write| &write.adjusts) {
            *wanted.entry(sku).or_insert(FIRST_STOCK) += 1;
        }

        for (sku, wanted) in wanted {
            let path = format!("/admin/inventory/{sku}");
            let level = self.origin()?.call("GET", &path).by(&self.admin).send().await?;
            let level = level.must_be(200)?.json()?;
            ensure!(level["on_hand"] == wanted, "{sku} is not {wanted}: {level}");
        }
        Ok(())
    }

    /// The ledger and the audit list name every effect once, and no other.
    async fn check_books(&self) -> Result<()> {
        let mut adjusted: BTreeMap<String, usize> = BTreeMap::new();
        for at in 0..SKUS {
            let path = format!("/admin/inventory/sku-{at}/ledger?limit=200");
            for row in self.pages(&path).await? {
                *adjusted.entry(row["reason"].as_str().unwrap_or_default().into()).or_default() +=
                    1;
            }
        }
        let mut created: BTreeMap<String, usize> = BTreeMap::new();
        let mut audited: BTreeMap<String, usize> = BTreeMap::new();
        for entry in self.pages("/admin/audit?limit=200").await? {
            let (into, field) = match entry["action"].as_str() {
                Some("product.create") => (&mut created, "name"),
                Some("stock.adjust") => (&mut audited, "reason"),
                _ => continue,
            };
            *into
                .entry(entry["details"][field].as_str().unwrap_or_default().into())
                .or_default() += 1;
        }

        for write in &self.writes {
            for (_, reason) in &write.adjusts {
                let counts = (adjusted.get(reason), audited.get(reason));
                ensure!(counts == (Some(&1), Some(&1)), "{reason} happened {counts:?} times");
            }
            if let Some(slug) = &write.creates {
                ensure!(created.get(slug) == Some(&1), "{slug} was made {:?}", created.get(slug));
            }
        }
        let all = self.writes.iter().map(|write| write.adjusts.len()).sum::<usize>();
        ensure!(audited.len() == all, "{} adjustments, {all} were asked for", audited.len());
        Ok(())
    }

    async fn pages(&self, path: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.origin()?.call("GET", &format!("{path}{cursor}")).by(&self.admin);
            let mut page = page.send().await?.must_be(200)?.json()?;
            found.append(page["data"].as_array_mut().context("a page has data")?);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }
}

#[tokio::test]
async fn a_key_has_one_effect_however_often_the_shop_is_killed_under_it() -> Result<()> {
    let mut scene = Scene::open().await?;
    let (mut unanswered, mut replayed) = (0, 0);

    for round in 0..ROUNDS {
        let sent = scene.kill_under_writes(round).await?;
        let settled = scene.settle(sent).await?;
        unanswered += settled.0;
        replayed += settled.1;
        scene.check_levels().await?;
        scene.repeat_the_last(10).await?;
    }

    scene.check_levels().await?;
    scene.check_books().await?;
    let all = scene.writes.len();
    println!("{all} writes, {unanswered} unanswered at a kill, {replayed} of them had happened");
    ensure!(replayed > 0, "no kill met a write between its effect and its answer");
    scene.shop.context("a shop is open")?.close().await
}

#[tokio::test]
async fn an_import_that_outlives_its_lease_is_run_once() -> Result<()> {
    const ROWS: usize = 3_000;
    let world = World::new()?;
    let admin = world.admin_key("catalog").await?;
    let shop = open_shop(&world, &[LEASE]).await?;
    let rows = json_lines(ROWS);
    let refused = AtomicUsize::new(0);
    let import = async || {
        until(PATIENCE * 2, "the import is answered", async || {
            let call = shop.origin().call("POST", "/admin/imports").by(&admin);
            let call = call.header("content-type", "application/x-ndjson");
            // A client that has waited too long for an answer sends the request again.
            let Ok(answer) = call.header("idempotency-key", "one").body(rows.clone()).send().await
            else {
                return Ok(None);
            };
            match answer.status {
                200 => Ok(Some(answer)),
                409 if answer.problem()? == "idempotency_in_progress" => {
                    ensure!(answer.header("retry-after") == "1", "{answer}");
                    refused.fetch_add(1, Ordering::Relaxed);
                    Ok(None)
                }
                504 => Ok(None),
                _ => bail!("{answer}"),
            }
        })
        .await
    };

    let began = Instant::now();
    let (one, other) = tokio::try_join!(import(), import())?;

    let took = began.elapsed();
    ensure!(took > Duration::from_secs(2), "{took:?} is no two leases: give it more rows");
    ensure!(refused.into_inner() > 0, "no request came while the import ran");
    let report = one.json()?;
    ensure!(report["created"] == ROWS && report["unchanged"] == 0, "it ran twice: {report}");
    ensure!(one.body == other.body, "{one}\n{other}");
    let replays = [&one, &other].map(|answer| answer.header("idempotent-replayed") == "true");
    ensure!(replays.contains(&true), "both ran");
    shop.close().await
}
