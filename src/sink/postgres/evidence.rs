//! What an action leaves in its rows, by which one can see later whether it was committed.
//!
//! One operation is enough, because all of an action commit together.

use crate::action::Action;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::Operation;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::frames;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::statement::key_is;
use crate::sink::postgres::statement::table_name;
use crate::sink::postgres::types;
use crate::sink::postgres::types::oid;

/// The operation of an action that shows whether it was committed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    operation: Operation,
    /// For an update: the assignment whose value stands there afterwards and did not before.
    assignment: Option<usize>,
}

/// The best evidence an action leaves; `None` if it may leave none. An operation counts only if no
/// later one of the action is on the same table, as that might touch the same row.
pub(super) fn of(catalog: &Catalog, action: &Action) -> Option<Evidence> {
    if action.is_doubtful {
        return None;
    }
    let mut later: Vec<TableId> = Vec::new();
    action.operations().iter().rev().find_map(|operation| {
        let is_last = !later.contains(&operation.table);
        if is_last {
            later.push(operation.table);
        }
        let statement = catalog.statement(operation.statement);
        let has_key = !catalog.table(operation.table).key.is_empty();
        match &statement.kind {
            StatementKind::Insert | StatementKind::Upsert { .. }
                if has_key && operation.change == Change::Insert =>
            {
                // Each insert is of another row.
                let is_untouched = is_last || only_inserts(action, operation.table);
                is_untouched.then_some(Evidence { operation: *operation, assignment: None })
            }
            StatementKind::Delete if has_key && is_last => {
                Some(Evidence { operation: *operation, assignment: None })
            }
            StatementKind::Update { evidence: Some(assignment), .. }
            | StatementKind::Upsert { evidence: Some(assignment), .. }
                if is_last && operation.change == Change::Update =>
            {
                Some(Evidence { operation: *operation, assignment: Some(*assignment) })
            }
            _ => None,
        }
    })
}

fn only_inserts(action: &Action, table: TableId) -> bool {
    let mut on_table = action.operations().iter().filter(|operation| operation.table == table);
    on_table.all(|operation| operation.change == Change::Insert)
}

/// A question to the server that answers `t` if the action was committed.
pub(super) struct Question {
    sql: String,
    types: Vec<u32>,
    values: Vec<u8>,
}

impl Question {
    /// `sql` with those of an operation's values that are at the places `used`.
    pub(super) fn new(
        catalog: &Catalog,
        (action, operation): (&Action, &Operation),
        sql: String,
        used: &[usize],
    ) -> Self {
        let kinds = &catalog.statement(operation.statement).parameters;
        let all = action.values(operation);
        let mut values = Vec::new();
        for at in used {
            encode(all[*at], kinds[*at], action, &mut values);
        }
        Self { sql, types: used.iter().map(|at| oid(kinds[*at])).collect(), values }
    }

    /// Appends the request.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        frames::parse(out, "", &self.sql, &self.types);
        frames::execute(out, "", self.types.len(), |out| out.extend_from_slice(&self.values));
        frames::sync(out);
    }
}

/// The answer of a server that has forgotten what became of a transaction: some 200 million of them after
/// it.
pub(super) const FORGOTTEN: &str = "o";

/// `next_xid` reads `epoch:number`, both of 32 bits.
const FIRST_AFTER_RECOVERY: &str = "(SELECT split_part(next_xid, ':', 1)::bigint * 4294967296 \
                                    + split_part(next_xid, ':', 2)::bigint \
                                    FROM pg_control_checkpoint())";

