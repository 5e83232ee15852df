//! Control sessions: opened under a lock that serialises set-ups, and how statements are run in them.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_postgres::Client;

use crate::sink::postgres::provision::SetupError;

/// The advisory lock held in every database while loadgen provisions in it.
const LOCK: i64 = 0x6c6f_6164_6765_6e01;
/// How long one statement may take: analysing a large table is the longest.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(10);
/// SQLSTATE of a lock that was not got in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A control session on its way. Its driver runs elsewhere; dropping the client ends the session.
pub type Connecting = BoxFuture<'static, Result<Client, SetupError>>;

/// Opens control sessions on one server: in the named database, or in that of the target's URL.
#[derive(Clone, Copy)]
pub struct Servers<'a> {
    connect: &'a (dyn Fn(Option<&str>) -> Connecting + Sync),
    patience: Duration,
}

impl fmt::Debug for Servers<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Servers").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl<'a> Servers<'a> {
    /// Sessions made by `connect`, which itself bounds how long it takes.
    pub fn new(connect: &'a (dyn Fn(Option<&str>) -> Connecting + Sync)) -> Self {
        Self { connect, patience: Duration::from_mins(1) }
    }

    /// How long to wait for another loadgen, and for locks of anybody; a minute unless set.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long that is.
    pub(in crate::sink::postgres) fn limit(&self) -> Duration {
        self.patience
    }

    /// A session with settings of our own, which does not wait for another set-up.
    pub(in crate::sink::postgres) async fn open(
        &self,
        database: Option<&str>,
    ) -> Result<Client, SetupError> {
        let client = (self.connect)(database).await?;
        let settings = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}; SET client_min_messages = warning; \
             SET search_path = pg_catalog",
            self.patience.as_millis(),
            STATEMENT_TIMEOUT.as_millis()
        );
        alone(&client, "prepare a control session", &settings).await?;
        Ok(client)
    }

    /// A session that is the only one to provision in its database, until it is dropped. What a
    /// killed predecessor still has under way on the server is waited for.
    pub(in crate::sink::postgres) async fn open_locked(
        &self,
        database: Option<&str>,
    ) -> Result<Client, SetupError> {
        let client = self.open(database).await?;
        match client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await {
            Ok(_) => Ok(client),
            Err(error) => {
                let error = SetupError::server("wait for another set-up", &error);
                if error.is(LOCK_NOT_AVAILABLE) {
                    return Err(SetupError::Busy(self.patience.as_secs()));
                }
                Err(error)
            }
        }
    }
}

/// Runs statements in one transaction, in one round trip.
pub(in crate::sink::postgres) async fn atomically(
    client: &Client,
    doing: &str,
    statements: &[String],
) -> Result<(), SetupError> {
    if statements.is_empty() {
        return Ok(());
    }
    let sql = format!("BEGIN;\n{};\nCOMMIT", statements.join(";\n"));
    let ran = alone(client, doing, &sql).await;
    if ran.is_err() {
        // The first error is the one to report; a lost session has rolled back by itself.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    ran
}

/// Runs what cannot be part of a transaction.
pub(in crate::sink::postgres) async fn alone(
    client: &Client,
    doing: &str,
    statement: &str,
) -> Result<(), SetupError> {
    client.batch_execute(statement).await.map_err(|error| SetupError::server(doing, &error))
}
