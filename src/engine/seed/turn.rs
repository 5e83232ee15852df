//! Of several processes that need the same tables seeded, one after the other looks whether that is done.

use std::time::Duration;

use tokio_postgres::Client;

use crate::engine::seed::Seeding;
use crate::engine::seed::Sessions;
use crate::engine::stop::Level;
use crate::sink::postgres::control;
use crate::sink::postgres::provision::SetupError;

/// How often one asks whether it is one's turn.
const PAUSE: Duration = Duration::from_millis(200);

/// For as long as this lives, nobody else has the turn.
pub struct Turn {
    /// Holds an advisory lock. It goes before the runtime that drives it.
    session: Option<Client>,
    _sessions: Sessions,
}

impl Turn {
    /// Whether the turn has come: otherwise the run was stopped before.
    pub fn has_come(&self) -> bool {
        self.session.is_some()
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Turn").field("has_come", &self.has_come()).finish_non_exhaustive()
    }
}

/// Waits for one's turn to seed a domain's tables, however long that takes, or until the run is stopped.
pub fn turn(seeding: &Seeding) -> Result<Turn, SetupError> {
    let sessions = Sessions::new(seeding)?;
    let session = sessions.run(&seeding.stop, seeding.turn())?;
    Ok(Turn { session, _sessions: sessions })
}

impl Seeding {
    async fn turn(&self) -> Result<Option<Client>, SetupError> {
        let Some(books) = &self.books else { return Ok(None) };
        let client = control::control(&self.address, &self.application_name).await?;
        let sql = "SELECT pg_try_advisory_lock(hashtext($1), 2)";
        let mut is_told = false;
        loop {
            let lock = client.query_one(sql, &[&books.namespace()]).await;
            let lock = lock.map_err(|error| SetupError::Local(error.to_string()))?;
            if lock.get(0) {
                return Ok(Some(client));
            }
            if !std::mem::replace(&mut is_told, true) {
                self.feed.message(format!("another shard seeds `{}` now", self.address.database()));
            }
            let mut stop = self.stop.watch();
            let stopped = stop.wait_for(|level| *level != Level::Run);
            if tokio::time::timeout(PAUSE, stopped).await.is_ok() {
                return Ok(None);
            }
        }
    }
}
