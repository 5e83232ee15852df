//! Rows in the order of their keys, from a server, without holding them.

use std::pin::Pin;

use futures_util::TryStreamExt;
use tokio_postgres::Client;
use tokio_postgres::RowStream;
use tokio_postgres::error::SqlState;

use crate::sink::postgres::provision::SetupError;
use crate::verify::Side;

/// Names the tables that nobody can read now, and the processes of those who hold them.
const LOCKS: &str =
    "`SELECT relation::regclass, pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted`";

/// Of rows that have the same key and the same value: both, and how many they are.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) rows: u64,
}

/// A side's rows, by key as bytes sort it.
pub(super) struct Groups {
    stream: Pin<Box<RowStream>>,
}

impl Groups {
    /// Of all rows whose key is not NULL.
    pub(super) async fn of(client: &Client, side: &Side) -> Result<Self, SetupError> {
        let Side { table, key, value, .. } = side;
        let value = value.as_deref().unwrap_or("NULL");
        let sql = format!(
            "SELECT {key}::text COLLATE \"C\", ({value})::text, count(*) FROM {table} \
             WHERE {key} IS NOT NULL GROUP BY 1, 2 ORDER BY 1"
        );
        let stream = client.query_raw(&sql, std::iter::empty::<&str>()).await;
        Ok(Self { stream: Box::pin(stream.map_err(|error| failed(&error))?) })
    }

    /// The next, if there is one.
    pub(super) async fn next(&mut self) -> Result<Option<Group>, SetupError> {
        let row = self.stream.try_next().await.map_err(|error| failed(&error))?;
        Ok(row.map(|row| Group {
            key: row.get(0),
            value: row.get(1),
            rows: row.get::<_, i64>(2).unsigned_abs(),
        }))
    }
}

/// Why a server did not say what was asked.
pub(crate) fn failed(error: &tokio_postgres::Error) -> SetupError {
    let message =
        error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return SetupError::Local(format!(
            "{message}: others hold a table that is to be read, for longer than `lock_timeout` (60 s where none is set); \
             {LOCKS} names them"
        ));
    }
    SetupError::Local(message)
}
