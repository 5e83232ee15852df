//! To which table a record belongs: it says so itself, or the name of the object does by its topic.

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde_json::Map;
use serde_json::Value as Json;

use crate::action::TableId;
use crate::observe::debezium::coded::payload;
use crate::observe::debezium::form::Described;

/// What a sink may put beside a record, if it puts the record itself into `value`.
const BESIDE: [&str; 7] = ["key", "value", "offset", "partition", "timestamp", "topic", "headers"];

/// A table in its database.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) id: TableId,
}

/// The tables whose changes come.
#[derive(Debug)]
pub(super) struct Tables {
    by_topic: BTreeMap<String, TableId>,
    by_name: HashMap<String, Vec<Stored>>,
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belongs {
    Table(TableId),
    /// Of a table that is not observed, or of none.
    Other,
    /// It is a change, and nobody can tell of which table.
    Untold,
}

impl Tables {
    pub(super) fn new(by_topic: BTreeMap<String, TableId>, all: &[Stored]) -> Self {
        let mut by_name: HashMap<String, Vec<Stored>> = HashMap::new();
        for stored in all {
            by_name.entry(stored.table.clone()).or_default().push(stored.clone());
        }
        Self { by_topic, by_name }
    }

    /// Whether it is the topic of a table.
    pub(super) fn has(&self, topic: &str) -> bool {
        self.by_topic(topic).is_some()
    }

    /// The table of a topic.
    pub(super) fn by_topic(&self, topic: &str) -> Option<TableId> {
        self.by_topic.get(topic).copied()
    }

    /// The table of a record, without what is said of its form, in an object that names a topic, if it does.
    pub(super) fn of(&self, body: &Json, topic: Option<&str>) -> Belongs {
        let by_topic = topic.and_then(|topic| self.by_topic(topic));
        let Some(table) = told(body, "table") else {
            return match (by_topic, topic) {
                (Some(table), _) => Belongs::Table(table),
                (None, None) if is_change(body) => Belongs::Untold,
                (None, _) => Belongs::Other,
            };
        };
        let (database, schema) = (told(body, "db"), told(body, "schema"));
        let all = self.by_name.get(table).map_or(&[][..], Vec::as_slice);
        let mut meant = all.iter().filter(|it| {
            database.is_none_or(|name| name == it.database)
                && schema.is_none_or(|name| name == it.schema)
        });
        match (meant.next(), meant.next()) {
            (None, _) => Belongs::Other,
            (Some(one), None) => Belongs::Table(one.id),
            // Two servers may have databases of one name.
            (Some(_), Some(_)) => by_topic.map_or(Belongs::Untold, Belongs::Table),
        }
    }
}

/// A value or a key, and what is said of it elsewhere than beside it.
#[derive(Debug)]
pub(super) struct Bare<'a> {
    whole: Json,
    described: Described<'a>,
}

impl Bare<'_> {
    /// What is said of its form, and all of it.
    pub(super) fn parts(&self) -> (Described<'_>, &Json) {
        (self.described, &self.whole)
    }

    /// What it is itself, if its schema stands beside it or not.
    pub(super) fn body(&self) -> &Json {
        payload(&self.whole)
    }

    /// What was written as text.
    fn parsed(self) -> Self {
        match self.whole.as_str().map(serde_json::from_str) {
            Some(Ok(whole)) => Self { whole, described: Described::Nothing },
            Some(Err(_)) | None => self,
        }
    }
}

/// A record without what a sink has put around it, and its key, if that stands beside it.
pub(super) fn unwrapped<'a>(
    mut record: Json,
    described: Described<'a>,
) -> (Option<Bare<'a>>, Option<Bare<'a>>) {
    let is_around = |of: &Map<String, Json>| {
        of.contains_key("value") && of.keys().all(|name| BESIDE.contains(&name.as_str()))
    };
    let of = |whole: Json, described: Described<'a>| {
        Some(Bare { whole, described }.parsed()).filter(|it| !it.whole.is_null())
    };
    let Some(around) = record.as_object_mut().filter(|of| is_around(of)) else {
        return (of(record, described), None);
    };
    let mut part = |name: &str| of(around.remove(name)?, described.field(name));
    (part("value"), part("key"))
}