/// Asks whether the transaction of this number was committed and was this action's: `t`, or `p` if
/// it is still in progress, or [`FORGOTTEN`].
///
/// After a crash a server gives out again the numbers that it had not written to disk. So a number
/// speaks for an action only if the last row that the action changed looks like it: written since
/// the number was given out, or gone. Nobody but the action's lane changes that row, and the lane
/// waits for the answer.
///
/// Where no such row can be found again, as its table has no key or is shared by all lanes, a number
/// speaks for the action if it was on disk when the server came back from its crash: at the end of
/// its recovery it notes the first number that it gives out afterwards.
pub(super) fn of_transaction(
    catalog: &Catalog,
    action: &Action,
    xid: u64,
    has_crashed: bool,
) -> Question {
    let last = action.operations().iter().rev().find_map(|operation| {
        let key: Vec<usize> = key_places(catalog, action, operation).collect();
        let is_own = !key.is_empty() && !catalog.table(operation.table).shared;
        is_own.then_some((operation, key))
    });
    let noted =
        if has_crashed { format!(" AND {xid} < {FIRST_AFTER_RECOVERY}") } else { String::new() };
    let row = last.as_ref().map_or(noted, |(operation, _)| {
        let table = catalog.table(operation.table);
        let row = format!("SELECT FROM {} WHERE {}", table_name(table), key_is(table, 1));
        match operation.change {
            Change::Delete => format!(" AND NOT EXISTS ({row})"),
            Change::Insert | Change::Update => {
                // Rows carry the lower half of the number; `age` compares as the server does.
                let short = xid & u64::from(u32::MAX);
                format!(" AND EXISTS ({row} AND age(xmin) <= age('{short}'::xid))")
            }
        }
    });
    // The server refuses to speak about numbers that it has not given out. Snapshots end at the
    // last that is decided, so that it takes a new number to tell.
    let sql = format!(
        "SELECT CASE WHEN {xid} >= txid_current() THEN 'f' ELSE CASE txid_status({xid}) \
         WHEN 'in progress' THEN 'p' WHEN 'committed' THEN CASE WHEN true{row} THEN 't' ELSE 'f' \
         END WHEN 'aborted' THEN 'f' ELSE '{FORGOTTEN}' END END"
    );
    match last {
        Some((operation, key)) => Question::new(catalog, (action, operation), sql, &key),
        None => Question { sql, types: Vec::new(), values: Vec::new() },
    }
}

/// Where the key of the row that an operation changes stands among its values; nothing if it does
/// not stand there.
pub(super) fn key_places(
    catalog: &Catalog,
    action: &Action,
    operation: &Operation,
) -> impl Iterator<Item = usize> {
    let key = &catalog.table(operation.table).key;
    let behind = action.values(operation).len().saturating_sub(key.len());
    let kind = &catalog.statement(operation.statement).kind;
    let is_row = matches!(kind, StatementKind::Insert | StatementKind::Upsert { .. });
    let stands = !matches!(kind, StatementKind::DeleteOwned { .. });
    let places = key.iter().enumerate().filter(move |_| stands);
    places.map(move |(at, column)| if is_row { *column } else { behind + at })
}

impl Evidence {
    /// An inserted row stands there with all its values; a deleted one is gone; an updated one
    /// shows the new value.
    pub(super) fn question(&self, catalog: &Catalog, action: &Action) -> Question {
        let table = catalog.table(self.operation.table);
        let name = table_name(table);
        let values = action.values(&self.operation);
        let column = |at: usize| identifier(&table.columns[at].0);
        let (sql, used): (String, Vec<usize>) = match (self.operation.change, self.assignment) {
            (Change::Insert, _) => {
                let count = table.columns.len();
                let same: Vec<_> = (0..count)
                    .map(|at| {
                        let kind = table.columns[at].1;
                        types::is_same(&column(at), kind, at + 1, &table.namespace)
                    })
                    .collect();
                // The key comes first, so that the index is used.
                let key: Vec<_> =
                    table.key.iter().map(|at| format!("{} = ${}", column(*at), at + 1)).collect();
                let (key, same) = (key.join(" AND "), same.join(" AND "));
                (
                    format!("SELECT EXISTS (SELECT FROM {name} WHERE {key} AND {same})"),
                    (0..count).collect(),
                )
            }
            (Change::Update, Some(assignment)) => {
                // Assignments stand before the key of an update, and behind the row of an upsert.
                let (set, first) = match &catalog.statement(self.operation.statement).kind {
                    StatementKind::Update { set, .. } => (set.as_slice(), 0),
                    StatementKind::Upsert { set, .. } => (set.as_slice(), table.columns.len()),
                    _ => (&[][..], 0),
                };
                // Evidence stands among the assignments that have a parameter.
                let before = set.iter().take(assignment);
                let at = first + before.filter(|each| each.how.has_parameter()).count();
                let column = set.get(assignment).map_or(String::new(), |each| column(each.column));
                let key_is = key_is(table, 2);
                let key = key_places(catalog, action, &self.operation);
                (
                    format!("SELECT EXISTS (SELECT FROM {name} WHERE {column} = $1 AND {key_is})"),
                    std::iter::once(at).chain(key).collect(),
                )
            }
            _ => {
                let key_is = key_is(table, 1);
                (
                    format!("SELECT NOT EXISTS (SELECT FROM {name} WHERE {key_is})"),
                    (0..values.len()).collect(),
                )
            }
        };
        Question::new(catalog, (action, &self.operation), sql, &used)
    }
}
