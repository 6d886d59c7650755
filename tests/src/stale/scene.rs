//! What there is to see, and who changes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::fact::Fact;
use super::{PROMISE, SETTLES};
use crate::answer::Answer;
use crate::catalogue::{create_category, create_product, draft};
use crate::endpoint::Endpoint;
use crate::wait::until;

/// Products of a category each, so that no other write makes up for one that is missed.
const QUIET: usize = 24;

/// One admin at the origin.
#[derive(Clone)]
pub struct Admin {
    pub origin: Endpoint,
    pub key: String,
}

impl Admin {
    async fn write(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let call = self.origin.call(method, path).by(&self.key);
        let call = if method == "POST" { call } else { call.header("if-match", "*") };
        let call = if method == "PATCH" { call.merge_patch(body) } else { call.json(body) };
        let answer = call.send().await?;

        ensure!((200..300).contains(&answer.status), "{answer}");
        Ok(answer)
    }

    async fn makes(&self, fact: &Fact, value: &str, writes: &[(&str, &str, Value)]) -> Result<()> {
        fact.begins(value);
        for (method, path, body) in writes {
            self.write(method, path, body).await?;
        }
        fact.is_acknowledged();
        Ok(())
    }
}

pub(super) type Writer<'a> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// What there is to see, and who changes it.
pub(super) async fn scene<'a>(admin: &'a Admin) -> Result<(Vec<Arc<Fact>>, Vec<Writer<'a>>)> {
    let endpoint = &admin.origin;
    let (here, there) = (
        create_category(endpoint, &admin.key, "Here").await?,
        create_category(endpoint, &admin.key, "There").await?,
    );
    let made = create_product(endpoint, &admin.key, "Lamp", "lamp-1").await?;
    let lamp = text(&made["id"])?;
    let variant = format!("/admin/variants/{}", text(&made["variants"][0]["id"])?);
    let category = format!("/admin/categories/{}", text(&made["category"])?);

    let price = Fact::new("price", "/products/lamp", |answer| {
        Ok(answer.json()?["price"]["amount"].to_string())
    });
    let listed = Fact::new("price in a list", "/products?q=lamp", |answer| {
        Ok(answer.json()?["data"][0]["price"]["amount"].to_string())
    });
    let name = Fact::new("category's name", format!("/products/{lamp}"), |answer| {
        text(&answer.json()?["category"]["name"])
    });
    let tree = Fact::new("name in the tree", "/categories", |answer| {
        let tree = answer.json()?;
        let names = tree["data"].as_array().into_iter().flatten();
        let mut names = names.filter_map(|one| one["name"].as_str());
        Ok(names.find(|name| name.starts_with("For Lamp")).unwrap_or_default().to_owned())
    });
    let moved = Fact::new("move", format!("/products?category={here}"), count);
    let featured = Fact::new("featured", "/featured", count);
    let stock = Fact::new("availability", "/products?in_stock=true&q=rug", count);
    let life =
        Fact::new("made and deleted", "/products/comet", |answer| Ok(answer.status.to_string()));
    for fact in [&price, &listed] {
        fact.begins("1999");
        fact.is_acknowledged();
    }
    for fact in [&name, &tree] {
        fact.begins("For Lamp");
        fact.is_acknowledged();
    }
    for fact in [&moved, &featured] {
        fact.begins("0");
        fact.is_acknowledged();
    }
    life.begins("404");
    life.is_acknowledged();
    let rug = draft("Rug", "rug-1", &there);
    admin.makes(&stock, "1", &[("POST", "/admin/products", rug)]).await?;
    let other = admin.write("POST", "/admin/products", &draft("Moon", "moon-1", &there)).await?;
    let other = format!("/admin/products/{}", text(&other.json()?["id"])?);

    let elsewhere = there.clone();
    let mut facts =
        [&price, &listed, &name, &tree, &moved, &featured, &stock, &life].map(Arc::clone).to_vec();
    let mut quiet = Vec::new();
    for n in 0..QUIET {
        let made =
            create_product(endpoint, &admin.key, &format!("Quiet {n}"), &format!("q-{n}")).await?;
        let page = format!("/products/{}", text(&made["id"])?);
        let fact = Fact::new("price left alone", page, |answer| {
            Ok(answer.json()?["price"]["amount"].to_string())
        });
        fact.begins("1999");
        fact.is_acknowledged();
        facts.push(Arc::clone(&fact));
        quiet.push((fact, format!("/admin/variants/{}", text(&made["variants"][0]["id"])?)));
    }

    let writers: Vec<Writer<'a>> = vec![
        Box::pin(async move {
            for amount in 2_000.. {
                listed.begins(amount.to_string());
                let body = json!({ "price": { "amount": amount, "currency": "USD" } });
                admin.makes(&price, &amount.to_string(), &[("PATCH", &variant, body)]).await?;
                listed.is_acknowledged();
                // What the next change covers up has to show as well.
                if amount % 16 == 0 {
                    price.settles().await?;
                }
                breathes(&price).await?;
            }
            Ok(())
        }),
        Box::pin(async move {
            for amount in 2_000.. {
                for (fact, variant) in &quiet {
                    let body = json!({ "price": { "amount": amount, "currency": "USD" } });
                    admin.makes(fact, &amount.to_string(), &[("PATCH", variant, body)]).await?;
                }
                // The one that was changed last is past the bound last.
                if let Some((last, _)) = quiet.last() {
                    last.settles().await?;
                }
            }
            Ok(())
        }),
        Box::pin(async move {
            for n in 1.. {
                let value = format!("For Lamp {n}");
                tree.begins(value.clone());
                let body = json!({ "name": value });
                admin.makes(&name, &value, &[("PATCH", &category, body)]).await?;
                tree.is_acknowledged();
                // It names `catalog`, and so makes up for whatever another write should have named:
                // the others have their time between two of them.
                name.is_left_alone(PROMISE * 2).await?;
            }
            Ok(())
        }),
        Box::pin(async move {
            for (to, value) in [(&here, "1"), (&there, "0")].into_iter().cycle() {
                let body = json!({ "category": to });
                admin.makes(&moved, value, &[("PATCH", &other, body)]).await?;
                moved.settles().await?;
            }
            Ok(())
        }),
        Box::pin(async move {
            for (products, value) in [(vec![lamp], "1"), (vec![], "0")].iter().cycle() {
                let body = json!({ "products": products });
                admin.makes(&featured, value, &[("PUT", "/admin/featured", body)]).await?;
                featured.settles().await?;
            }
            Ok(())
        }),
        Box::pin(async move {
            for (delta, value) in [(-7, "0"), (7, "1")].into_iter().cycle() {
                let body = json!({ "delta": delta, "reason": "counted" });
                let adjust = "/admin/inventory/rug-1/adjust";
                admin.makes(&stock, value, &[("POST", adjust, body)]).await?;
                stock.settles().await?;
            }
            Ok(())
        }),
        Box::pin(async move {
            loop {
                life.begins("200");
                let comet = draft("Comet", "comet-1", &elsewhere);
                let made = admin.write("POST", "/admin/products", &comet).await?;
                life.is_acknowledged();
                life.settles().await?;
                let path = format!("/admin/products/{}", text(&made.json()?["id"])?);
                admin.makes(&life, "404", &[("DELETE", &path, json!(null))]).await?;
                life.settles().await?;
            }
        }),
    ];
    Ok((facts, writers))
}

/// A few reads between two writes.
async fn breathes(fact: &Fact) -> Result<()> {
    let before = fact.reads.load(Ordering::SeqCst);

    until(SETTLES, fact.name, async || {
        Ok((fact.reads.load(Ordering::SeqCst) > before + 5).then_some(()))
    })
    .await
}

fn count(answer: &Answer) -> Result<String> {
    let list = answer.json()?;

    Ok(list["data"].as_array().with_context(|| format!("a list: {answer}"))?.len().to_string())
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("a text: {value}"))?.to_owned())
}
