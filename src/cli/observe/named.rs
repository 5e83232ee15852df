//! What the tables of a scenario are called where others write their changes.

use std::collections::BTreeMap;

use crate::action::TableId;
use crate::cli::place::Place;
use crate::cli::prepare::Prepared;
use crate::scenario::Domain;
use crate::scenario::Observer;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;

/// How an observer calls tables.
pub(super) struct Named<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) observer: &'a Observer,
    pub(super) template: &'a str,
}

impl Named<'_> {
    /// All tables whose changes come there, by their names. `what` is called so, by the word `word` of the
    /// scenario, once it is `spelt` as it is there.
    pub(super) fn tables(
        &self,
        what: &str,
        word: &str,
        spelt: impl Fn(&str) -> String,
    ) -> Result<BTreeMap<String, TableId>, SetupError> {
        let (all, observer) = (&self.prepared.world, self.observer);
        let mut tables = BTreeMap::new();
        for (table, info) in all.catalog.all() {
            if !observer.domains.contains(&info.domain) || !info.is_row() {
                continue;
            }
            let domain = &self.prepared.scenario.domains[info.domain];
            let name = spelt(&self.of(domain, (&info.namespace, &info.name)));
            if let Some(other) = tables.insert(name.clone(), table) {
                let (one, other) = (&info.name, &all.catalog.table(other).name);
                return Err(SetupError::Local(format!(
                    "the tables `{other}` and `{one}` would come by one {what}, `{name}`; let `{word}` of the \
                     observer `{}` tell them apart",
                    observer.name
                )));
            }
        }
        Ok(tables)
    }

    /// What a table in the database of a domain is called.
    pub(super) fn of(&self, domain: &Domain, names: (&str, &str)) -> String {
        let at = (&*self.prepared.scenario, &self.prepared.place);
        name_of(at, self.template, (domain, names))
    }
}

/// What a table of a PostgreSQL schema in the database of a domain is called by a template.
pub(in crate::cli) fn name_of(
    (scenario, place): (&Scenario, &Place),
    template: &str,
    (domain, (schema, table)): (&Domain, (&str, &str)),
) -> String {
    let database = place.database(scenario, domain);
    // A connector captures a database, and is called by the first domain that has rows in it.
    let is_there = |it: &&Domain| {
        it.target == domain.target
            && place.database(scenario, it) == database
            && !it.schema.stored().is_empty()
    };
    let first = scenario.domains.iter().find(is_there).unwrap_or(domain);
    let names = [
        ("{domain}", first.schema.name.as_str()),
        ("{database}", database.as_str()),
        ("{schema}", schema),
        ("{table}", table),
    ];
    names.iter().fold(template.to_owned(), |text, (word, name)| text.replace(word, name))
}

/// The topic of that name: what may not stand in a topic's, Debezium replaces as well.
pub(in crate::cli) fn topic_of(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Checked;
    use crate::scenario::Overrides;
    use crate::scenario::check_text;

    /// A connector is called by the first domain with tables to capture, as none is made for those without.
    #[test]
    fn a_domain_with_events_alone_gives_a_database_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
        let clicks = std::fs::read_to_string(format!("{schemas}/clickstream.yaml")).unwrap();
        let nowhere = clicks.replacen("  sessions:", "  sessions:\n    stored: false\n  #", 1);
        let of_clicks = folder.path().join("clicks.yaml");
        std::fs::write(&of_clicks, nowhere).unwrap();
        let text = format!(
            "scenario: two\nseed: 1\nstart: now\ntargets:\n  \
               db: {{ postgres: {{ url: \"postgres://localhost/one\", provision: schemas }} }}\n  \
               bus: {{ kafka: {{ brokers: \"localhost:9092\" }} }}\ndomains:\n  \
               clicks: {{ schema: {}, on: db, events: bus, database: one, namespace: clicks }}\n  \
               orders: {{ schema: {schemas}/orders.yaml, on: db, database: one, rows: {{ products: 64, customers: 64, orders: 64 }} }}\n\
             load:\n  streams:\n    shop: {{ mix: {{ orders.place_order: 1 }}, profile: [ {{ hold: 1/s, for: 1s }} ] }}\n",
            of_clicks.display()
        );
        let checked = check_text("two.yaml", &text, &Overrides::default(), &|_| None);
        let Ok(Checked::Scenario(scenario)) = checked else { panic!("{checked:?}") };
        assert!(scenario.domains[0].schema.stored().is_empty());
        let name = |domain: usize| {
            let place = (&*scenario, &Place::default());
            name_of(place, "{domain}.{table}", (&scenario.domains[domain], ("public", "orders")))
        };
        assert_eq!(name(1), "orders.orders");
    }
}
