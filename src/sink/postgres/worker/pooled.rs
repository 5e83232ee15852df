//! Behind a pooler in transaction mode: each transaction may be in another session, so nothing that a
//! session keeps is relied on, neither prepared statements nor settings nor locks nor its name.
//!
//! An action goes out as text, in BEGIN, and asks for its transaction's number and process before
//! COMMIT is sent; nothing is sent behind it until it has ended. If the connection is lost before
//! COMMIT was sent, the action cannot be committed: whoever holds the other end of the session
//! (the pooler, or the system when it has died) closes it, and the server rolls back. If it is lost
//! behind COMMIT, the session may still be at it: its successor waits until the transaction is
//! decided, and ends its process if that takes too long, for a pooler that hangs.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep;

use crate::action::StatementId;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::postgres::error::ConnectError;
use crate::sink::postgres::evidence::FORGOTTEN;
use crate::sink::postgres::evidence::Question;
use crate::sink::postgres::frames;
use crate::sink::postgres::frames::ServerError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::literal;
use crate::sink::postgres::statement;
use crate::sink::postgres::types::oid;
use crate::sink::postgres::worker::PostgresOptions;
use crate::sink::postgres::worker::PostgresSink;

/// Between two looks at a transaction that is not decided.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a transaction whose connection was lost may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// What to do where sessions change under us.
const USE_NO_SESSION: &str =
    "a pooler in transaction mode is between: write `prepare: false` on the target";

/// A statement that is sent as text each time.
#[derive(Debug)]
pub(super) struct Text {
    sql: String,
    types: Vec<u32>,
}

impl Text {
    /// Writes it as the statement without a name, which is returned.
    pub(super) fn parse(&self, out: &mut Vec<u8>) -> &'static str {
        frames::parse(out, "", &self.sql, &self.types);
        ""
    }
}

/// The statements of a connection that goes through a pooler; none of another.
pub(super) fn texts(options: &PostgresOptions) -> HashMap<StatementId, Text> {
    let catalog = &options.catalog;
    let statements = options.statements.iter().filter(|_| options.is_pooled);
    let text = |id: &StatementId| {
        let statement = catalog.statement(*id);
        let types = statement.parameters.iter().map(|kind| oid(*kind)).collect();
        (*id, Text { sql: statement::sql(catalog, statement), types })
    };
    statements.map(text).collect()
}

/// What to add to an error of the server that only sessions that change can bring about.
pub(super) fn hint(error: &ServerError) -> Option<&'static str> {
    // A prepared statement that is not there, or is there already.
    matches!(error.code.as_str(), "26000" | "42P05").then_some(USE_NO_SESSION)
}

/// Why there is no connection.
pub(super) fn lost(error: &ConnectError, is_pooled: bool) -> Lost {
    let mut message = error.to_string();
    // All that a pooler refuses by itself has this code, also that its server is away.
    let is_poolers = matches!(error, ConnectError::Refused { code, .. } if code == "08P01");
    if message.contains("unsupported startup parameter") {
        message = format!("{message}; {USE_NO_SESSION}");
        return Lost { message, is_transient: false };
    }
    Lost { message, is_transient: error.is_transient() || is_pooled && is_poolers }
}

impl PostgresSink {
    /// Writes the settings of a session for one transaction. Returns how many.
    pub(super) fn write_settings(&mut self, is_durable: bool) -> u32 {
        let mut count = 0;
        let Some(open) = &mut self.open else { return count };
        for (name, value) in &self.options.settings {
            if is_durable && name == "synchronous_commit" {
                continue;
            }
            // The default is for transactions to come; this one has begun.
            let name = name
                .strip_prefix("default_transaction_")
                .map_or_else(|| identifier(name), |rest| format!("transaction_{rest}"));
            let sql = format!("SET LOCAL {name} = {}", literal(value));
            frames::parse(&mut open.outgoing, "", &sql, &[]);
            frames::execute(&mut open.outgoing, "", 0, |_| {});
            count += 1;
        }
        count
    }

    /// Asks a transaction's question until it is decided.
    pub(super) async fn outwait(
        &mut self,
        (xid, pid): (u64, Option<i32>),
        question: &Question,
    ) -> Result<Fate, Lost> {
        let until = Instant::now() + PATIENCE;
        let mut is_strange = false;
        loop {
            let answer = self.ask(|out| question.write(out)).await?;
            if answer.as_deref() == Some(FORGOTTEN) {
                let lost = self.lose(format!("the server has forgotten the transaction {xid}"));
                return Err(Lost { is_transient: false, ..lost });
            }
            let is_open = answer.as_deref() == Some("p") && self.options.is_pooled;
            let Some(pid) = pid.filter(|_| is_open && !is_strange) else {
                let is_committed = answer.as_deref() == Some("t");
                return Ok(if is_committed { Fate::Committed } else { Fate::Absent });
            };
            // Sessions show the lower half of the number.
            let short = xid & u64::from(u32::MAX);
            let what = if Instant::now() < until { "true" } else { "pg_terminate_backend(pid)" };
            let sql = format!(
                "SELECT {what} FROM pg_stat_activity WHERE pid = {pid} AND backend_xid = '{short}'::xid"
            );
            // After a crash the number may be another's, who must not be waited for; unless it has
            // just ended, which the next answer tells.
            is_strange = self.ask(|out| frames::query(out, &sql)).await?.is_none();
            if !is_strange {
                sleep(PAUSE).await;
            }
        }
    }

    /// Refuses a pooler that gives each transaction another session, as far as it shows by now.
    /// Called twice for each connection that is not told to go through one.
    pub(super) async fn refuse_other_sessions(&mut self) -> Result<(), Lost> {
        let Some(open) = self.open.as_ref().filter(|_| !self.options.is_pooled) else {
            return Ok(());
        };
        let (told, before) = (open.backend_pid, open.session_pid);
        if before == Some(told) {
            return Ok(());
        }
        let pid = self.ask(|out| frames::query(out, "SELECT pg_backend_pid()")).await?;
        let pid = pid.and_then(|pid| pid.parse().ok());
        if before.is_some() && before != pid {
            self.lose(String::new());
            return Err(Lost { message: USE_NO_SESSION.to_owned(), is_transient: false });
        }
        if let Some(open) = &mut self.open {
            open.session_pid = pid;
        }
        Ok(())
    }
}
