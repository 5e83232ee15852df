//! Why a publication does not tell of a table by the table's own name, and what is to be done: of a table with
//! partitions, either it or they are told of.

use tokio_postgres::Client;

use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::qualified;

/// Why nobody sees the changes of a table (PostgreSQL schema and name) by its name, and what to do about it.
pub(super) async fn lacking(
    client: &Client,
    publication: &str,
    (namespace, table): (&str, &str),
) -> Result<String, SetupError> {
    // The last two: whose name its changes have instead.
    let sql = "WITH own AS ( \
            SELECT c.oid, c.relkind, c.relpersistence FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE n.nspname::text = $2 AND c.relname::text = $3), \
        line AS (SELECT oid FROM own UNION SELECT relid::oid FROM own, pg_partition_ancestors(own.oid)) \
        SELECT own.relkind = 'p', own.relpersistence <> 'p', p.pubviaroot, \
            p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r \
                WHERE r.prpubid = p.oid AND r.prrelid IN (SELECT oid FROM line)), \
            instead.nspname, instead.relname \
        FROM own CROSS JOIN pg_publication p LEFT JOIN LATERAL ( \
            SELECT n.nspname::text, c.relname::text FROM line \
            JOIN pg_class c ON c.oid = line.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
            JOIN pg_publication_tables t ON t.pubname = p.pubname AND t.schemaname = n.nspname \
                AND t.tablename = c.relname LIMIT 1) instead ON true \
        WHERE p.pubname::text = $1";
    let row = client.query_opt(sql, &[&publication, &namespace, &table]).await;
    let row = row.map_err(|error| SetupError::server("look at the publication", &error))?;
    let (name, own) = (format!("{namespace}.{table}"), qualified(namespace, table));
    let Some(row) = row else { return Ok(format!("there is no table `{name}` to observe")) };
    let (has_parts, has_no_log): (bool, bool) = (row.get(0), row.get(1));
    let (is_by_root, is_member): (bool, bool) = (row.get(2), row.get(3));
    let shown = identifier(publication);
    let by_root =
        |is: bool| format!("ALTER PUBLICATION {shown} SET (publish_via_partition_root = {is})");
    let add = format!("ALTER PUBLICATION {shown} ADD TABLE {own}");
    let (what, remedy) = if has_no_log {
        (
            format!("cannot tell of `{name}`, which is unlogged"),
            format!("ALTER TABLE {own} SET LOGGED"),
        )
    } else if has_parts && is_member {
        let what = format!(
            "tells what happens to the partitions of `{name}` by their names, not by its own"
        );
        (what, by_root(true))
    } else if has_parts {
        let remedy = if is_by_root { add } else { format!("{add}; {}", by_root(true)) };
        (format!("lacks the table `{name}`, which has partitions"), remedy)
    } else if let (Some(of), Some(root)) =
        (row.get::<_, Option<&str>>(4), row.get::<_, Option<&str>>(5))
    {
        let what = format!(
            "tells what happens to `{name}` by the name of `{of}.{root}`, of which it is a partition"
        );
        (what, by_root(false))
    } else {
        (format!("lacks the table `{name}`"), add)
    };
    Ok(format!("the publication `{publication}` {what}; run `{remedy}`"))
}
