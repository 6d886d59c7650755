//! What a shopper types, and what comes first.

#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod shop;

use domain::{Availability, Category, ListQuery};
use search::{CatalogSnapshot, SnapshotDelta};
use shop::{But, found, product, snapshot, stamp};

#[test]
fn a_name_beats_a_description() {
    let snapshot = snapshot([
        product(1, "Canvas Backpack"),
        product(2, "Rain Cover").described("Fits every backpack."),
    ]);

    assert_eq!(found(&snapshot, "backpack"), ["Canvas Backpack", "Rain Cover"]);
}

#[test]
fn a_name_that_is_just_the_query_beats_a_longer_one() {
    let snapshot = snapshot([
        product(1, "Backpack"),
        product(2, "Adventure-Ready Expedition Backpack"),
        product(3, "Leather Backpack"),
    ]);

    assert_eq!(
        found(&snapshot, "backpack"),
        ["Backpack", "Leather Backpack", "Adventure-Ready Expedition Backpack"]
    );
}

#[test]
fn of_markup_only_its_text_is_searched() {
    let snapshot = snapshot([
        product(1, "Pot").described("<p style=\"color:red\"><b>Frost</b> proof&nbsp;pot</p>"),
        product(2, "Tasse Gr&ouml;&szlig;e L"),
        product(3, "Dish").described("<!-- hidden note --><script>var discontinued</script>"),
        product(4, "Wool<br>Blanket").described("for<b>tress</b>es"),
    ]);

    assert_eq!(found(&snapshot, "proof"), ["Pot"]);
    assert_eq!(found(&snapshot, "größe"), ["Tasse Gr&ouml;&szlig;e L"]);
    assert_eq!(found(&snapshot, "wool"), ["Wool<br>Blanket"]);
    assert_eq!(found(&snapshot, "fortresses"), ["Wool<br>Blanket"]);
    for markup in ["style", "hidden", "discontinued", "nbsp"] {
        assert_eq!(found(&snapshot, markup), [""; 0], "{markup}");
    }
}

#[test]
fn all_words_must_match_wherever_they_stand() {
    let snapshot = snapshot([
        product(1, "Leather Belt"),
        product(2, "Wallet").attribute("material", "leather"),
        product(3, "Slim Wallet").described("Made of leather."),
        product(4, "Leather Wallet"),
    ]);

    assert_eq!(found(&snapshot, "leather wallet"), ["Leather Wallet", "Wallet", "Slim Wallet"]);
}

#[test]
fn words_side_by_side_beat_words_apart() {
    let snapshot = snapshot([product(1, "Red Wool Hat"), product(2, "Wool Lined Red Hat Box")]);

    assert_eq!(found(&snapshot, "red wool")[0], "Red Wool Hat");
}

#[test]
fn a_brand_a_category_and_an_attribute_are_words_too() {
    let snapshot = snapshot([
        product(1, "Trail 40").brand("Nordkapp").within(2).attribute("color", "forest green"),
        product(2, "City 20").brand("Umbra"),
    ]);

    for q in ["nordkapp", "backpack", "green", "nordkapp green backpacks"] {
        assert_eq!(found(&snapshot, q), ["Trail 40"], "{q}");
    }
    assert_eq!(found(&snapshot, "bags").len(), 2, "a category stands for those below it");
}

#[test]
fn a_misspelt_word_finds_what_was_meant() {
    let snapshot = snapshot([
        product(1, "Backpack"),
        product(2, "Leather Handbag"),
        product(3, "Wireless Headphones"),
        product(4, "Women's Jacket"),
    ]);

    for (q, name) in [
        ("backpak", "Backpack"),
        ("bakcpack", "Backpack"),
        ("backpaks", "Backpack"),
        ("lether handbag", "Leather Handbag"),
        ("hedphones", "Wireless Headphones"),
        ("haedpho", "Wireless Headphones"),
        ("womens jaket", "Women's Jacket"),
    ] {
        assert_eq!(found(&snapshot, q), [name], "{q}");
    }
}

#[test]
fn an_exact_word_beats_a_correction_and_switches_it_off() {
    let snapshot = snapshot([product(1, "Boot"), product(2, "Boat"), product(3, "Foot Cream")]);

    assert_eq!(found(&snapshot, "boot"), ["Boot"]);
    assert_eq!(found(&snapshot, "boott"), ["Boot"]);
}

#[test]
fn a_nearer_correction_keeps_a_farther_one_away() {
    let snapshot = snapshot([product(1, "Lantern"), product(2, "Lanterns"), product(3, "Pattern")]);

    assert_eq!(found(&snapshot, "lantrens"), ["Lanterns", "Lantern"]);
}

