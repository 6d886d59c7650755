//! The text of expressions, which never contains a value.

use ports::{Attributes, Value};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text_of(wanted: &Condition) -> String {
    condition(wanted, &mut Placeholders::default()).unwrap()
}

#[test]
fn a_condition_has_its_name_and_its_value_as_placeholders() {
    let mut placeholders = Placeholders::default();
    let wanted = Condition::Equals("status".into(), json!("paid"));

    let text = condition(&wanted, &mut placeholders).unwrap();

    let (names, values) = placeholders.into_maps();
    assert_eq!(text, "#n0 = :v0");
    assert_eq!(names.unwrap()["#n0"], "status");
    assert_eq!(values.unwrap()[":v0"], AttributeValue::S("paid".into()));
}

#[test]
fn a_condition_on_existence_has_no_map_of_values() {
    let mut placeholders = Placeholders::default();

    let text = condition(&Condition::NotExists, &mut placeholders).unwrap();

    let (names, values) = placeholders.into_maps();
    assert_eq!(text, "attribute_not_exists(#n0)");
    assert_eq!(names.unwrap()["#n0"], "pk");
    assert!(values.is_none());
}

#[test]
fn an_attribute_is_compared_with_another_as_a_number_and_never_with_itself() {
    let other = text_of(&Condition::AttributeAtLeast("available".into(), "wanted".into()));
    let itself = text_of(&Condition::AttributeAtLeast("available".into(), "available".into()));

    assert_eq!(other, "attribute_type(#n0, :v0) AND #n0 >= #n1");
    assert_eq!(itself, "attribute_type(#n0, :v0)");
}

#[test]
fn only_a_disjunction_within_a_conjunction_has_parentheses() {
    let a = || Condition::AtLeast("a".into(), 1);
    let b = || Condition::Below("b".into(), 2);
    let choice = || Condition::Any(vec![a(), b()]);
    let conjunction = || Condition::All(vec![a(), b()]);

    assert_eq!(text_of(&choice()), "#n0 >= :v0 OR #n1 < :v1");
    assert_eq!(text_of(&conjunction()), "#n0 >= :v0 AND #n1 < :v1");
    assert_eq!(
        text_of(&Condition::All(vec![choice(), b()])),
        "(#n0 >= :v0 OR #n1 < :v1) AND #n1 < :v2"
    );
    assert_eq!(
        text_of(&Condition::Any(vec![conjunction(), a()])),
        "#n0 >= :v0 AND #n1 < :v1 OR #n0 >= :v2"
    );
    assert_eq!(
        text_of(&Condition::All(vec![Condition::All(vec![choice()])])),
        "#n0 >= :v0 OR #n1 < :v1"
    );
    assert_eq!(
        text_of(&Condition::All(vec![Condition::All(vec![choice()]), b()])),
        "(#n0 >= :v0 OR #n1 < :v1) AND #n1 < :v2"
    );
}

#[test]
fn an_update_groups_its_changes_by_verb() {
    let mut placeholders = Placeholders::default();
    let updates = [
        Update::Remove("old".into()),
        Update::Add("count".into(), -3),
        Update::Set("name".into(), json!("new")),
        Update::Set("size".into(), json!(4)),
    ];

    let text = update(&updates, &mut placeholders).unwrap();

    assert_eq!(text, "SET #n2 = :v1, #n3 = :v2 ADD #n1 :v0 REMOVE #n0");
}

#[test]
fn every_range_of_sort_keys_has_its_key_condition() {
    let of = |sort: SortRange| key_condition(TABLE_KEYS, "p", &sort, &mut Placeholders::default());
    let is = |sort: SortRange, text: &str| assert_eq!(of(sort).as_deref(), Some(text));

    is(SortRange::All, "#n0 = :v0");
    is(SortRange::Prefix("a".into()), "#n0 = :v0 AND begins_with(#n1, :v1)");
    is(SortRange::Between("a".into(), "b".into()), "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2");
    is(SortRange::From("a".into()), "#n0 = :v0 AND #n1 >= :v1");
    is(SortRange::After("a".into()), "#n0 = :v0 AND #n1 > :v1");
    is(SortRange::Before("a".into()), "#n0 = :v0 AND #n1 < :v1");

    is(SortRange::Prefix(String::new()), "#n0 = :v0");
    is(SortRange::From(String::new()), "#n0 = :v0");
    is(SortRange::After(String::new()), "#n0 = :v0");
    is(SortRange::Between(String::new(), "b".into()), "#n0 = :v0 AND #n1 <= :v1");
    assert_eq!(of(SortRange::Before(String::new())), None);
    assert_eq!(of(SortRange::Between("b".into(), "a".into())), None);
}

/// Text that would do harm in an expression, and any other text.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("x OR attribute_not_exists(pk)".to_owned()),
        Just(":v0".to_owned()),
        Just("#n0".to_owned()),
        Just("size".to_owned()),
        any::<String>(),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        Just(Condition::Exists),
        Just(Condition::NotExists),
        (any_text(), any_text()).prop_map(|(name, value)| Condition::Equals(name, value.into())),
        (any_text(), any::<i64>()).prop_map(|(name, least)| Condition::AtLeast(name, least)),
        (any_text(), any::<i64>()).prop_map(|(name, bound)| Condition::Below(name, bound)),
        (any_text(), any_text()).prop_map(|(left, right)| Condition::AttributeAtLeast(left, right)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner, 0..4).prop_map(Condition::Any),
        ]
    })
}

/// The words that may occur in a condition; everything else is a placeholder.
fn is_ours(word: &str) -> bool {
    let placeholder =
        |mark: &str| word.strip_prefix(mark).is_some_and(|number| number.parse::<usize>().is_ok());
    let words = ["AND", "OR", "=", ">=", "<"];
    let functions = ["attribute_exists", "attribute_not_exists", "attribute_type"];

    words.contains(&word) || functions.contains(&word) || placeholder("#n") || placeholder(":v")
}

proptest! {
    #[test]
    fn the_text_of_a_condition_contains_no_name_and_no_value(wanted in any_condition()) {
        let mut placeholders = Placeholders::default();

        let text = condition(&wanted, &mut placeholders).unwrap();

        let words = text.split([' ', '(', ')', ',']).filter(|word| !word.is_empty());
        for word in words {
            prop_assert!(is_ours(word), "{word} in {text}");
        }
    }

    #[test]
    fn every_placeholder_that_is_named_is_used(wanted in any_condition()) {
        let mut placeholders = Placeholders::default();

        let text = condition(&wanted, &mut placeholders).unwrap();

        let (names, values) = placeholders.into_maps();
        let words: Vec<&str> = text.split([' ', '(', ')', ',']).collect();
        let named = names.into_iter().flat_map(|map| map.into_keys())
            .chain(values.into_iter().flat_map(|map| map.into_keys()));
        for placeholder in named {
            prop_assert!(words.contains(&placeholder.as_str()), "{placeholder} in {text}");
        }
    }
}

#[test]
fn a_float_in_a_condition_is_refused() {
    let value: Value = json!(0.5);
    let wanted = Condition::All(vec![Condition::Equals("price".into(), value)]);

    let error = condition(&wanted, &mut Placeholders::default()).unwrap_err();

    assert_eq!(error.kind, ports::PortErrorKind::Invalid);
    assert!(!wanted.holds(Some(&Attributes::default())));
}
