//! Making a connection, as a successor that must know that its predecessor is gone; and looking
//! what became of the predecessor's actions.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use crate::action::Action;
use crate::action::StatementId;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::postgres::copy;
use crate::sink::postgres::evidence;
use crate::sink::postgres::frames;
use crate::sink::postgres::frames::Reply;
use crate::sink::postgres::quote::literal;
use crate::sink::postgres::statement;
use crate::sink::postgres::statement::table_name;
use crate::sink::postgres::types;
use crate::sink::postgres::worker::Open;
use crate::sink::postgres::worker::PostgresSink;
use crate::sink::postgres::worker::copied;
use crate::sink::postgres::worker::horizon;
use crate::sink::postgres::worker::message;
use crate::sink::postgres::worker::pooled;

/// How long a new connection may take, once it is made, until its predecessor is gone, and again
/// until it is ready for actions.
const WAY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// When the server was started, and when it last lost its statistics, which it does in a crash.
const ERA: &str =
    "SELECT concat(pg_postmaster_start_time(), ' ', stats_reset) FROM pg_stat_bgwriter";
/// A transaction that must be on disk, and so must all before it: it writes something to the log,
/// and has a number, without both of which a server waits for nothing.
const FLUSH: &str = "BEGIN; SET LOCAL synchronous_commit = on; SELECT txid_current(), \
                     pg_logical_emit_message(true, 'loadgen', ''); COMMIT";

/// Bytes taken from the socket at once.
const SPACE: usize = 16 << 10;

const NO_ANSWER: &str = "the server did not answer in time";

/// A statement of our own: the name under which it is prepared, and what it says.
pub(super) type Own = (&'static str, &'static str);

pub(super) const BEGIN: Own = ("begin", "BEGIN");
/// The wish that a commit be on disk before it is acknowledged.
pub(super) const DURABLE: Own = ("durable", "SET LOCAL synchronous_commit = on");
/// The question for the transaction's number, and who has it. (These functions are as old as
/// PostgreSQL 10 and still there in 18.)
pub(super) const XID: Own = ("xid", "SELECT concat(txid_current(), ' ', pg_backend_pid())");

/// The names under which statements are prepared, by number; those of others are empty.
pub(super) fn prepared_names(statements: &[StatementId]) -> Vec<String> {
    let count = statements.iter().map(|id| usize::from(id.0) + 1).max().unwrap_or(0);
    let mut names = vec![String::new(); count];
    for id in statements {
        names[usize::from(id.0)] = prepared_name(*id);
    }
    names
}

fn prepared_name(statement: StatementId) -> String {
    format!("s{}", statement.0)
}

/// Within three times this delay a server writes commits to disk (PostgreSQL documentation,
/// "Asynchronous Commit"); and some more, for a busy one.
fn lossy_for(wal_writer_delay_ms: u64) -> Duration {
    Duration::from_millis(wal_writer_delay_ms.saturating_mul(3)) + Duration::from_secs(4)
}

impl PostgresSink {
    /// Asks for `wal_writer_delay` in milliseconds, where commits are acknowledged before they are
    /// on disk.
    fn unwritten_sql(&self) -> String {
        let own = self.options.settings.iter().find(|(name, _)| name == "synchronous_commit");
        let commit = match own {
            Some((_, value)) => literal(value),
            None => "current_setting('synchronous_commit')".to_owned(),
        };
        format!(
            "SELECT setting FROM pg_settings WHERE name = 'wal_writer_delay' AND {commit} = 'off'"
        )
    }

    /// Waits until all that was acknowledged is on disk.
    pub(super) async fn flush_log(&mut self) -> Result<(), Lost> {
        let flushed = Box::pin(timeout(WAY_TIMEOUT, self.ask(|out| frames::query(out, FLUSH))));
        let flushed = flushed.await;
        flushed.unwrap_or_else(|_| Err(self.lose(NO_ANSWER.to_owned()))).map(|_| ())
    }

    /// Connects, ends what is left of the predecessor, and takes the lock that it held. When this
    /// returns, nothing of the predecessor can be committed any more.
    pub(super) async fn make_way(&mut self) -> Result<(), Lost> {
        if !self.in_flight.is_empty() {
            // A way that still stands is cut: what is in flight on it must be remembered.
            self.lose(String::new());
        }
        // To connect has limits of its own, one for each host.
        Box::pin(self.connect()).await?;
        let made = timeout(WAY_TIMEOUT, async {
            if !self.options.is_pooled {
                self.refuse_other_sessions().await?;
                self.supersede().await?;
            }
            let era = self.ask(|out| frames::query(out, ERA)).await?;
            self.has_crashed |= self.era.is_some() && self.era != era;
            self.era = era;
            self.look_for_watchers().await?;
            let unwritten = self.unwritten_sql();
            let delay = self.ask(|out| frames::query(out, &unwritten)).await?;
            self.lossy_for = delay.and_then(|delay| delay.parse().ok()).map(lossy_for);
            Ok(())
        });
        let made = Box::pin(made).await;
        made.unwrap_or_else(|_| Err(self.lose(NO_ANSWER.to_owned())))
    }