/// What a record tells of where it comes from.
fn told<'a>(body: &'a Json, what: &str) -> Option<&'a str> {
    let source = body.get("source").and_then(|source| source.get(what));
    let flat = || body.get(format!("__{what}")).or_else(|| body.get(format!("__source_{what}")));
    source.or_else(flat)?.as_str()
}

/// Whether it looks like the change of a row.
fn is_change(body: &Json) -> bool {
    ["op", "__op", "__deleted"].iter().any(|name| body.get(*name).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tables() -> Tables {
        let stored = |database: &str, table: &str, id| Stored {
            database: database.to_owned(),
            schema: "public".to_owned(),
            table: table.to_owned(),
            id: TableId(id),
        };
        let all =
            [stored("shop", "orders", 1), stored("shop", "users", 2), stored("two", "users", 3)];
        let topics = [("shop.orders", 1), ("shop.users", 2), ("two.users", 3)];
        let topics = topics.map(|(topic, id)| (topic.to_owned(), TableId(id)));
        Tables::new(BTreeMap::from(topics), &all)
    }

    #[test]
    fn a_record_says_whose_it_is_or_its_topic_does() {
        let of = |id| Belongs::Table(TableId(id));
        let source = |db: &str, schema: &str, table: &str| json!({ "op": "c", "source": { "db": db, "schema": schema, "table": table } });
        let orders = Some("shop.orders");
        let rows = [
            (source("shop", "public", "orders"), None, of(1)),
            // What it says of itself goes before its topic.
            (source("shop", "public", "users"), orders, of(2)),
            (source("shop", "other", "orders"), orders, Belongs::Other),
            (source("three", "public", "orders"), None, Belongs::Other),
            (json!({ "id": 1, "__op": "c", "__table": "orders" }), None, of(1)),
            (json!({ "id": 1, "__op": "c", "__source_table": "orders" }), None, of(1)),
            (json!({ "id": 1, "__op": "c", "__table": "users" }), None, Belongs::Untold),
            (json!({ "id": 1, "__op": "c", "__table": "users" }), Some("two.users"), of(3)),
            (json!({ "id": 1, "__op": "c", "__table": "users", "__db": "two" }), None, of(3)),
            (json!({ "id": 1, "__op": "c" }), orders, of(1)),
            (json!({ "id": 1, "__op": "c" }), Some("foreign"), Belongs::Other),
            (json!({ "id": 1, "__op": "c" }), None, Belongs::Untold),
            (json!({ "ts_ms": 1 }), None, Belongs::Other),
        ];
        let tables = tables();
        for (record, topic, expected) in rows {
            assert_eq!(tables.of(&record, topic), expected, "{record} in {topic:?}");
        }
    }

    #[test]
    fn what_a_sink_puts_around_a_record_is_taken_off() {
        let row = json!({ "id": 1, "__op": "c" });
        let rows = [
            (row.clone(), (Some(row.clone()), None)),
            (json!({ "value": row }), (Some(row.clone()), None)),
            (
                json!({ "key": { "id": 1 }, "value": row, "offset": 7 }),
                (Some(row.clone()), Some(json!({ "id": 1 }))),
            ),
            (
                json!({ "key": "{\"id\":1}", "value": row.to_string() }),
                (Some(row.clone()), Some(json!({ "id": 1 }))),
            ),
            (json!({ "key": { "id": 1 }, "value": null }), (None, Some(json!({ "id": 1 })))),
            (Json::Null, (None, None)),
            (json!({ "key": null, "value": null }), (None, None)),
            // A row with such columns is a row.
            (
                json!({ "key": 1, "value": 2, "__op": "c" }),
                (Some(json!({ "key": 1, "value": 2, "__op": "c" })), None),
            ),
        ];
        for (record, expected) in rows {
            let (value, key) = unwrapped(record.clone(), Described::Nothing);
            assert_eq!((value.map(|it| it.whole), key.map(|it| it.whole)), expected, "{record}");
        }
    }
}
