//! Which metadata file of a table is the newest: a row in a database says so, or a file beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::observe::objects::store::Store;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control::control;

/// How long one question may take.
const STEP: Duration = Duration::from_secs(10);

/// Who knows.
#[derive(Debug, Clone)]
pub(crate) enum Catalog {
    /// The file `version-hint.text` beside the metadata of each table.
    Hints,
    /// A catalog of Iceberg's `JdbcCatalog`: a PostgreSQL database, and the catalog's name in it.
    Database(Box<Address>, String),
}

/// A catalog that is asked.
#[derive(Debug)]
pub(super) struct Asking {
    catalog: Catalog,
    application: String,
    client: Option<Client>,
}

impl Asking {
    pub(super) fn new(catalog: Catalog, application: String) -> Self {
        Self { catalog, application, client: None }
    }

    /// The newest metadata file of each of these tables; of those that are not there yet, nothing.
    pub(super) async fn newest<'a>(
        &mut self,
        store: &mut Store,
        tables: impl Iterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, String>, String> {
        if let Catalog::Database(address, name) = &self.catalog {
            let (address, name) = (address.clone(), name.clone());
            let asked = timeout(STEP, self.ask(&address, &name)).await;
            let known = asked.unwrap_or_else(|_| Err("it does not answer".to_owned()));
            let known = known.map_err(|error| format!("the catalog `{address}`: {error}"))?;
            let known = tables.filter_map(|it| Some((it.to_owned(), known.get(it)?.clone())));
            return Ok(known.collect());
        }
        let mut known = BTreeMap::new();
        for table in tables {
            let folder = format!("{}/metadata", table.replace('.', "/"));
            let hint = store.address(&format!("{folder}/version-hint.text"));
            let Some(said) = store.get(&hint).await? else { continue };
            let said = String::from_utf8_lossy(&said);
            let Ok(version) = said.trim().parse::<u64>() else {
                return Err(format!("`{hint}` does not say which version is the newest"));
            };
            let address = store.address(&format!("{folder}/v{version}.metadata.json"));
            known.insert(table.to_owned(), address);
        }
        Ok(known)
    }

    async fn ask(
        &mut self,
        address: &Address,
        name: &str,
    ) -> Result<BTreeMap<String, String>, String> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => control(address, &self.application).await.map_err(|error| error.to_string())?,
        };
        let sql = "SELECT table_namespace::text, table_name::text, metadata_location::text \
            FROM iceberg_tables WHERE catalog_name = $1";
        let rows = match client.query(sql, &[&name]).await {
            Ok(rows) => rows,
            // Whoever writes first makes it.
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Vec::new(),
            Err(error) => return Err(error.to_string()),
        };
        self.client = Some(client);
        let known = rows.iter().filter_map(|row| {
            let (namespace, table): (Option<&str>, Option<&str>) = (row.get(0), row.get(1));
            Some((format!("{}.{}", namespace?, table?), row.get::<_, Option<String>>(2)?))
        });
        Ok(known.collect())
    }
}
