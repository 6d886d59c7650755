//! What a write reads of the tree, the collections and the lists: nothing twice, and never what is
//! not so any more.

use std::time::Duration;

use domain::draft::{CategoryPatch, VariantPatch};
use domain::{Category, CategoryId, Membership, Tag, VariantId};
use ports::{Condition, Key, Table, Transaction, Update};
use store::{Catalog, Committed};

use crate::shop::{Shop, collection_draft, money, on_each_engine, usd};

/// Longer than any engine takes to show all of a transaction.
const VISIBLE: Duration = Duration::from_secs(3);

impl Shop {
    async fn categories(&self, many: usize) {
        self.categories_from(0, many).await;
    }

    async fn categories_from(&self, first: usize, many: usize) {
        for number in first..first + many {
            self.category(&format!("Category {number}")).await;
        }
    }

    /// How many items one more price costs.
    async fn items_read_by_a_price(&self, id: VariantId) -> usize {
        let before = self.faults.items_read();
        reprice(self, &self.catalog, id).await;
        self.faults.items_read() - before
    }

    async fn names(&self, committed: &Committed<domain::Variant>, tag: Tag) -> bool {
        let before = domain::Seq(committed.seq.0 - 1);
        let row = self.log().rows(before, 1).await.unwrap().remove(0);

        row.tags.contains(&tag)
    }
}

async fn reprice(shop: &Shop, catalog: &Catalog, id: VariantId) -> Committed<domain::Variant> {
    let (_, old) = catalog.variant(id).await.unwrap().unwrap();
    let patch =
        VariantPatch { price: Some(money(old.price.amount + 1)), ..VariantPatch::default() };

    catalog.update_variant(id, old.version, &patch, usd(), &shop.by).await.unwrap()
}

fn below(parent: CategoryId) -> CategoryPatch {
    CategoryPatch { parent: Some(Some(parent)), ..CategoryPatch::default() }
}

async fn in_tents(shop: &Shop) -> (Category, VariantId) {
    let tents = shop.category("Tents").await;
    let id = shop.product("igloo", &tents).await.variants[0].id;

    (tents, id)
}

on_each_engine! {
    async fn a_price_costs_as_many_reads_however_many_categories_and_collections_there_are(shop) {
        let (_, id) = in_tents(&shop).await;
        shop.world.pass(VISIBLE);
        reprice(&shop, &shop.catalog, id).await;
        let few = shop.items_read_by_a_price(id).await;

        shop.categories(60).await;
        for number in 0..20 {
            let membership = Membership::Manual { products: Vec::new() };
            let draft = collection_draft(&format!("Collection {number}"), membership);
            shop.catalog.create_collection(&draft, &shop.by).await.unwrap();
        }
        shop.world.pass(VISIBLE);
        reprice(&shop, &shop.catalog, id).await;
        let many = shop.items_read_by_a_price(id).await;

        assert_eq!(many, few);
    }

    async fn each_of_many_categories_costs_as_many_reads_as_the_first(shop) {
        shop.categories(1).await;
        let before = shop.faults.items_read();
        shop.category("Tents").await;
        let one = shop.faults.items_read() - before;

        shop.categories_from(100, 40).await;

        let before = shop.faults.items_read();
        shop.category("Boats").await;
        assert_eq!(shop.faults.items_read() - before, one);
    }

    async fn what_another_process_moved_is_named_by_the_next_write(shop) {
        let (tents, id) = in_tents(&shop).await;
        let outdoor = shop.category("Outdoor").await;
        let other = shop.other_process();
        shop.world.pass(VISIBLE);
        reprice(&shop, &shop.catalog, id).await;

        other.update_category(tents.id, 1, &below(outdoor.id), &shop.by).await.unwrap();
        let done = reprice(&shop, &shop.catalog, id).await;

        assert!(shop.names(&done, Tag::category(outdoor.id)).await);
    }

    async fn a_move_that_is_half_visible_is_not_remembered_so(shop) {
        let (tents, id) = in_tents(&shop).await;
        let outdoor = shop.category("Outdoor").await;
        let other = shop.other_process();
        let key = Key::new(Table::Catalog, "categories", tents.id.to_string());
        other.update_category(tents.id, 1, &below(outdoor.id), &shop.by).await.unwrap();
        shop.faults.age(key, &tents);
        reprice(&shop, &shop.catalog, id).await;

        shop.faults.show_all();
        let done = reprice(&shop, &shop.catalog, id).await;

        assert!(shop.names(&done, Tag::category(outdoor.id)).await);
    }

    async fn a_store_that_was_put_back_and_counts_the_same_number_is_read_anew(shop) {
        let (tents, id) = in_tents(&shop).await;
        let outdoor = shop.category("Outdoor").await;
        shop.world.pass(VISIBLE);
        reprice(&shop, &shop.catalog, id).await;
        let lists = |sk| Key::new(Table::Catalog, "lists", sk);
        let moved = Update::Set("parent".into(), outdoor.id.to_string().into());
        let tents = Key::new(Table::Catalog, "categories", tents.id.to_string());
        let other_history = Transaction::new()
            .update_if(tents, vec![moved], Condition::Exists)
            .update_if(
                lists("surroundings"),
                vec![Update::Set("mark".into(), "another".into())],
                Condition::Exists,
            );
        shop.items.transact(&other_history).await.unwrap();

        let done = reprice(&shop, &shop.catalog, id).await;

        assert!(shop.names(&done, Tag::category(outdoor.id)).await);
    }
}