    /// Prepares the statements. Apart from the rest, because the server waits for locks on the
    /// tables here, and not to find out what became of the predecessor's actions.
    pub(super) async fn prepare_statements(&mut self) -> Result<(), Lost> {
        let prepared = Box::pin(timeout(WAY_TIMEOUT, async {
            self.parse_all().await?;
            self.refuse_other_sessions().await
        }));
        let prepared = prepared.await;
        prepared.unwrap_or_else(|_| Err(self.lose(NO_ANSWER.to_owned())))?;
        if let Some(open) = &mut self.open {
            open.is_prepared = true;
        }
        self.has_crashed = false;
        Ok(())
    }

    /// Finds out which of our tables have triggers or rules that somebody else gave them.
    async fn look_for_watchers(&mut self) -> Result<(), Lost> {
        let catalog = std::sync::Arc::clone(&self.options.catalog);
        let tables: BTreeSet<TableId> =
            self.options.statements.iter().map(|id| catalog.statement(*id).table).collect();
        let list: Vec<String> = tables
            .iter()
            .map(|id| {
                let name = literal(&table_name(catalog.table(*id)));
                format!("({}, to_regclass({name}))", id.0)
            })
            .collect();
        if list.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT string_agg(id::text, ' ') FROM (VALUES {}) ours (id, place) WHERE EXISTS \
             (SELECT FROM pg_trigger WHERE tgrelid = place AND NOT tgisinternal) OR EXISTS \
             (SELECT FROM pg_rewrite WHERE ev_class = place) OR EXISTS \
             (SELECT FROM pg_class WHERE pg_class.oid = place AND relrowsecurity)",
            list.join(", ")
        );
        let found = self.ask(|out| frames::query(out, &sql)).await?.unwrap_or_default();
        let numbers = found.split(' ').filter_map(|number| number.parse().ok());
        self.watched = numbers.map(TableId).collect();
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Lost> {
        self.open = None;
        let options = &self.options;
        let mut settings = vec![("application_name", options.application_name.as_str())];
        if !options.is_pooled {
            let given = options.settings.iter();
            settings.extend(given.map(|(name, value)| (name.as_str(), value.as_str())));
        }
        let session = options.address.connect(&settings).await;
        let session = session.map_err(|error| pooled::lost(&error, options.is_pooled))?;
        self.open = Some(Open {
            stream: session.stream,
            received: session.read_ahead,
            space: vec![0; SPACE].into_boxed_slice(),
            outgoing: Vec::new(),
            written: 0,
            is_prepared: false,
            farewell: None,
            backend_pid: session.backend_pid,
            session_pid: None,
        });
        Ok(())
    }

