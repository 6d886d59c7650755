//! A hash of a transaction's actions: the same for equal actions in every process, whatever order
//! the attributes of a map were inserted in.

use ports::{Action, Attributes, Condition, Key, Update, Value};
use xxhash_rust::xxh3::Xxh3;

pub(crate) type Fingerprint = [u8; 16];

pub(crate) fn of(actions: &[Action]) -> Fingerprint {
    let mut writer = Writer(Xxh3::new());

    writer.length(actions.len());
    actions.iter().for_each(|action| writer.action(action));
    writer.0.digest128().to_le_bytes()
}

/// Every part is prefixed with its kind and its length, so that different actions never produce the
/// same bytes.
struct Writer(Xxh3);

impl Writer {
    fn action(&mut self, action: &Action) {
        match action {
            Action::Put { key, attributes: Attributes(map), .. } => {
                self.kind(b'P', key);
                self.map(map);
            }
            Action::Update { key, updates, .. } => {
                self.kind(b'U', key);
                self.length(updates.len());
                updates.iter().for_each(|update| self.update(update));
            }
            Action::Delete { key, .. } => self.kind(b'D', key),
            Action::Check { key, .. } => self.kind(b'C', key),
        }
        match action.condition() {
            None => self.byte(0),
            Some(condition) => self.condition(condition),
        }
    }

    fn kind(&mut self, kind: u8, key: &Key) {
        self.byte(kind);
        self.text(key.table.name());
        self.text(&key.pk);
        self.text(&key.sk);
    }

    fn update(&mut self, update: &Update) {
        self.text(update.attribute());
        match update {
            Update::Set(_, value) => {
                self.byte(b's');
                self.value(value);
            }
            Update::Add(_, number) => {
                self.byte(b'a');
                self.0.update(&number.to_le_bytes());
            }
            Update::Remove(_) => self.byte(b'r'),
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Exists => self.byte(b'e'),
            Condition::NotExists => self.byte(b'n'),
            Condition::Equals(name, value) => {
                self.named(b'=', name);
                self.value(value);
            }
            Condition::AtLeast(name, number) => {
                self.named(b'>', name);
                self.0.update(&number.to_le_bytes());
            }
            Condition::Below(name, number) => {
                self.named(b'<', name);
                self.0.update(&number.to_le_bytes());
            }
            Condition::AttributeAtLeast(left, right) => {
                self.named(b'~', left);
                self.text(right);
            }
            Condition::All(conditions) => self.conditions(b'&', conditions),
            Condition::Any(conditions) => self.conditions(b'|', conditions),
        }
    }

    fn conditions(&mut self, kind: u8, conditions: &[Condition]) {
        self.byte(kind);
        self.length(conditions.len());
        conditions.iter().for_each(|condition| self.condition(condition));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.byte(b'0'),
            Value::Bool(value) => self.0.update(&[b'b', u8::from(*value)]),
            Value::Number(number) => self.named(b'#', &number.to_string()),
            Value::String(text) => self.named(b'"', text),
            Value::Array(values) => {
                self.byte(b'[');
                self.length(values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Object(map) => {
                self.byte(b'{');
                self.map(map);
            }
        }
    }

    fn map(&mut self, map: &serde_json::Map<String, Value>) {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|(name, _)| *name);

        self.length(entries.len());
        for (name, value) in entries {
            self.text(name);
            self.value(value);
        }
    }

    fn named(&mut self, kind: u8, name: &str) {
        self.byte(kind);
        self.text(name);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }

    fn byte(&mut self, byte: u8) {
        self.0.update(&[byte]);
    }
}

#[cfg(test)]
mod tests {
    use ports::{Table, Transaction};

    use super::*;

    fn put(attributes: Attributes, condition: Condition) -> Fingerprint {
        let key = Key::new(Table::Catalog, "p", "s");

        of(&Transaction::new().put_if(key, attributes, condition).actions)
    }

    #[test]
    fn the_order_of_insertion_does_not_matter() {
        let one = Attributes::default().with("a", 1).with("b", 2);
        let other = Attributes::default().with("b", 2).with("a", 1);

        assert_eq!(put(one, Condition::Exists), put(other, Condition::Exists));
    }

    #[test]
    fn every_part_changes_the_fingerprint() {
        let with = |name, value| Attributes::default().with(name, value);

        let all = [
            put(with("a", "1"), Condition::Exists),
            put(with("a", "2"), Condition::Exists),
            put(with("b", "1"), Condition::Exists),
            put(Attributes::default().with("a", 1), Condition::Exists),
            put(with("a", "1"), Condition::NotExists),
            put(with("a", "1"), Condition::AtLeast("a".into(), 1)),
            put(with("a", "1"), Condition::AtLeast("a".into(), 2)),
            put(with("a", "1"), Condition::All(vec![Condition::Exists])),
            put(with("a", "1"), Condition::Any(vec![Condition::Exists])),
        ];

        for (n, one) in all.iter().enumerate() {
            assert!(!all[..n].contains(one), "{n}");
        }
    }
}
