//! Random histories on the file and on a map in memory: the same results, the same rows.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, HashMap};

use embedded::SqliteItems;
use ports::contract::{SHELF, TABLES};
use ports::{
    Action, Attributes, Cancellation, Condition, Direction, Items, Key, Query, Row, Scan, Table,
    TransactError, Transaction, Update, Value,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

/// The port's contract in its simplest form.
#[derive(Default)]
struct Model {
    items: BTreeMap<Key, Attributes>,
    tokens: HashMap<String, Vec<Action>>,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Cancelled(Vec<Option<Cancellation>>),
    TokenReused,
    Invalid,
}

impl Model {
    fn transact(&mut self, transaction: &Transaction) -> Answer {
        if let Some(actions) = transaction.token.as_ref().and_then(|token| self.tokens.get(token)) {
            let same = *actions == transaction.actions;
            return if same { Answer::Done } else { Answer::TokenReused };
        }
        let reasons: Vec<_> =
            transaction.actions.iter().map(|action| self.reason(action)).collect();
        let mut after = self.items.clone();
        let mut fits = true;
        for (action, _) in transaction.actions.iter().zip(&reasons).filter(|(_, no)| no.is_none()) {
            fits &= apply(&mut after, action);
        }
        if !fits {
            return Answer::Invalid;
        }
        if reasons.iter().any(Option::is_some) {
            return Answer::Cancelled(reasons);
        }
        self.items = after;
        if let Some(token) = &transaction.token {
            self.tokens.insert(token.clone(), transaction.actions.clone());
        }
        Answer::Done
    }

    fn reason(&self, action: &Action) -> Option<Cancellation> {
        let old = self.items.get(action.key());
        let holds = action.condition().is_none_or(|condition| condition.holds(old));

        (!holds).then(|| Cancellation::ConditionFailed { old: old.cloned() })
    }

    /// The rows of one index partition, in the order of the index.
    fn shelf(&self, name: &str, direction: Direction) -> Vec<Row> {
        let on_it =
            |item: &&Attributes| item.text("shelf") == Some(name) && item.text("rank").is_some();
        let mut rows: Vec<Row> = self
            .items
            .iter()
            .filter(|(key, item)| key.table == Table::Catalog && on_it(item))
            .map(|(key, item)| Row { key: key.clone(), attributes: item.clone() })
            .collect();

        rows.sort_by_key(|row| (row.attributes.text("rank").unwrap().to_owned(), row.key.clone()));
        if direction == Direction::Descending {
            rows.reverse();
        }
        rows
    }

    fn partition(&self, pk: &str) -> Vec<Row> {
        let rows = self.items.iter().filter(|(key, _)| key.table == Table::Catalog && key.pk == pk);

        rows.map(|(key, item)| Row { key: key.clone(), attributes: item.clone() }).collect()
    }
}

/// `false` if the action is invalid.
fn apply(items: &mut BTreeMap<Key, Attributes>, action: &Action) -> bool {
    match action {
        Action::Put { key, attributes, .. } => {
            items.insert(key.clone(), attributes.clone());
        }
        Action::Update { key, updates, .. } => {
            let item = items.entry(key.clone()).or_default();
            return updates.iter().all(|update| change(item, update));
        }
        Action::Delete { key, .. } => {
            items.remove(key);
        }
        Action::Check { .. } => {}
    }
    true
}

fn change(item: &mut Attributes, update: &Update) -> bool {
    match update {
        Update::Set(name, value) => {
            item.0.insert(name.clone(), value.clone());
        }
        Update::Add(name, number) => {
            let old = item.0.get(name).map_or(Some(0), Value::as_i64);
            let Some(old) = old else { return false };
            item.0.insert(name.clone(), (old + number).into());
        }
        Update::Remove(name) => {
            item.0.remove(name);
        }
    }
    true
}

fn of_the_file(answer: Result<(), TransactError>) -> Answer {
    match answer {
        Ok(()) => Answer::Done,
        Err(TransactError::Cancelled(reasons)) => Answer::Cancelled(reasons),
        Err(TransactError::TokenReused) => Answer::TokenReused,
        Err(TransactError::Port(error)) if error.kind == ports::PortErrorKind::Invalid => {
            Answer::Invalid
        }
        Err(TransactError::Port(error)) => panic!("{error}: {:?}", error.source),
    }
}

// Few keys, names and values, so that they collide often.

fn key() -> impl Strategy<Value = Key> {
    let table = prop_oneof![3 => Just(Table::Catalog), 1 => Just(Table::Inventory)];

    (table, "[ab]", "[a-e]").prop_map(|(table, pk, sk)| Key::new(table, pk, sk))
}

fn index_attribute() -> impl Strategy<Value = (String, Value)> {
    prop_oneof![
        "[st]".prop_map(|value| ("shelf".to_owned(), value.into())),
        "[1-4]".prop_map(|value| ("rank".to_owned(), value.into())),
    ]
}

fn attribute() -> impl Strategy<Value = (String, Value)> {
    prop_oneof![
        3 => index_attribute(),
        2 => (-3_i64..4).prop_map(|n| ("n".to_owned(), n.into())),
        1 => vec(-1_i64..2, 0..3).prop_map(|list| ("m".to_owned(), list.into())),
        1 => any::<String>().prop_map(|text| ("text".to_owned(), text.into())),
    ]
}

fn item() -> impl Strategy<Value = Attributes> {
    vec(attribute(), 0..6).prop_map(|named| Attributes(named.into_iter().collect()))
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        Just(Condition::Exists),
        Just(Condition::NotExists),
        attribute().prop_map(|(name, value)| Condition::Equals(name, value)),
        (-2_i64..3).prop_map(|n| Condition::AtLeast("n".into(), n)),
        (-2_i64..3).prop_map(|n| Condition::Below("n".into(), n)),
    ];

    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Condition::All),
            vec(inner, 0..3).prop_map(Condition::Any),
        ]
    })
}

