//! What each kind of step does.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::steps::StepError;
use crate::engine::steps::session::Form;
use crate::engine::steps::session::Session;
use crate::engine::steps::wait_until;
use crate::pace::mix64;
use crate::pace::nanoseconds;
use crate::scenario::StressKind;

/// Rows that one statement inserts, at most: a stop is heard in between.
const ROWS_AT_A_TIME: u64 = 10_000;

type Done = Result<(), StepError>;

pub(super) async fn perform(session: &mut Session<'_>, kind: &StressKind) -> Done {
    match *kind {
        StressKind::HoldOpen { rows, length, commits } => {
            hold_open(session, rows, length, commits).await
        }
        StressKind::Transactions { count, rows } => transactions(session, count, rows).await,
        StressKind::Rollbacks { count, rows, share } => {
            rollbacks(session, count, rows, share).await
        }
        StressKind::Savepoints { count, rows } => savepoints(session, count, rows).await,
        StressKind::ChangeKeys(rows) => change_keys(session, rows).await,
        StressKind::UnchangedToast(rows, bytes) => unchanged_toast(session, rows, bytes).await,
        StressKind::Reinsert(rows) => reinsert(session, rows).await,
        StressKind::Truncate(rows) => truncate(session, rows).await,
        StressKind::Columns(rows) => columns(session, rows).await,
        StressKind::ReplicaIdentity(rows) => replica_identity(session, rows).await,
        StressKind::TerminateWalsenders => terminate_walsenders(session).await,
        // Commands have no session, and signals no rows.
        StressKind::Run(..) | StressKind::Snapshot { .. } => Ok(()),
    }
}

async fn hold_open(session: &mut Session<'_>, rows: u64, length: Duration, commits: bool) -> Done {
    let until = session.due + nanoseconds(length);
    session.begin().await?;
    session.insert(0..rows, &Form::plain(1)).await?;
    if let Err(stopped) = wait_until(session.shared, until).await {
        session.rollback().await?;
        return Err(stopped);
    }
    if !commits {
        return session.rollback().await;
    }
    session.due = until;
    session.commit().await
}

/// Rows of each transaction are drawn by the logarithm: as often from 1 to 10 as from 1000 to 10,000.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of rows are at most a million"
)]
async fn transactions(session: &mut Session<'_>, count: u32, (least, most): (u64, u64)) -> Done {
    let mut first = 0;
    for number in 0..u64::from(count) {
        let drawn = (mix64(session.shared.job.world.seed ^ mix64(number)) >> 11) as f64
            / (1_u64 << 53) as f64;
        let ratio = libm::log((most + 1) as f64 / least as f64);
        let rows = (libm::exp(drawn * ratio) * least as f64) as u64;
        let end = first + rows.clamp(least, most);
        session.begin().await?;
        while first < end {
            let next = (first + ROWS_AT_A_TIME).min(end);
            session.insert(first..next, &Form::plain(1)).await?;
            first = next;
        }
        session.commit().await?;
    }
    Ok(())
}

/// Those that are rolled back lie evenly among the others.
async fn rollbacks(session: &mut Session<'_>, count: u32, rows: u64, share: f64) -> Done {
    let (mut first, mut owed) = (0, 0.0);
    for _ in 0..count {
        owed += share;
        session.begin().await?;
        session.insert(first..first + rows, &Form::plain(1)).await?;
        session.update(first..first + rows, &Form::plain(2)).await?;
        if owed > 1.0 - 1e-9 {
            owed -= 1.0;
            // Its keys are used again by the next: what it left would be seen.
            session.rollback().await?;
        } else {
            session.commit().await?;
            first += rows;
        }
    }
    Ok(())
}

/// A savepoint before the first change, and one within each of the others.
async fn savepoints(session: &mut Session<'_>, count: u32, rows: u64) -> Done {
    session.begin().await?;
    session.savepoint().await?;
    for number in 0..u64::from(count) {
        let all = number * rows..(number + 1) * rows;
        session.savepoint().await?;
        session.insert(all.clone(), &Form::plain(1)).await?;
        session.savepoint().await?;
        session.update(all.clone(), &Form::plain(2)).await?;
        if number % 3 == 0 {
            session.release().await?;
        } else {
            session.rollback_to().await?;
        }
        if number % 2 == 0 {
            session.release().await?;
        } else {
            session.rollback_to().await?;
        }
    }
    session.release().await?;
    session.commit().await
}

async fn change_keys(session: &mut Session<'_>, rows: u64) -> Done {
    let by = i64::try_from(rows).unwrap_or(0);
    let form = Form::plain(1);
    session.begin().await?;
    session.insert(0..rows, &form).await?;
    session.commit().await?;
    session.begin().await?;
    session.rekey(0..rows, by, (&form, 0)).await?;
    session.commit().await?;
    // Back, and there again, in one transaction.
    session.begin().await?;
    session.rekey(rows..2 * rows, -by, (&form, 0)).await?;
    session.rekey(0..rows, 2 * by, (&form, 0)).await?;
    session.commit().await?;
    session.begin().await?;
    session.delete(2 * rows..3 * rows).await?;
    session.commit().await
}

