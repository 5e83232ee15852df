//! Who is at work on the tables of a domain, from its load until its verdict: whoever would drop them looks for that.
//! What a run's connections do tells less: some do nothing for minutes, and behind a pooler they outlive it.

use tokio_postgres::Client;

use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::provision::SetupError;

/// Beside the books' name: of the advisory lock that says that a run is there.
const PRESENT: i32 = 4;

/// Says that a run is at work on the tables that these books are of, for as long as the session lives. Others may say so, too.
pub async fn announce(client: &Client, books: &Books) -> Result<(), SetupError> {
    // It says nothing more, and is to stay. Servers before PostgreSQL 14 end no session for that.
    let sql = "SELECT pg_advisory_lock_shared(hashtext($1), $2), \
        (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout')";
    let said = client.execute(sql, &[&books.namespace(), &PRESENT]).await;
    said.map(drop).map_err(|error| SetupError::Local(error.to_string()))
}

/// One of these databases in which a run is at work, and the run's name.
pub(super) async fn in_databases(
    client: &Client,
    databases: &[&str],
) -> Result<Option<(String, String)>, SetupError> {
    let is_it = "d.datname::text = it.name";
    first(client, is_it, databases).await
}

/// Of the books whose PostgreSQL schemas these are, in the session's database: those of tables on which a run is at work,
/// and the run's name.
pub(super) async fn on_books(
    client: &Client,
    books: &[&str],
) -> Result<Option<(String, String)>, SetupError> {
    let is_it = "d.datname = current_database() AND l.classid = hashtext(it.name)::oid";
    first(client, is_it, books).await
}

async fn first(
    client: &Client,
    is_it: &str,
    names: &[&str],
) -> Result<Option<(String, String)>, SetupError> {
    // An advisory lock on two numbers has the first as its class, and the second as its object.
    let sql = format!(
        "SELECT it.name, split_part(a.application_name, '/', 2) \
         FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         JOIN pg_stat_activity a ON a.pid = l.pid JOIN unnest($1::text[]) AS it (name) ON {is_it} \
         WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.objid = {PRESENT} AND l.granted \
         ORDER BY 1, 2 LIMIT 1"
    );
    let row = client.query_opt(&sql, &[&names]).await.map_err(|error| reading(&error))?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}