#[test]
fn a_code_is_taken_at_its_word() {
    let snapshot = snapshot([product(1, "Phone x1000"), product(2, "Phone x1001")]);

    assert_eq!(found(&snapshot, "x1000"), ["Phone x1000"]);
    assert!(found(&snapshot, "x1002").is_empty());
}

#[test]
fn a_sku_finds_its_product_first_however_it_is_typed() {
    let snapshot = snapshot([
        product(1, "Plain Mug").sku("MUG-12/A"),
        product(2, "Mug 12 A").described("mug12a"),
        product(3, "Another Mug").sku("MUG-13/A"),
    ]);

    for q in ["MUG-12/A", "mug 12 a", "mug12a", "Mug-12a"] {
        assert_eq!(found(&snapshot, q)[0], "Plain Mug", "{q}");
    }
    assert!(found(&snapshot, "mug-12").contains(&"Plain Mug".into()), "while it is typed");
}

#[test]
fn the_last_word_may_be_the_beginning_of_one() {
    let snapshot = snapshot([
        product(1, "Comfortable Chair"),
        product(2, "Accessories Box"),
        product(3, "Pen"),
        product(4, "Pendant"),
        product(5, "Notebook").described("With a pen."),
    ]);

    assert_eq!(found(&snapshot, "comfortab"), ["Comfortable Chair"]);
    assert_eq!(found(&snapshot, "accessorie"), ["Accessories Box"]);
    assert_eq!(found(&snapshot, "comf chair"), Vec::<String>::from(["Comfortable Chair".into()]));
    assert_eq!(found(&snapshot, "pen"), ["Pen", "Notebook", "Pendant"]);
}

#[test]
fn singular_and_plural_apostrophes_hyphens_and_accents_do_not_matter() {
    let snapshot = snapshot([
        product(1, "Women's Denim Jacket"),
        product(2, "Men’s T-Shirt"),
        product(3, "Crème Brûlée Set"),
        product(4, "Straßenschuh"),
    ]);

    for (q, name) in [
        ("womens jacket", "Women's Denim Jacket"),
        ("women's jackets", "Women's Denim Jacket"),
        ("WOMEN JACKET", "Women's Denim Jacket"),
        ("mens tshirts", "Men’s T-Shirt"),
        ("men t-shirt", "Men’s T-Shirt"),
        ("t shirt", "Men’s T-Shirt"),
        ("creme brulee", "Crème Brûlée Set"),
        ("CRÈME BRU\u{302}LÉE", "Crème Brûlée Set"),
        ("strassenschuh", "Straßenschuh"),
    ] {
        assert_eq!(found(&snapshot, q), [name], "{q}");
    }
}

#[test]
fn a_word_written_apart_finds_the_one_written_together() {
    let snapshot = snapshot([product(1, "Laptop Backpack"), product(2, "Pack of Pens")]);

    assert_eq!(found(&snapshot, "lap top back pack"), ["Laptop Backpack"]);
    assert_eq!(found(&snapshot, "back-pack"), ["Laptop Backpack"]);
}

#[test]
fn small_words_are_not_insisted_on_unless_they_are_all_there_is() {
    let snapshot = snapshot([product(1, "Table Lamp"), product(2, "The Who Poster")]);

    assert_eq!(found(&snapshot, "a lamp for the table"), ["Table Lamp"]);
    assert_eq!(found(&snapshot, "the"), ["The Who Poster"]);
}

#[test]
fn without_a_product_that_has_all_words_those_with_most_of_them_come() {
    let snapshot = snapshot([
        product(1, "Red Leather Wallet"),
        product(2, "Leather Belt"),
        product(3, "Red Sock"),
    ]);

    assert_eq!(found(&snapshot, "red leather unicorn"), ["Red Leather Wallet"]);
    assert_eq!(found(&snapshot, "leather xyzzy"), ["Leather Belt", "Red Leather Wallet"]);
    assert!(found(&snapshot, "leather xyzzy plugh frotz").is_empty());
}

#[test]
fn scripts_other_than_latin_are_found() {
    let snapshot = snapshot([
        product(1, "日本の茶碗"),
        product(2, "Чайник большой"),
        product(3, "🎒 Schulranzen"),
        product(4, "चाय का कप"),
    ]);

    for (q, name) in [
        ("茶碗", "日本の茶碗"),
        ("чайник", "Чайник большой"),
        ("ЧАЙНИК", "Чайник большой"),
        ("🎒", "🎒 Schulranzen"),
        ("चाय", "चाय का कप"),
    ] {
        assert_eq!(found(&snapshot, q), [name], "{q}");
    }
}

