//! What a server holds, against what it reads with its own text parsers from our text of the same
//! rows.

use std::fs;
use std::process::Command;

use super::loadgen::scenario;
use super::machine::psql;

/// The seeded rows of a table of a scenario of the source, as CSV with a line for the head.
pub(crate) fn sample(file: &str, set: &[&str], table: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .arg("sample")
        .arg(scenario(file))
        .args(set.iter().flat_map(|each| ["--set", each]))
        .args(["--table", table, "-n", "1000000", "--format", "csv"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A URL with another database.
pub(crate) fn in_database(url: &str, database: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

/// Asserts that a table with a column `id` holds the rows of a sample, value by value in the
/// server's text. Returns how many values.
pub(crate) fn assert_equal(url: &str, table: &str, sample: &str) -> u64 {
    let (_, rows) = sample.split_once('\n').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.csv");
    fs::write(&file, rows).unwrap();
    ask(url, "CREATE SCHEMA IF NOT EXISTS told");
    ask(url, &format!("CREATE TABLE told.{table} (LIKE public.{table})"));
    ask(url, &format!("\\copy told.{table} FROM '{}' (FORMAT csv, HEADER)", file.display()));
    let columns = ask(url, &columns_of(&format!("'public.{table}'::regclass")));
    let columns: Vec<&str> = columns.lines().collect();
    let differing: Vec<String> = columns
        .iter()
        .map(|column| {
            format!(
                "count(*) FILTER (WHERE held.{column}::text IS DISTINCT FROM told.{column}::text)"
            )
        })
        .collect();
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE held.id IS NULL OR told.id IS NULL), {} \
         FROM public.{table} held FULL JOIN told.{table} told USING (id)",
        differing.join(", ")
    );
    let found = ask(url, &sql);
    let counts: Vec<u64> = found.split('|').map(|count| count.parse().unwrap()).collect();
    let wrong: Vec<_> = columns.iter().zip(&counts[2..]).filter(|(_, count)| **count > 0).collect();
    assert!(wrong.is_empty() && counts[1] == 0, "{table}: {} rows, {wrong:?}", counts[1]);
    ask(url, &format!("DROP TABLE told.{table}"));
    counts[0] * columns.len() as u64
}

/// How many columns the tables of a database have.
pub(crate) fn columns(url: &str) -> usize {
    let tables = "ANY (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace \
                  AND relkind = 'r' AND relname NOT LIKE 'debezium%')";
    ask(url, &columns_of(tables)).lines().count()
}

fn columns_of(table: &str) -> String {
    format!(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = {table} AND attnum > 0 \
         AND NOT attisdropped ORDER BY attrelid, attnum"
    )
}

/// What the server answers, a line for each row.
fn ask(url: &str, sql: &str) -> String {
    let output = psql(url).args(["-A", "-t", "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
