//! What follows the last seeded row: sequences beyond our keys, and fresh statistics.

use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::scenario::Provision;
use crate::sink::postgres::ddl;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote;

impl Provisioner<'_> {
    /// Moves the sequences of a domain's keys beyond every key there is and beyond the greatest that
    /// the run may use (`keys_max`, by table), then analyses its tables. Tables that we did not make
    /// keep their sequences.
    pub async fn finish_seed(
        &self,
        domain: &Domain,
        keys_max: &[Option<i64>],
    ) -> Result<(), SetupError> {
        let client = self.servers.open(self.database_of(domain)).await?;
        for (index, table) in domain.schema.stored().iter().enumerate() {
            let name = quote::qualified(&domain.namespace, &table.name);
            let doing = format!("finish the seeding of `{}`", table.name);
            let failed = |error| SetupError::server(doing.as_str(), &error);
            if self.settings.provision != Provision::Nothing {
                let wanted = keys_max.get(index).copied().flatten().unwrap_or(0);
                for column in (0..table.columns.len()).filter(|&at| ddl::is_identity(table, at)) {
                    let column = &table.columns[column].name;
                    move_sequence(&client, &name, column, wanted).await.map_err(failed)?;
                }
            }
            // A table that somebody has locked is analysed by the server itself, later.
            client.batch_execute(&format!("ANALYZE (SKIP_LOCKED) {name}")).await.map_err(failed)?;
        }
        Ok(())
    }
}

/// A sequence ends with its column's type, so it is never moved further than that.
async fn move_sequence(
    client: &Client,
    table: &str,
    column: &str,
    wanted: i64,
) -> Result<(), tokio_postgres::Error> {
    let key = quote::identifier(column);
    let sql = format!(
        "SELECT setval(s.seqrelid::regclass, \
            least(greatest((SELECT max({key}) FROM {table})::bigint, $3::bigint, 1), s.seqmax)) \
         FROM pg_sequence s \
         WHERE s.seqrelid = pg_get_serial_sequence($1::text, $2::text)::regclass"
    );
    client.execute(&sql, &[&table, &column, &wanted]).await.map(|_| ())
}
