//! Products: created, read, changed and deleted.

use domain::draft::ProductPatch;
use domain::{Availability, Change, CollectionId, Membership, Ref, Status, Tag};
use store::StoreError;

use crate::shop::{
    Shop, assert_tags, collection_draft, on_each_engine, product_draft, sku, slug, variant_draft,
};

fn patch() -> ProductPatch {
    ProductPatch::default()
}

/// A collection made by hand of these products.
async fn collection(shop: &Shop, products: Vec<domain::ProductId>) -> CollectionId {
    let draft = collection_draft("Summer", Membership::Manual { products });

    shop.catalog.create_collection(&draft, &shop.by).await.unwrap().value.id
}

on_each_engine! {
    async fn a_created_product_is_read_by_id_and_by_slug(shop) {
        let tents = shop.category("Tents").await;

        let created = shop.product("igloo", &tents).await;

        assert_eq!(shop.read(created.product.id).await, created);
        assert_eq!(shop.by_slug("igloo").await, Some(created.clone()));
        assert_eq!(created.product.version, 1);
        assert_eq!(created.variants[0].availability, Availability::InStock);
        let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
        assert_eq!((level.on_hand, level.available, level.version), (10, 10, 1));
    }

    async fn what_is_not_there_is_none(shop) {
        let missing = "prod_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();

        assert_eq!(shop.catalog.product(missing).await.unwrap(), None);
        assert_eq!(shop.by_slug("nothing").await, None);
        assert_eq!(shop.catalog.inventory().find_level(&sku("nothing")).await.unwrap(), None);
        assert_eq!(shop.catalog.products(&[missing]).await.unwrap(), [None]);
    }

    async fn a_slug_is_made_of_the_name_and_ties_are_broken(shop) {
        let tents = shop.category("Tents").await;
        let mut slugs = Vec::new();

        for number in 1..=8 {
            let mut draft = product_draft(&format!("s{number}"), tents.id);
            draft.name = "Großes Zelt".into();
            draft.slug = None;
            let made = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value;
            slugs.push(made.product.slug.to_string());
        }

        let nice = ["grosses-zelt", "grosses-zelt-2", "grosses-zelt-3", "grosses-zelt-4"];
        assert_eq!(slugs[..4], nice);
        let distinct: std::collections::BTreeSet<_> = slugs.iter().collect();
        assert_eq!(distinct.len(), 8);
        for slug in &slugs {
            assert!(slug.starts_with("grosses-zelt"), "{slug}");
            assert!(shop.by_slug(slug).await.is_some());
        }
    }

    async fn a_name_without_letters_of_ours_gets_a_slug_all_the_same(shop) {
        let tents = shop.category("Tents").await;
        let mut draft = product_draft("s", tents.id);
        draft.name = "日本".into();
        draft.slug = None;

        let made = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value;

        assert!(made.product.slug.as_str().starts_with("product-"));
    }

    async fn a_derived_slug_that_is_taken_meanwhile_is_derived_again(shop) {
        let tents = shop.category("Tents").await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        let taken = product_draft("igloo", tents.id);
        shop.faults.meanwhile(move || async move {
            other.create_product(&taken, &by).await.unwrap();
        });
        let mut draft = product_draft("late", tents.id);
        draft.name = "Igloo".into();
        draft.slug = None;

        let made = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value;

        assert_eq!(made.product.slug, slug("igloo-2"));
    }

    async fn a_taken_slug_or_sku_is_named_and_nothing_is_written(shop) {
        let tents = shop.category("Tents").await;
        shop.product("igloo", &tents).await;
        let head = shop.head().await;
        let mut same_slug = product_draft("other", tents.id);
        same_slug.slug = Some(slug("igloo"));
        let mut same_sku = product_draft("other", tents.id);
        same_sku.variants.push(variant_draft("igloo"));

        let refused = [
            shop.catalog.create_product(&same_slug, &shop.by).await.unwrap_err(),
            shop.catalog.create_product(&same_sku, &shop.by).await.unwrap_err(),
        ];

        assert!(matches!(&refused[0], StoreError::SlugTaken(taken) if *taken == slug("igloo")));
        assert!(matches!(&refused[1], StoreError::SkuTaken(taken) if *taken == sku("igloo")));
        assert_eq!(shop.head().await, head);
        assert_eq!(shop.by_slug("other").await, None);
        assert_eq!(shop.catalog.inventory().find_level(&sku("other")).await.unwrap(), None);
    }

    async fn an_unknown_category_is_named(shop) {
        let mut draft = product_draft("igloo", shop.category("Tents").await.id);
        draft.category = Ref::Slug(slug("boats"));

        let refused = shop.catalog.create_product(&draft, &shop.by).await.unwrap_err();

        let StoreError::Invalid(fields) = refused else { panic!("{refused:?}") };
        assert_eq!((fields[0].pointer.as_str(), &*fields[0].code), ("/category", "unknown"));
    }

    async fn a_creation_appends_one_row_with_the_tags_of_what_it_changes(shop) {
        let outdoor = shop.category("Outdoor").await;
        let tents = shop.subcategory("Tents", Some(outdoor.id)).await;
        let draft = product_draft("igloo", tents.id);

        let (made, appended) =
            shop.watch(shop.catalog.create_product(&draft, &shop.by)).await;

        let id = made.value.product.id;
        let (row, audit) = appended.one();
        assert_eq!(row.seq, made.seq);
        assert_tags(&row, [
            Tag::product(id),
            Tag::slug(&slug("igloo")),
            Tag::category(tents.id),
            Tag::category(outdoor.id),
            Tag::CATEGORIES,
            Tag::PRODUCTS,
        ]);
        assert_eq!(row.changes, [Change::to(id.to_string(), 1)]);
        assert!(!row.hard);
        assert_eq!((audit.action.as_str(), audit.entity), ("product.create", id.to_string()));
        assert_eq!(audit.by, shop.by);
    }

    async fn an_edit_merges_counts_and_names_the_content_alone(shop) {
        let tents = shop.category("Tents").await;
        let mut draft = product_draft("igloo", tents.id);
        draft.attributes = [("style", "dome"), ("persons", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let made = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value;
        let id = made.product.id;
        let edit = ProductPatch {
            name: Some("Igloo 2".into()),
            brand: Some(Some("Nord".into())),
            attributes: Some([
                ("persons".to_owned(), None),
                ("color".to_owned(), Some("red".to_owned())),
            ].into()),
            ..patch()
        };

        let (edited, appended) =
            shop.watch(shop.catalog.update_product(id, 1, &edit, &shop.by)).await;

        let product = &edited.value.product;
        assert_eq!((product.name.as_str(), product.brand.as_deref()), ("Igloo 2", Some("Nord")));
        assert_eq!(
            product.attributes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(),
            [("color", "red"), ("style", "dome")]
        );
        assert_eq!(product.version, 2);
        assert_eq!(shop.read(id).await, edited.value);
        let (row, _) = appended.one();
        assert_tags(&row, [Tag::product(id), Tag::category(tents.id), Tag::PRODUCTS]);
        assert_eq!(row.changes, [Change::to(id.to_string(), 2)]);
    }

    async fn an_edit_that_changes_nothing_appends_nothing(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let edit = ProductPatch { name: Some(made.product.name.clone()), ..patch() };

        let (same, appended) =
            shop.watch(shop.catalog.update_product(made.product.id, 1, &edit, &shop.by)).await;

        assert_eq!(same.value, made);
        assert!(appended.is_nothing());
    }

    async fn an_edit_of_an_old_version_is_told_the_current_one(shop) {
        let id = shop.product("igloo", &shop.category("Tents").await).await.product.id;
        let edit = |name: &str| ProductPatch { name: Some(name.into()), ..patch() };
        for (version, name) in [(1, "A"), (2, "B")] {
            shop.catalog.update_product(id, version, &edit(name), &shop.by).await.unwrap();
        }

        let late = shop.catalog.update_product(id, 1, &edit("C"), &shop.by).await;
        let gone = shop.catalog.delete_product(id, 1, &shop.by).await;

        assert!(matches!(late, Err(StoreError::VersionMismatch { current: 3 })), "{late:?}");
        assert!(matches!(gone, Err(StoreError::VersionMismatch { current: 3 })), "{gone:?}");
        assert_eq!(shop.read(id).await.product.name, "B");
    }

    async fn patches_never_add_up_to_more_attributes_than_a_draft_may_have(shop) {
        let id = shop.product("igloo", &shop.category("Tents").await).await.product.id;
        let edit = |letter: char| ProductPatch {
            attributes: Some((0..20).map(|n| (format!("{letter}{n}"), Some("x".into()))).collect()),
            ..patch()
        };
        shop.catalog.update_product(id, 1, &edit('a'), &shop.by).await.unwrap();

        let refused = shop.catalog.update_product(id, 2, &edit('b'), &shop.by).await.unwrap_err();

        let StoreError::Invalid(fields) = refused else { panic!("{refused:?}") };
        assert_eq!(fields[0].pointer, "/attributes");
    }

    async fn a_new_slug_frees_the_old_one(shop) {
        let tents = shop.category("Tents").await;
        let id = shop.product("igloo", &tents).await.product.id;
        let edit = ProductPatch { slug: Some(slug("dome")), ..patch() };

        let (_, appended) =
            shop.watch(shop.catalog.update_product(id, 1, &edit, &shop.by)).await;

        assert_eq!(shop.by_slug("igloo").await, None);
        assert_eq!(shop.by_slug("dome").await.unwrap().product.id, id);
        let (row, _) = appended.one();
        for tag in [Tag::slug(&slug("igloo")), Tag::slug(&slug("dome")), Tag::CATEGORIES] {
            assert!(row.tags.contains(&tag), "{tag} in {:?}", row.tags);
        }
        let mut next = product_draft("next", tents.id);
        next.slug = Some(slug("igloo"));
        shop.catalog.create_product(&next, &shop.by).await.unwrap();
    }

    async fn a_move_names_the_categories_on_both_sides(shop) {
        let [a, b] = [shop.category("A").await, shop.category("B").await];
        let below = shop.subcategory("Below", Some(b.id)).await;
        let id = shop.product("igloo", &a).await.product.id;
        let edit = ProductPatch { category: Some(Ref::Id(below.id)), ..patch() };

        let (_, appended) =
            shop.watch(shop.catalog.update_product(id, 1, &edit, &shop.by)).await;

        let (row, _) = appended.one();
        assert_tags(&row, [
            Tag::product(id),
            Tag::slug(&slug("igloo")),
            Tag::category(a.id),
            Tag::category(b.id),
            Tag::category(below.id),
            Tag::CATEGORIES,
            Tag::PRODUCTS,
        ]);
    }

    async fn what_is_hidden_is_hard_and_what_is_published_is_not(shop) {
        let id = shop.product("igloo", &shop.category("Tents").await).await.product.id;
        let to = |status| ProductPatch { status: Some(status), ..patch() };

        let (_, hidden) = shop
            .watch(shop.catalog.update_product(id, 1, &to(Status::Draft), &shop.by))
            .await;
        let (_, shown) = shop
            .watch(shop.catalog.update_product(id, 2, &to(Status::Published), &shop.by))
            .await;

        assert!(hidden.one().0.hard);
        assert!(!shown.one().0.hard);
    }

    async fn lists_made_by_hand_are_named_when_a_product_of_theirs_is_shown_again(shop) {
        let tents = shop.category("Tents").await;
        let other = shop.category("Other").await;
        let mut draft = product_draft("igloo", tents.id);
        draft.status = Status::Draft;
        let id = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value.product.id;
        let summer = collection(&shop, vec![id]).await;
        shop.catalog.set_featured(0, &[id], &shop.by).await.unwrap();
        shop.catalog.set_ranking(Some(other.id), &[id], &shop.by).await.unwrap();
        let publish = ProductPatch { status: Some(Status::Published), ..patch() };

        let (_, appended) =
            shop.watch(shop.catalog.update_product(id, 1, &publish, &shop.by)).await;

        let (row, _) = appended.one();
        let wanted = [Tag::FEATURED, Tag::bestsellers(other.id), Tag::collection(summer)];
        for tag in wanted {
            assert!(row.tags.contains(&tag), "{tag} in {:?}", row.tags);
        }
        assert!(!row.tags.contains(&Tag::BESTSELLERS), "the shop has no ranking");
    }

    async fn a_product_that_would_not_fit_an_item_is_refused(shop) {
        let mut draft = product_draft("igloo", shop.category("Tents").await.id);
        let image = domain::Image {
            url: format!("/{}", "𝄞".repeat(2_047)).parse().unwrap(),
            alt: "𝄢".repeat(512) };
        draft.description = "𝄡".repeat(20_000);
        draft.images = vec![image; 32];
        assert_eq!(draft.check(crate::shop::usd()).unwrap_err()[0].pointer, "/images");

        let answer = shop.catalog.create_product(&draft, &shop.by).await;

        let Err(StoreError::Invalid(fields)) = answer else { panic!("it went in") };
        assert_eq!(fields[0].code, "length");
    }
}
