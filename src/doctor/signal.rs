//! Can a connector be asked for a snapshot? It hears what is written into a table of a certain shape, and marks there
//! how far it is.

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::doctor::published::Publication;
use crate::scenario::Cdc;
use crate::scenario::Domain;
use crate::schema::beside::SIGNALS;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::qualified;
use crate::verify::failed;

const NAME: &str = "signals";
/// Its columns, which are read by their places.
const COLUMNS: [&str; 3] = ["id", "type", "data"];
/// As `sql/signal.sql` makes them.
const SHAPE: &str = "id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)";

/// Looks at the table of signals of a domain; `None` where there is to be none.
pub(super) async fn signals(
    client: &Client,
    domain: &Domain,
    (cdc, publication): (&Cdc, &Publication),
) -> Result<Option<Check>, SetupError> {
    if !cdc.signal_table {
        return Ok(None);
    }
    let table = qualified(&domain.namespace, SIGNALS);
    let (owner, capture) = (&domain.roles.owner, &domain.roles.capture);
    let sql = "SELECT ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) \
                   AND attnum > 0 AND NOT attisdropped ORDER BY attnum), \
               EXISTS (SELECT FROM pg_roles WHERE rolname = $2), \
               EXISTS (SELECT FROM pg_roles WHERE rolname = $3), \
               (SELECT has_table_privilege(oid, to_regclass($1), 'INSERT') FROM pg_roles \
                   WHERE rolname = $3 AND to_regclass($1) IS NOT NULL)";
    let row = client.query_one(sql, &[&table, owner, capture]).await;
    let row = row.map_err(|error| failed(&error))?;
    let (columns, has_owner, has_capture): (Vec<String>, bool, bool) =
        (row.get(0), row.get(1), row.get(2));
    // A login that is not there is another's who captures.
    let may_insert: Option<bool> = row.get(3);
    let publish = format!("ALTER PUBLICATION {} ADD TABLE {table};", identifier(&cdc.publication));
    let grant = format!("GRANT INSERT, UPDATE, DELETE ON {table} TO {};", identifier(capture));
    if columns.is_empty() || columns != COLUMNS {
        let own = if has_owner {
            format!(" ALTER TABLE {table} OWNER TO {};", identifier(owner))
        } else {
            String::new()
        };
        let grant = if has_capture { format!(" {grant}") } else { String::new() };
        let make = format!("CREATE TABLE {table} ({SHAPE});{own}{grant} {publish}");
        return Ok(Some(if columns.is_empty() {
            let found =
                format!("`{SIGNALS}` is not there: no connector can be asked for a snapshot");
            Check::warning(NAME, found).remedy(make)
        } else {
            let found = format!(
                "`{SIGNALS}` has the columns {}, not {}: a connector does not understand what is written there",
                columns.join(", "),
                COLUMNS.join(", ")
            );
            Check::warning(NAME, found).remedy(format!("DROP TABLE {table}; {make}"))
        }));
    }
    if may_insert == Some(false) {
        let found = format!(
            "`{capture}` may not insert into `{SIGNALS}`: it cannot mark how far a snapshot is"
        );
        return Ok(Some(Check::warning(NAME, found).remedy(grant)));
    }
    if !publication.has(&domain.namespace, SIGNALS) {
        let found = format!("`{SIGNALS}` is not published: no connector hears what is asked there");
        return Ok(Some(Check::warning(NAME, found).remedy(publish)));
    }
    Ok(Some(Check::ok(NAME, format!("`{SIGNALS}` is published, and has its three columns"))))
}
