//! Telling by its transaction's number whether an update was committed that may leave nothing else in
//! its row.
//!
//! ```text
//!   changes of the row ──▶ "what number comes next?" = W ──▶ the update ──▶ connection lost
//!        all below W                                          W or above, if it was committed
//! ```
//!
//! Only its lane changes a row, and a connection executes in order: so a row that was not changed since
//! the question was sent carries a number below the answer, and one that carries the answer or more was
//! changed by the update. That holds across a crash as well: what the row carried before was below, and
//! nobody else writes to it before the look. (Rows of tables that all lanes share tell nothing.)
//!
//! The question rides in front of an action now and then, and costs no round trip of its own.

use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::action::Action;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::Operation;
use crate::action::StatementKind;
use crate::action::Value;
use crate::action::write_value;
use crate::sink::postgres::evidence::Question;
use crate::sink::postgres::evidence::key_places;
use crate::sink::postgres::statement::key_is;
use crate::sink::postgres::statement::table_name;
use crate::sink::postgres::worker::PostgresOptions;
use crate::sink::postgres::worker::way::Own;

/// The prepared question for the number of the next transaction. (As old as PostgreSQL 8.3, and still
/// there in 18.)
pub(super) const QUESTION: Own = ("horizon", "SELECT txid_snapshot_xmax(txid_current_snapshot())");

/// Actions from one question to the next. Rows that were changed since must be told in two phases, so
/// few are better; each question costs the server some microseconds.
const EVERY: u32 = 64;

/// What is known of the numbers that rows carry.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// Whether there is an update that needs it.
    is_needed: bool,
    /// Rows that are not among the touched carry lower numbers than this. 0: not known.
    number: u64,
    /// Rows changed since the question that `number` answers, by hash: a row that is taken for another
    /// is told in two phases without need, no more.
    touched: HashSet<u64>,
    /// Rows changed since a question that is not answered yet.
    meanwhile: Option<HashSet<u64>>,
    /// Actions since the last question.
    since: u32,
}

impl Horizon {
    /// Of a connection with such statements.
    pub(super) fn new(options: &PostgresOptions) -> Self {
        let statements = options.statements.iter().map(|id| options.catalog.statement(*id));
        let mut own = statements.filter(|each| !options.catalog.table(each.table).shared);
        let is_needed = own.any(|statement| {
            matches!(
                statement.kind,
                StatementKind::Update { evidence: None, .. }
                    | StatementKind::Upsert { evidence: None, .. }
            )
        });
        Self { is_needed: is_needed && !options.is_pooled, ..Self::default() }
    }

    /// The connection is another one.
    pub(super) fn forget(&mut self) {
        *self = Self { is_needed: self.is_needed, ..Self::default() };
    }

    /// Notes what an action changes. Returns the number below which the row is now by which the action
    /// can be told; 0 if it cannot.
    pub(super) fn of(&mut self, catalog: &Catalog, action: &Action) -> u64 {
        if !self.is_needed {
            return 0;
        }
        let telling = telling(catalog, action).and_then(|at| row(catalog, action, at));
        let is_known = telling.is_some_and(|row| !self.touched.contains(&row));
        let number = if is_known { self.number } else { 0 };
        for row in action.operations().iter().filter_map(|each| row(catalog, action, each)) {
            self.touched.insert(row);
            if let Some(meanwhile) = &mut self.meanwhile {
                meanwhile.insert(row);
            }
        }
        number
    }

    /// Whether the question is to be put in front of the action that is about to be sent. Asked before
    /// [`Horizon::of`], as the action comes behind the question.
    pub(super) fn asks(&mut self) -> bool {
        self.since += 1;
        let is_due = self.number == 0 || self.since >= EVERY;
        let asks = self.is_needed && is_due && self.meanwhile.is_none();
        if asks {
            self.since = 0;
            self.meanwhile = Some(HashSet::new());
        }
        asks
    }

    /// The answer to the oldest question.
    pub(super) fn answered(&mut self, text: Option<&str>) {
        let number = text.and_then(|text| text.parse().ok());
        if let (Some(number), Some(meanwhile)) = (number, self.meanwhile.take()) {
            self.number = number;
            self.touched = meanwhile;
        }
    }
}

/// The operation by which an action can be told: an update of a row of its lane, which no later
/// operation changes.
fn telling<'a>(catalog: &Catalog, action: &'a Action) -> Option<&'a Operation> {
    let mut operations = action.operations().iter().enumerate().rev();
    let (at, last) = operations.find(|(_, each)| {
        let table = catalog.table(each.table);
        each.change == Change::Update && !table.key.is_empty() && !table.shared
    })?;
    let mut later = action.operations()[at + 1..].iter();
    (!later.any(|each| each.table == last.table)).then_some(last)
}

/// Asks whether the row that tells of an action carries a number from its horizon on.
pub(super) fn question(catalog: &Catalog, action: &Action) -> Option<Question> {
    let operation = telling(catalog, action)?;
    let table = catalog.table(operation.table);
    // Rows carry the lower half of the number; `age` compares as the server does.
    let short = action.horizon & u64::from(u32::MAX);
    let sql = format!(
        "SELECT EXISTS (SELECT FROM {} WHERE {} AND age(xmin) <= age('{short}'::xid))",
        table_name(table),
        key_is(table, 1)
    );
    let key: Vec<usize> = key_places(catalog, action, operation).collect();
    Some(Question::new(catalog, (action, operation), sql, &key))
}

/// The row that an operation changes, by hash, if its key stands among the values.
fn row(catalog: &Catalog, action: &Action, operation: &Operation) -> Option<u64> {
    let values = action.values(operation);
    let mut places = key_places(catalog, action, operation).peekable();
    places.peek()?;
    let mut hasher = DefaultHasher::new();
    operation.table.hash(&mut hasher);
    for at in places {
        hash(values[at], action, &mut hasher);
    }
    Some(hasher.finish())
}

fn hash(value: Value, action: &Action, hasher: &mut DefaultHasher) {
    match value {
        Value::Int(value) => value.hash(hasher),
        Value::Uuid(value) => value.hash(hasher),
        Value::Text(span) => action.text(span).hash(hasher),
        other => {
            let mut text = String::new();
            write_value(other, action, &mut text);
            text.hash(hasher);
        }
    }
}