    async fn supersede(&mut self) -> Result<(), Lost> {
        let name = literal(&self.options.application_name);
        let lock = self.options.lock;
        self.ask(|out| {
            frames::query(
                out,
                &format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE application_name = {name} AND datname = current_database() \
                     AND pid <> pg_backend_pid()"
                ),
            );
        })
        .await?;
        // Beside the user's own `statement_timeout`, if there is one, the wait has this limit.
        self.ask(|out| {
            frames::query(
                out,
                &format!(
                    "SET lock_timeout = '15s'; SELECT pg_advisory_lock({lock}); RESET lock_timeout"
                ),
            );
        })
        .await?;
        Ok(())
    }

    async fn parse_all(&mut self) -> Result<(), Lost> {
        let catalog = std::sync::Arc::clone(&self.options.catalog);
        let statements = std::sync::Arc::clone(&self.options.statements);
        if self.options.is_pooled {
            // Nothing of them stays; but it shows whether they fit the tables.
            let texts = std::mem::take(&mut self.texts);
            let parsed = self
                .ask(|out| {
                    for text in texts.values() {
                        text.parse(out);
                    }
                    frames::sync(out);
                })
                .await;
            self.texts = texts;
            return parsed.map(drop);
        }
        self.ask(|out| {
            for id in statements.iter() {
                let statement = catalog.statement(*id);
                let types: Vec<_> =
                    statement.parameters.iter().map(|kind| types::oid(*kind)).collect();
                frames::parse(
                    out,
                    &prepared_name(*id),
                    &statement::sql(&catalog, statement),
                    &types,
                );
            }
            let statements = statements.iter().map(|id| catalog.statement(*id));
            for insert in statements.filter(|each| matches!(each.kind, StatementKind::Insert)) {
                let sql = copy::sql(catalog.table(insert.table));
                frames::parse(out, &copied::prepared_name(insert.table), &sql, &[]);
            }
            for (name, sql) in [BEGIN, DURABLE, XID, horizon::QUESTION] {
                frames::parse(out, name, sql, &[]);
            }
            if catalog.has_messages {
                let (name, sql) = message::MESSAGE;
                frames::parse(out, name, sql, &message::parameters());
            }
            frames::sync(out);
        })
        .await?;
        Ok(())
    }

    /// What became of an action that was in flight on the predecessor.
    pub(super) async fn look(&mut self, ticket: u32, action: &Action) -> Result<Fate, Lost> {
        let stranded = self.stranded.iter().find(|stranded| stranded.ticket == ticket);
        let is_uncommitted = stranded.is_some_and(|stranded| stranded.is_uncommitted);
        let (xid, pid) = stranded.map_or((None, None), |stranded| (stranded.xid, stranded.pid));
        let was_in_flight = stranded.is_some();
        let looked = timeout(LOOK_TIMEOUT, async {
            if is_uncommitted {
                return Ok(Fate::Absent);
            }
            let catalog = std::sync::Arc::clone(&self.options.catalog);
            // What is in flight was sent as its evidence then allowed.
            let evidence = if was_in_flight {
                evidence::of(&catalog, action)
            } else {
                self.evidence_of(action)
            };
            let question = match (xid, evidence) {
                (Some(xid), _) => {
                    let question =
                        evidence::of_transaction(&catalog, action, xid, self.has_crashed);
                    return self.outwait((xid, pid), &question).await;
                }
                (None, Some(evidence)) => evidence.question(&catalog, action),
                (None, None) if action.horizon > 0 => {
                    let question = horizon::question(&catalog, action);
                    question.ok_or_else(|| self.lose("an action without an update".to_owned()))?
                }
                // Acknowledged, and without evidence: so it was committed durably, see `DURABLE`.
                (None, None) if !was_in_flight => return Ok(Fate::Committed),
                (None, None) => return Ok(Fate::Absent),
            };
            let answer = self.ask(|out| question.write(out)).await?;
            Ok(if answer.as_deref() == Some("t") { Fate::Committed } else { Fate::Absent })
        });
        let looked = Box::pin(looked).await;
        looked.unwrap_or_else(|_| Err(self.lose(NO_ANSWER.to_owned())))
    }

    /// Sends one request outside of any action, and returns the first column of its last row. An
    /// error of the server counts as a lost way: nothing here may fail on a healthy server.
    pub(super) async fn ask(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Option<String>, Lost> {
        let Some(open) = &mut self.open else { return Err(self.lose("not connected".to_owned())) };
        write(&mut open.outgoing);
        let mut answer = None;
        let mut refusal = None;
        loop {
            let Some(open) = &mut self.open else {
                return Err(self.lose("not connected".to_owned()));
            };
            match frames::take(&mut open.received) {
                Ok(Some(Reply::Row(text))) => answer = text,
                Ok(Some(Reply::Error(error))) => refusal = Some(error),
                Ok(Some(Reply::Ready)) => break,
                Ok(Some(_)) => {}
                Ok(None) => {
                    let moved = poll_fn(|context| {
                        if let std::task::Poll::Ready(Err(error)) = self.flush(context) {
                            return std::task::Poll::Ready(Err(error));
                        }
                        self.fill(context)
                    });
                    if let Err(message) = moved.await {
                        let message = refusal.map_or(message, |error| error.message);
                        return Err(self.lose(message));
                    }
                }
                Err(message) => return Err(self.lose(message)),
            }
        }
        match refusal {
            None => Ok(answer),
            Some(error) => {
                let mut lost = self.lose(error.message.clone());
                // Wrong tables or missing rights do not mend themselves.
                lost.is_transient = !matches!(error.code.get(..2), Some("42" | "28" | "3D" | "3F"));
                lost.message = match pooled::hint(&error) {
                    Some(hint) => format!("{}; {hint}", error.message),
                    None => error.message,
                };
                Err(lost)
            }
        }
    }
}