fn updates() -> impl Strategy<Value = Vec<Update>> {
    let update = prop_oneof![
        attribute().prop_map(|(name, value)| Update::Set(name, value)),
        ("[nm]", -3_i64..4).prop_map(|(name, n)| Update::Add(name, n)),
        attribute().prop_map(|(name, _)| Update::Remove(name)),
    ];

    vec(update, 1..4).prop_map(|updates| {
        let once: BTreeMap<String, Update> =
            updates.into_iter().map(|update| (update.attribute().to_owned(), update)).collect();
        once.into_values().collect()
    })
}

fn action(key: Key) -> impl Strategy<Value = Action> {
    let of = key.clone();
    let put = (item(), option::of(condition())).prop_map(move |(attributes, condition)| {
        Action::Put { key: of.clone(), attributes, condition }
    });
    let of = key.clone();
    let update = (updates(), option::of(condition())).prop_map(move |(updates, condition)| {
        Action::Update { key: of.clone(), updates, condition }
    });
    let of = key.clone();
    let delete = option::of(condition())
        .prop_map(move |condition| Action::Delete { key: of.clone(), condition });
    let check =
        condition().prop_map(move |condition| Action::Check { key: key.clone(), condition });

    prop_oneof![4 => put, 3 => update, 1 => delete, 1 => check]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let keys = btree_map(key(), Just(()), 1..4);
    let actions = keys.prop_flat_map(|keys| keys.into_keys().map(action).collect::<Vec<_>>());

    (actions, option::weighted(0.2, "[xyz]"))
        .prop_map(|(actions, token)| Transaction { actions, token })
}

async fn walk(items: &SqliteItems, mut query: Query) -> Vec<Row> {
    let mut rows = Vec::new();

    loop {
        let page = items.query(&query).await.unwrap();
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return rows,
        }
    }
}

/// Compares everything that can be read, in pages of a few rows, with the model.
async fn compare(items: &SqliteItems, model: &Model, limit: u32) {
    for name in ["s", "t"] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let query = Query::partition(Table::Catalog, name).index(SHELF).limit(limit);
            let rows = walk(items, Query { direction, ..query }).await;
            assert_eq!(rows, model.shelf(name, direction));
        }
    }
    for pk in ["a", "b"] {
        let rows = walk(items, Query::partition(Table::Catalog, pk).limit(limit)).await;
        assert_eq!(rows, model.partition(pk));
    }
    let mut all = 0;
    for table in [Table::Catalog, Table::Inventory] {
        let scan = Scan { table, partition_prefix: String::new(), limit: 1_000, after: None };
        all += items.scan(&scan).await.unwrap().rows.len();
    }
    assert_eq!(all, model.items.len());
}

async fn run(history: &[Transaction], limit: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let items = SqliteItems::open(&path, TABLES).unwrap();
    let mut model = Model::default();

    for transaction in history {
        let answer = of_the_file(items.transact(transaction).await);

        assert_eq!(answer, model.transact(transaction), "{transaction:?}");
    }

    compare(&items, &model, limit).await;
    drop(items);
    compare(&SqliteItems::open(&path, TABLES).unwrap(), &model, limit).await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_history_ends_as_in_the_model(history in vec(transaction(), 1..40), limit in 1_u32..5) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

        runtime.block_on(run(&history, limit));
    }
}
