//! One step's session: what it does to its rows, and the changes that must be seen of that.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::action::TableId;
use crate::engine::Shared;
use crate::engine::steps::Counts;
use crate::engine::steps::StepError;
use crate::engine::steps::StepPlace;
use crate::measure::Clock;
use crate::observe::OwnChange;
use crate::observe::OwnFact;
use crate::observe::OwnRow;
use crate::observe::OwnValue;
use crate::observe::Witness;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;

/// How long a connection or a statement may take.
const STEP: Duration = Duration::from_mins(2);
/// Keys that each step has for itself.
const KEYS: i64 = 1 << 32;

/// What a statement makes of its rows, whichever they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    /// Tells it from what other statements make: `n` of the row of number i is this times 1000, and i modulo
    /// 1000.
    pub(super) stamp: i32,
    /// The long value; `None`: NULL, and an update leaves it.
    pub(super) body: Option<Arc<str>>,
    /// Whether an update writes `body`.
    pub(super) writes_body: bool,
    /// Of the column that comes and goes; `None`: it is not there, or is left.
    pub(super) extra: Option<i32>,
}

impl Form {
    /// With this stamp and nothing else.
    pub(super) fn plain(stamp: i32) -> Self {
        Self { stamp, ..Self::default() }
    }
}

/// A commit that is under way. Whoever observes is told of it when this goes: also where nobody waits for the
/// answer any more, as what was sent may be done all the same.
struct UnderWay<'a> {
    witness: &'a Witness,
    clock: Clock,
    fact: OwnFact,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let changes = std::mem::take(&mut self.fact.changes);
        let settled = self.clock.now();
        self.witness.tell_own(OwnFact { changes, settled, ..self.fact });
    }
}

/// A step's session.
pub(super) struct Session<'a> {
    pub(super) shared: &'a Shared,
    client: Client,
    /// The table, and its name as the server reads it.
    table: Option<&'a (TableId, String)>,
    domain: usize,
    /// Which step it is: its first key, and what its rows say.
    first: i64,
    name: Arc<str>,
    /// What the transaction that is open has done.
    changes: Vec<OwnChange>,
    /// How many changes there were at each savepoint.
    savepoints: Vec<usize>,
    /// When the next commit is due.
    pub(super) due: u64,
    /// Of the step: they outlive a session that is cut off.
    pub(super) counts: &'a mut Counts,
}

impl<'a> Session<'a> {
    pub(super) async fn open(
        shared: &'a Shared,
        (number, domain): (usize, usize),
        place: &'a StepPlace,
        counts: &'a mut Counts,
    ) -> Result<Self, StepError> {
        let application = &shared.job.steps.application;
        let made = timeout(STEP, control(&place.address, application)).await;
        let client = made.map_err(|_| late())?;
        let client = client.map_err(|error| StepError::Failed(error.to_string()))?;
        let number = i64::try_from(number).unwrap_or(0);
        Ok(Self {
            shared,
            client,
            table: place.table.as_ref(),
            domain,
            first: number * KEYS,
            name: format!("step {number}").into(),
            changes: Vec::new(),
            savepoints: Vec::new(),
            due: shared.clock.now(),
            counts,
        })
    }