#[test]
fn no_query_is_an_operator_an_error_or_a_panic() {
    let snapshot = snapshot([product(1, "Red Hat"), product(2, "Blue Hat")]);
    let long = "hat ".repeat(1_000);
    let longest = "h".repeat(100_000);

    for q in
        ["\"red\" hat", "+red AND hat", "name:red hat", "red* hat~2", "(red hat", "red OR hat)"]
    {
        assert_eq!(found(&snapshot, q)[0], "Red Hat", "{q}");
    }
    assert_eq!(found(&snapshot, "-red hat")[0], "Red Hat");
    assert_eq!(found(&snapshot, &long).len(), 2);
    for q in
        ["", " ", "\"", "***", "👩‍👩‍👧‍👦", "\u{0}", "\u{202e}", "é\u{301}\u{301}", "--", "a'", &longest]
    {
        snapshot.list(&shop::searching(q)).unwrap();
    }
}

#[test]
fn an_empty_shop_finds_nothing() {
    assert!(found(&CatalogSnapshot::default(), "hat").is_empty());
}

#[test]
fn a_word_that_only_a_draft_has_is_unknown_to_shoppers() {
    let snapshot = snapshot([product(1, "Blackpack").draft(), product(2, "Backpack")]);

    assert_eq!(found(&snapshot, "blackpack"), ["Backpack"]);
    let admin = snapshot.admin_list(None, Some("blackpack"), None, 10);
    assert_eq!(shop::names(&admin.cards), ["Blackpack"]);
}

#[test]
fn a_deleted_or_renamed_product_is_no_longer_found_by_its_old_name() {
    let snapshot = snapshot([product(1, "Red Hat"), product(2, "Blue Hat"), product(3, "Hatbox")]);
    let gone = (shop::product_id(1), None);
    let renamed = product(2, "Green Cap");

    let delta = SnapshotDelta { products: vec![gone], ..SnapshotDelta::default() };
    let snapshot =
        snapshot.after(delta, stamp(2)).after(SnapshotDelta::with_products([renamed]), stamp(3));

    assert_eq!(found(&snapshot, "hat"), ["Hatbox"]);
    assert_eq!(found(&snapshot, "cap"), ["Green Cap"]);
}

#[test]
fn a_renamed_category_is_found_and_shown_by_its_new_name_alone() {
    let snapshot = snapshot([product(1, "Trail 40").within(2)]);
    let rename = |category: &Category| match category.name.as_str() {
        "Backpacks" => shop::category(2, "Rucksacks", Some(1)),
        _ => category.clone(),
    };
    let categories = Some(snapshot.tree().iter().map(rename).collect());

    let snapshot =
        snapshot.after(SnapshotDelta { categories, ..SnapshotDelta::default() }, stamp(2));

    assert_eq!(found(&snapshot, "rucksack"), ["Trail 40"]);
    assert!(found(&snapshot, "backpack").is_empty());
    let card = snapshot.card(shop::product_id(1)).unwrap();
    assert_eq!(shop::json(&card)["category"]["name"], "Rucksacks");
}

#[test]
fn filters_narrow_a_search_and_its_other_facets() {
    let snapshot = snapshot([
        product(1, "Leather Bag").brand("A"),
        product(2, "Leather Bag XL").brand("B").is(Availability::Out),
        product(3, "Canvas Bag").brand("A"),
    ]);
    let query =
        ListQuery { in_stock: true, brands: vec!["A".into()], ..shop::searching("leather bag") };

    let page = snapshot.list(&query).unwrap();

    assert_eq!(shop::names(&page.cards), ["Leather Bag"]);
    assert_eq!(shop::counts(&page, "brand"), [("A".into(), 1)]);
    assert_eq!(shop::counts(&page, "availability"), [("in_stock".into(), 1)]);
}

#[test]
fn a_price_change_changes_no_order_of_relevance() {
    let snapshot = snapshot([product(1, "Red Hat"), product(2, "Hat")]);
    let before = found(&snapshot, "hat");

    let snapshot =
        snapshot.after(SnapshotDelta::with_products([product(1, "Red Hat").price(5)]), stamp(2));

    assert_eq!(found(&snapshot, "hat"), before);
    assert_eq!(shop::json(&snapshot.card(shop::product_id(1)).unwrap())["price"]["amount"], 5);
}