async fn unchanged_toast(session: &mut Session<'_>, rows: u64, bytes: u64) -> Done {
    let (one, other) = (body(1, bytes), body(2, bytes));
    let mut form = Form { body: Some(one), ..Form::plain(1) };
    session.begin().await?;
    session.insert(0..rows, &form).await?;
    session.commit().await?;
    form.stamp = 2;
    session.begin().await?;
    session.update(0..rows, &form).await?;
    session.commit().await?;
    form = Form { body: Some(other), writes_body: true, ..Form::plain(3) };
    session.begin().await?;
    session.update(0..rows, &form).await?;
    form = Form { writes_body: false, stamp: 4, ..form };
    session.update(0..rows, &form).await?;
    session.commit().await?;
    // Written for the first time, and left alone, in one transaction.
    form.stamp = 5;
    session.begin().await?;
    session.insert(rows..2 * rows, &form).await?;
    form.stamp = 6;
    session.update(rows..2 * rows, &form).await?;
    session.commit().await
}

/// A text that no compression makes small.
fn body(seed: u64, bytes: u64) -> Arc<str> {
    let mut text = String::new();
    for word in 0..bytes.div_ceil(16) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:016x}", mix64(mix64(seed) ^ word));
    }
    text.into()
}

async fn reinsert(session: &mut Session<'_>, rows: u64) -> Done {
    session.begin().await?;
    session.insert(0..rows, &Form::plain(1)).await?;
    session.commit().await?;
    session.begin().await?;
    session.delete(0..rows).await?;
    session.insert(0..rows, &Form::plain(2)).await?;
    session.update(0..rows, &Form::plain(3)).await?;
    session.commit().await?;
    session.begin().await?;
    session.delete(0..rows).await?;
    session.commit().await?;
    session.begin().await?;
    session.insert(0..rows, &Form::plain(4)).await?;
    session.commit().await?;
    // All of a row's life in one transaction.
    session.begin().await?;
    session.insert(rows..2 * rows, &Form::plain(5)).await?;
    session.update(rows..2 * rows, &Form::plain(6)).await?;
    session.delete(rows..2 * rows).await?;
    session.commit().await
}

async fn truncate(session: &mut Session<'_>, rows: u64) -> Done {
    session.begin().await?;
    session.insert(0..rows, &Form::plain(1)).await?;
    session.commit().await?;
    session.begin().await?;
    session.truncate().await?;
    session.rollback().await?;
    session.begin().await?;
    session.truncate().await?;
    session.commit().await?;
    session.begin().await?;
    session.insert(0..rows, &Form::plain(2)).await?;
    session.commit().await
}

async fn columns(session: &mut Session<'_>, rows: u64) -> Done {
    let table = session.table()?;
    let with_extra = |stamp| Form { extra: Some(7), ..Form::plain(stamp) };
    session.begin().await?;
    session.insert(0..rows, &Form::plain(1)).await?;
    session.run(&format!("ALTER TABLE {table} ADD COLUMN extra integer")).await?;
    session.insert(rows..2 * rows, &with_extra(2)).await?;
    session.commit().await?;
    session.begin().await?;
    session.update(0..rows, &with_extra(3)).await?;
    session.commit().await?;
    session.run(&format!("ALTER TABLE {table} DROP COLUMN extra")).await?;
    session.begin().await?;
    session.update(0..2 * rows, &Form::plain(4)).await?;
    session.commit().await
}

async fn replica_identity(session: &mut Session<'_>, rows: u64) -> Done {
    let table = session.table()?;
    session.begin().await?;
    session.insert(0..2 * rows, &Form::plain(1)).await?;
    session.commit().await?;
    session.run(&format!("ALTER TABLE {table} REPLICA IDENTITY FULL")).await?;
    session.begin().await?;
    session.update(0..2 * rows, &Form::plain(2)).await?;
    session.delete(0..rows).await?;
    session.commit().await?;
    session.run(&format!("ALTER TABLE {table} REPLICA IDENTITY DEFAULT")).await?;
    session.begin().await?;
    session.update(rows..2 * rows, &Form::plain(3)).await?;
    session.delete(rows..2 * rows).await?;
    session.commit().await
}

async fn terminate_walsenders(session: &mut Session<'_>) -> Done {
    let sql = "SELECT count(*) FILTER (WHERE pg_terminate_backend(active_pid)) \
               FROM pg_replication_slots WHERE database = current_database() AND active";
    let ended = session.number(sql).await?;
    if ended > 0 {
        session.counts.output = Some(format!("{ended} walsenders were ended"));
        return Ok(());
    }
    Err(StepError::Failed("nobody reads a slot of this database".to_owned()))
}
