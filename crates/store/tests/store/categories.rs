//! Categories: a tree without circles, never deeper than it may be, never without a parent.

use domain::category::DEPTH_MAX;
use domain::draft::CategoryPatch;
use domain::{Category, CategoryId, Change, Tag};
use futures::future::join_all;
use store::{Committed, StoreError};

use crate::shop::{Shop, assert_tags, category_draft, on_each_engine, product_draft, slug};

fn below(parent: CategoryId) -> CategoryPatch {
    CategoryPatch { parent: Some(Some(parent)), ..CategoryPatch::default() }
}

async fn delete(shop: &Shop, category: &Category) -> Result<Committed<()>, StoreError> {
    let empty_at = shop.head().await;

    shop.catalog.delete_category(category.id, category.version, empty_at, &shop.by).await
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, StoreError>, pointer: &str, code: &str) {
    let Err(StoreError::Invalid(fields)) = answer else { panic!("{answer:?}") };

    assert_eq!((fields[0].pointer.as_str(), &*fields[0].code), (pointer, code));
}

on_each_engine! {
    async fn a_category_is_created_under_a_slug_of_its_name(shop) {
        let draft = category_draft("Zelte & Mehr", None);

        let (made, appended) = shop.watch(shop.catalog.create_category(&draft, &shop.by)).await;
        let again = shop.category("Zelte, mehr").await;

        assert_eq!(made.value.slug, slug("zelte-mehr"));
        assert_eq!(again.slug, slug("zelte-mehr-2"));
        let (row, audit) = appended.one();
        let id = made.value.id;
        assert_tags(
            &row,
            [
                Tag::CATEGORIES,
                Tag::PRODUCTS,
                Tag::category(id),
                Tag::bestsellers(id),
                Tag::slug(&made.value.slug),
            ],
        );
        assert_eq!(row.changes, [Change::to(id.to_string(), 1)]);
        assert_eq!(audit.action, "category.create");
    }

    async fn of_many_that_make_categories_of_one_slug_each_gets_its_own(shop) {
        let catalogs = [shop.catalog.clone(), shop.other_process()];
        let drafts: Vec<_> =
            (0..8).map(|n| category_draft(&format!("Tents{}", "!".repeat(n)), None)).collect();

        let made = drafts
            .iter()
            .enumerate()
            .map(|(n, draft)| catalogs[n % 2].create_category(draft, &shop.by));
        let made = join_all(made).await;

        let slugs: std::collections::BTreeSet<_> =
            made.into_iter().map(|made| made.unwrap().value.slug).collect();
        assert_eq!(slugs.len(), 8);
    }

    async fn a_name_stands_once_among_its_siblings_even_if_two_make_it_at_once(shop) {
        let tents = shop.category("Tents").await;
        let twin = shop.catalog.create_category(&category_draft("Tents", None), &shop.by).await;
        let below = category_draft("Tents", Some(tents.id));
        let (other, by, same) = (shop.other_process(), shop.by.clone(), below.clone());
        shop.faults.meanwhile(move || async move {
            other.create_category(&same, &by).await.unwrap();
        });

        let late = shop.catalog.create_category(&below, &shop.by).await;

        assert_refused(twin, "/name", "duplicate");
        assert_refused(late, "/name", "duplicate");
    }

    async fn an_explicit_slug_that_is_taken_is_named(shop) {
        shop.category("Tents").await;
        let mut draft = category_draft("Other", None);
        draft.slug = Some(slug("tents"));

        let refused = shop.catalog.create_category(&draft, &shop.by).await;

        assert!(matches!(refused, Err(StoreError::SlugTaken(taken)) if taken == slug("tents")));
    }

    async fn a_circle_a_depth_of_nine_and_an_unknown_parent_are_refused(shop) {
        let mut chain = vec![shop.category("Level 1").await];
        for level in 2..=DEPTH_MAX {
            let parent = chain.last().map(|category| category.id);
            chain.push(shop.subcategory(&format!("Level {level}"), parent).await);
        }
        let (root, leaf) = (chain[0].id, chain[DEPTH_MAX - 1].id);
        let unknown = "cat_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let (catalog, by) = (&shop.catalog, &shop.by);

        let too_deep = catalog.create_category(&category_draft("9", Some(leaf)), by).await;
        let circle = catalog.update_category(root, 1, &below(leaf), by).await;
        let itself = catalog.update_category(root, 1, &below(root), by).await;
        let orphan = catalog.create_category(&category_draft("O", Some(unknown)), by).await;

        assert_refused(too_deep, "/parent", "depth");
        assert_refused(circle, "/parent", "depth");
        assert_refused(itself, "/parent", "depth");
        assert_refused(orphan, "/parent", "unknown");
    }

    async fn two_moves_at_once_make_no_circle(shop) {
        let [a, b] = [shop.category("A").await, shop.category("B").await];
        let (other, by) = (shop.other_process(), shop.by.clone());
        let b_below_a = below(a.id);
        shop.faults.meanwhile(move || async move {
            other.update_category(b.id, 1, &b_below_a, &by).await.unwrap();
        });

        let circle = shop.catalog.update_category(a.id, 1, &below(b.id), &shop.by).await;

        assert_refused(circle, "/parent", "depth");
        assert_eq!(shop.catalog.tree().await.unwrap().lineage(b.id), [b.id, a.id]);
    }

    async fn a_move_names_both_lineages_and_everything_below(shop) {
        let [old, new] = [shop.category("Old").await, shop.category("New").await];
        let moved = shop.subcategory("Moved", Some(old.id)).await;
        let leaf = shop.subcategory("Leaf", Some(moved.id)).await;

        let (_, appended) =
            shop.watch(shop.catalog.update_category(moved.id, 1, &below(new.id), &shop.by)).await;

        let (row, _) = appended.one();
        for tag in [old.id, new.id, moved.id, leaf.id].map(Tag::category) {
            assert!(row.tags.contains(&tag), "{tag} in {:?}", row.tags);
        }
        assert_eq!(row.changes, [Change::to(moved.id.to_string(), 2)]);
    }

    async fn a_new_name_stands_on_every_card_and_a_new_place_among_siblings_on_none(shop) {
        let id = shop.category("Tents").await.id;
        let rename = CategoryPatch { name: Some("Zelte".into()), ..CategoryPatch::default() };
        let reorder = CategoryPatch { position: Some(3), ..CategoryPatch::default() };

        let (_, renamed) =
            shop.watch(shop.catalog.update_category(id, 1, &rename, &shop.by)).await;
        let (_, reordered) =
            shop.watch(shop.catalog.update_category(id, 2, &reorder, &shop.by)).await;

        assert!(renamed.one().0.tags.contains(&Tag::CATALOG));
        assert_tags(&reordered.one().0, [Tag::CATEGORIES, Tag::PRODUCTS, Tag::category(id)]);
    }

    async fn an_edit_of_an_old_version_is_told_the_current_one(shop) {
        let id = shop.category("Tents").await.id;
        let edit = |position| CategoryPatch { position: Some(position), ..CategoryPatch::default() };
        shop.catalog.update_category(id, 1, &edit(1), &shop.by).await.unwrap();

        let late = shop.catalog.update_category(id, 1, &edit(2), &shop.by).await;
        let (same, appended) =
            shop.watch(shop.catalog.update_category(id, 2, &edit(1), &shop.by)).await;

        assert!(matches!(late, Err(StoreError::VersionMismatch { current: 2 })), "{late:?}");
        assert_eq!(same.value.version, 2);
        assert!(appended.is_nothing());
    }

    async fn a_new_slug_frees_the_old_one(shop) {
        let id = shop.category("Tents").await.id;
        let patch = CategoryPatch { slug: Some(slug("zelte")), ..CategoryPatch::default() };

        shop.catalog.update_category(id, 1, &patch, &shop.by).await.unwrap();

        assert_eq!(shop.category("Tents!").await.slug, slug("tents"));
    }

    async fn an_empty_category_is_deleted_with_its_slug_and_its_ranking(shop) {
        let tents = shop.category("Tents").await;
        let other = shop.product("igloo", &shop.category("Other").await).await.product.id;
        shop.catalog.set_ranking(Some(tents.id), &[other], &shop.by).await.unwrap();

        let (_, appended) = shop.watch(delete(&shop, &tents)).await;

        let (row, _) = appended.one();
        assert!(row.changes.contains(&Change::gone(tents.id.to_string(), 2)));
        assert!(shop.catalog.tree().await.unwrap().get(tents.id).is_none());
        assert!(!shop.catalog.rankings().await.unwrap().contains_key(&Some(tents.id)));
        assert_eq!(shop.category("Tents").await.slug, slug("tents"));
    }

    async fn a_category_with_others_below_it_is_not_deleted(shop) {
        let tents = shop.category("Tents").await;
        shop.subcategory("Domes", Some(tents.id)).await;

        let refused = delete(&shop, &tents).await;

        assert!(matches!(refused, Err(StoreError::InUse(_))), "{refused:?}");
    }

    async fn a_product_that_is_created_meanwhile_makes_a_deletion_busy(shop) {
        let tents = shop.category("Tents").await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        let draft = product_draft("igloo", tents.id);
        shop.faults.meanwhile(move || async move {
            other.create_product(&draft, &by).await.unwrap();
        });

        let refused = delete(&shop, &tents).await;

        assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
        assert!(shop.catalog.tree().await.unwrap().get(tents.id).is_some());
    }

    async fn what_was_written_before_the_deletion_but_after_the_look_makes_it_busy(shop) {
        let tents = shop.category("Tents").await;
        let empty_at = shop.head().await;
        shop.product("igloo", &tents).await;

        let refused = shop.catalog.delete_category(tents.id, 1, empty_at, &shop.by).await;

        assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    }

    async fn a_deletion_goes_by_the_log_and_not_by_what_this_process_remembers_of_it(shop) {
        let tents = shop.category("Tents").await;
        shop.other_process()
            .create_product(&product_draft("igloo", shop.category("Other").await.id), &shop.by)
            .await
            .unwrap();

        delete(&shop, &tents).await.unwrap();
    }

    async fn a_product_for_a_category_that_is_deleted_meanwhile_is_refused(shop) {
        let tents = shop.category("Tents").await;
        let (other, by, empty_at) = (shop.other_process(), shop.by.clone(), shop.head().await);
        let id = tents.id;
        shop.faults.meanwhile(move || async move {
            other.delete_category(id, 1, empty_at, &by).await.unwrap();
        });

        let refused =
            shop.catalog.create_product(&product_draft("igloo", id), &shop.by).await;

        assert_refused(refused, "/category", "unknown");
        assert_eq!(shop.by_slug("igloo").await, None);
    }
}
