//! Does the publication say what happens?

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::doctor::Needs;
use crate::scenario::Domain;
use crate::schema::Table;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::qualified;
use crate::verify::failed;

const NAME: &str = "publication";

/// A publication of a database.
pub(super) struct Publication {
    name: String,
    /// What it tells of: `insert`, `update`, `delete`, `truncate`.
    told: Vec<&'static str>,
    /// Whether changes of partitions are told as those of their table.
    is_by_root: bool,
    /// By schema and name.
    tables: BTreeMap<(String, String), Member>,
    /// Tables that have to be added no more, by schema and name; `None`: that is true of all.
    added: Option<BTreeSet<(String, String)>>,
}

/// A table of a publication.
struct Member {
    /// The condition on its rows.
    filter: Option<String>,
    /// Its columns that are told, where the server says them.
    columns: Option<Vec<String>>,
}

impl Publication {
    /// The publication of this name, if there is one.
    pub(super) async fn read(client: &Client, name: &str) -> Result<Option<Self>, SetupError> {
        // PostgreSQL 13 and later have the last.
        let sql = "SELECT pubinsert, pubupdate, pubdelete, pubtruncate, \
                       coalesce((to_jsonb(p) ->> 'pubviaroot')::boolean, false), puballtables \
                   FROM pg_publication p WHERE pubname = $1";
        let row = client.query_opt(sql, &[&name]).await.map_err(|error| failed(&error))?;
        let Some(row) = row else { return Ok(None) };
        // PostgreSQL 15 and later have the last two.
        let sql = "SELECT schemaname::text, tablename::text, to_jsonb(p) ->> 'rowfilter', \
                       ARRAY(SELECT jsonb_array_elements_text(to_jsonb(p) -> 'attnames')) \
                   FROM pg_publication_tables p WHERE pubname = $1";
        let rows = client.query(sql, &[&name]).await.map_err(|error| failed(&error))?;
        let tables = rows.iter().map(|row| {
            let columns: Vec<String> = row.get(3);
            let columns = Some(columns).filter(|columns| !columns.is_empty());
            ((row.get(0), row.get(1)), Member { filter: row.get(2), columns })
        });
        let sql = "SELECT n.nspname::text, c.relname::text FROM pg_publication_rel r \
                   JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid \
                   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1";
        let rows = client.query(sql, &[&name]).await.map_err(|error| failed(&error))?;
        let added = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let added = (!row.get::<_, bool>(5)).then_some(added);
        let told = ["insert", "update", "delete", "truncate"].into_iter().enumerate();
        let told = told.filter(|(at, _)| row.get::<_, bool>(*at)).map(|(_, change)| change);
        let (told, tables) = (told.collect(), tables.collect());
        Ok(Some(Self { name: name.to_owned(), told, is_by_root: row.get(4), tables, added }))
    }

    /// Whether it has a table.
    pub(super) fn has(&self, schema: &str, table: &str) -> bool {
        self.tables.contains_key(&(schema.to_owned(), table.to_owned()))
    }

    /// What it does not say of what happens to a domain's tables. `leaves` are the partitions of those that
    /// have some; `truncates`: a step empties a table of ours at once.
    pub(super) fn judge(
        &self,
        domain: &Domain,
        (needs, truncates): (&[Needs], bool),
        leaves: &BTreeMap<String, Vec<String>>,
    ) -> Vec<Check> {
        let mut all = Vec::new();
        for (table, needs) in domain.schema.stored().iter().zip(needs) {
            all.extend(self.table(domain, table, leaves.get(&table.name)));
            all.extend(self.changes(needs).map(|check| check.at(table.name.clone())));
        }
        if truncates && !self.told.contains(&"truncate") {
            all.push(self.untold("truncation"));
        }
        if all.is_empty() {
            let truncates =
                if self.told.contains(&"truncate") { "" } else { ", TRUNCATE is not told" };
            let found =
                format!("`{}` has all tables and changes of the scenario{truncates}", self.name);
            all.push(Check::ok(NAME, found));
        }
        all
    }

    fn table(&self, domain: &Domain, table: &Table, leaves: Option<&Vec<String>>) -> Option<Check> {
        let own = (domain.namespace.clone(), table.name.clone());
        let whole = qualified(&domain.namespace, &table.name);
        let Some(Member { filter, columns }) = self.tables.get(&own) else {
            let has_leaves = leaves
                .is_some_and(|leaves| leaves.iter().all(|leaf| self.has(&domain.namespace, leaf)));
            let add = format!("ALTER PUBLICATION {} ADD TABLE {whole};", identifier(&self.name));
            let check = if has_leaves {
                let is_added = self.added.as_ref().is_none_or(|added| added.contains(&own));
                self.by_leaves(leaves?.first()?, (!is_added).then_some(add))
            } else {
                Check::critical(NAME, format!("`{}` does not have it", self.name)).remedy(add)
            };
            return Some(check.at(table.name.clone()));
        };
        // SET TABLE would leave out all the others.
        let name = identifier(&self.name);
        let again = format!(
            "ALTER PUBLICATION {name} DROP TABLE {whole}; ALTER PUBLICATION {name} ADD TABLE {whole};"
        );
        if let Some(columns) = columns {
            let key = table.key.iter().map(|column| &table.columns[*column].name);
            let lost: Vec<&String> = key.filter(|column| !columns.contains(column)).collect();
            if let Some(column) = lost.first() {
                let found = format!("its list of columns leaves out `{column}` of the key");
                return Some(Check::critical(NAME, found).remedy(again).at(table.name.clone()));
            }
        }
        let filter = filter.as_ref()?;
        let found = format!("only rows with {filter} are told: the others will count as lost");
        Some(Check::warning(NAME, found).remedy(again).at(table.name.clone()))
    }

    /// That changes come by the names of partitions, as `leaf`; `add` adds their table, where that has yet to be.
    fn by_leaves(&self, leaf: &str, add: Option<String>) -> Check {
        let found = format!(
            "changes of its partitions are told by their own names, as `{leaf}`: each has a topic of its own, and \
             observers miss them"
        );
        let name = identifier(&self.name);
        let by_root = format!(
            "ALTER PUBLICATION {name} SET (publish_via_partition_root = true); -- PostgreSQL 13 and later"
        );
        let remedy: Vec<String> =
            add.into_iter().chain((!self.is_by_root).then_some(by_root)).collect();
        Check::warning(NAME, found).remedy(remedy.join(" "))
    }

    fn changes(&self, needs: &Needs) -> Option<Check> {
        let needed =
            [(needs.inserts, "insert"), (needs.updates, "update"), (needs.deletes, "delete")];
        let is_lost =
            |(is_needed, change): &(bool, &str)| *is_needed && !self.told.contains(change);
        needed.into_iter().find(is_lost).map(|(_, lost)| self.untold(lost))
    }

    fn untold(&self, change: &str) -> Check {
        let found = format!("`{}` does not tell of each {change}", self.name);
        Check::critical(NAME, found).remedy(format!(
            "ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate');",
            identifier(&self.name)
        ))
    }
}