    /// The name of the table, quoted.
    pub(super) fn table(&self) -> Result<&'a str, StepError> {
        let table = self.table.map(|(_, name)| name.as_str());
        table.ok_or_else(|| StepError::Failed("internal error: there is no table".to_owned()))
    }

    /// Runs statements that change no rows.
    pub(super) async fn run(&self, sql: &str) -> Result<(), StepError> {
        let done = timeout(STEP, self.client.batch_execute(sql)).await;
        done.map_err(|_| late())?.map_err(|error| failed(sql, &error))
    }

    /// The one number that a query gives.
    pub(super) async fn number(&self, sql: &str) -> Result<i64, StepError> {
        let done = timeout(STEP, self.client.query_one(sql, &[])).await;
        let row = done.map_err(|_| late())?.map_err(|error| failed(sql, &error))?;
        row.try_get(0).map_err(|error| failed(sql, &error))
    }

    /// Changes so many rows.
    async fn change(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        rows: u64,
    ) -> Result<(), StepError> {
        let done = timeout(STEP, self.client.execute(sql, values)).await;
        let found = done.map_err(|_| late())?.map_err(|error| failed(sql, &error))?;
        if found == rows {
            return Ok(());
        }
        Err(StepError::Failed(format!(
            "`{sql}` changed {found} rows, not {rows}: somebody else works on the table"
        )))
    }

    pub(super) async fn begin(&mut self) -> Result<(), StepError> {
        self.due = self.shared.clock.now();
        self.changes.clear();
        self.savepoints.clear();
        self.run("BEGIN").await
    }

    /// Commits, and tells what must be seen; or may be, if that is not known.
    pub(super) async fn commit(&mut self) -> Result<(), StepError> {
        let changes = std::mem::take(&mut self.changes);
        let count = changes.len() as u64;
        let mut under_way = self.under_way(changes);
        let done = self.run("COMMIT").await;
        if let Some(under_way) = &mut under_way {
            under_way.fact.is_known = done.is_ok();
        }
        if done.is_ok() {
            self.counts.committed += 1;
            self.counts.changes += count;
        }
        done
    }

    /// What these changes become, if anybody observes them.
    fn under_way(&self, changes: Vec<OwnChange>) -> Option<UnderWay<'a>> {
        let shared = self.shared;
        let witness = shared.job.witness.as_ref().filter(|it| it.sees(self.domain))?;
        let (table, _) = self.table?;
        let sent = shared.clock.now();
        let fact = OwnFact {
            domain: self.domain,
            table: *table,
            changes,
            due: self.due,
            sent,
            settled: sent,
            is_known: false,
            is_measured: true,
        };
        Some(UnderWay { witness, clock: shared.clock, fact })
    }

    /// Nothing of it may be seen.
    pub(super) async fn rollback(&mut self) -> Result<(), StepError> {
        self.changes.clear();
        self.counts.rolled_back += 1;
        self.run("ROLLBACK").await
    }

    pub(super) async fn savepoint(&mut self) -> Result<(), StepError> {
        let name = self.savepoints.len();
        self.savepoints.push(self.changes.len());
        self.run(&format!("SAVEPOINT s{name}")).await
    }

    /// Takes back what was done since the last savepoint.
    pub(super) async fn rollback_to(&mut self) -> Result<(), StepError> {
        let before = self.savepoints.pop().unwrap_or(0);
        self.changes.truncate(before);
        let name = self.savepoints.len();
        self.run(&format!("ROLLBACK TO SAVEPOINT s{name}; RELEASE SAVEPOINT s{name}")).await
    }

    pub(super) async fn release(&mut self) -> Result<(), StepError> {
        self.savepoints.pop();
        let name = self.savepoints.len();
        self.run(&format!("RELEASE SAVEPOINT s{name}")).await
    }

    /// Inserts the rows of these numbers.
    pub(super) async fn insert(&mut self, rows: Range<u64>, form: &Form) -> Result<(), StepError> {
        let (from, to) = bounds(&rows);
        let (column, value) = match form.extra {
            Some(extra) => (", extra", format!(", {extra}")),
            None => ("", String::new()),
        };
        let sql = format!(
            "INSERT INTO {} (id, step, n, body{column}) SELECT $1::bigint + i, $2, \
             $3::integer * 1000 + (i % 1000)::integer, $4{value} \
             FROM generate_series($5::bigint, $6::bigint) i",
            self.table()?
        );
        let body = form.body.as_deref();
        self.change(
            &sql,
            &[&self.first, &&*self.name, &form.stamp, &body, &from, &to],
            count(&rows),
        )
        .await?;
        let all = rows.map(|row| OwnChange::Insert(self.row(row, row, form)));
        self.changes.extend(all.collect::<Vec<_>>());
        Ok(())
    }

    /// Updates the rows of these numbers. `form` also tells what they had where it leaves that.
    pub(super) async fn update(&mut self, rows: Range<u64>, form: &Form) -> Result<(), StepError> {
        let (from, to) = bounds(&rows);
        let extra = form.extra.map(|extra| format!(", extra = {extra}")).unwrap_or_default();
        let set = if form.writes_body { ", body = $5" } else { "" };
        let sql = format!(
            "UPDATE {} SET n = $4::integer * 1000 + ((id - $1::bigint) % 1000)::integer{extra}{set} \
             WHERE id BETWEEN $1 + $2::bigint AND $1 + $3::bigint",
            self.table()?
        );
        let body = form.body.as_deref();
        let values: [&(dyn ToSql + Sync); 5] = [&self.first, &from, &to, &form.stamp, &body];
        let values = if form.writes_body { &values[..] } else { &values[..4] };
        self.change(&sql, values, count(&rows)).await?;
        let key = |row: u64| self.key(row);
        let all = rows.map(|row| OwnChange::Update(key(row), self.row(row, row, form)));
        self.changes.extend(all.collect::<Vec<_>>());
        Ok(())
    }

    /// Gives the rows of these numbers other numbers: so many more, or fewer. They keep what they hold.
    pub(super) async fn rekey(
        &mut self,
        rows: Range<u64>,
        by: i64,
        (form, of): (&Form, u64),
    ) -> Result<(), StepError> {
        let (from, to) = bounds(&rows);
        let sql = format!(
            "UPDATE {} SET id = id + $4::bigint \
             WHERE id BETWEEN $1::bigint + $2::bigint AND $1::bigint + $3::bigint",
            self.table()?
        );
        self.change(&sql, &[&self.first, &from, &to, &by], count(&rows)).await?;
        let all = rows.clone().map(|row| {
            let moved = row.saturating_add_signed(by);
            OwnChange::Update(self.key(row), self.row(moved, row - rows.start + of, form))
        });
        self.changes.extend(all.collect::<Vec<_>>());
        Ok(())
    }

    pub(super) async fn delete(&mut self, rows: Range<u64>) -> Result<(), StepError> {
        let (from, to) = bounds(&rows);
        let sql = format!(
            "DELETE FROM {} WHERE id BETWEEN $1::bigint + $2::bigint AND $1::bigint + $3::bigint",
            self.table()?
        );
        self.change(&sql, &[&self.first, &from, &to], count(&rows)).await?;
        let all = rows.map(|row| OwnChange::Delete(self.key(row)));
        self.changes.extend(all.collect::<Vec<_>>());
        Ok(())
    }

    /// All rows go, those of earlier steps too.
    pub(super) async fn truncate(&mut self) -> Result<(), StepError> {
        self.run(&format!("TRUNCATE {}", self.table()?)).await?;
        self.changes.push(OwnChange::Truncate);
        Ok(())
    }

    fn key(&self, row: u64) -> i64 {
        self.first + i64::try_from(row).unwrap_or(0)
    }

    /// The row of a number, made as that of another.
    fn row(&self, row: u64, made_as: u64, form: &Form) -> OwnRow {
        let number = i32::try_from(made_as % 1000).unwrap_or(0);
        let integer = |value: Option<i32>| value.map_or(OwnValue::Null, OwnValue::Integer);
        let body = form.body.clone().map_or(OwnValue::Null, OwnValue::Text);
        let rest = vec![
            OwnValue::Text(Arc::clone(&self.name)),
            OwnValue::Integer(form.stamp * 1000 + number),
            body,
            integer(form.extra),
        ];
        OwnRow { id: self.key(row), rest }
    }
}

fn count(rows: &Range<u64>) -> u64 {
    rows.end.saturating_sub(rows.start)
}

/// The first and the last number.
fn bounds(rows: &Range<u64>) -> (i64, i64) {
    let number = |row: u64| i64::try_from(row).unwrap_or(0);
    (number(rows.start), number(rows.end) - 1)
}

fn late() -> StepError {
    StepError::Failed(format!("the server did not answer within {} s", STEP.as_secs()))
}

fn failed(sql: &str, error: &tokio_postgres::Error) -> StepError {
    let error = SetupError::server(format!("run `{sql}`"), error);
    StepError::Failed(error.to_string())
}
