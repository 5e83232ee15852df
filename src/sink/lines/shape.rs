//! Which values of a statement stand for which columns: what a line about a row is made of.

use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Change;
use crate::action::Statement;
use crate::action::StatementKind;
use crate::action::TableInfo;
use crate::schema::ColumnType;
use crate::sink::event::json::quoted;

/// What a line says of a row.
#[derive(Debug)]
pub(super) struct Shape {
    /// What tells which row it is; of rows that go with their owner, the owner's key.
    pub(super) key: Vec<Field>,
    /// What its columns become.
    pub(super) values: Vec<Field>,
    /// What is done to the old values of its columns.
    pub(super) changes: Vec<Changed>,
}

/// A column, and its value among those of the operation.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) column: usize,
    pub(super) place: usize,
    pub(super) kind: ColumnType,
    /// `"name":`
    pub(super) name: Box<[u8]>,
}

/// A column whose new value follows from the old one.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) field: Field,
    pub(super) how: Assign,
}

impl Shape {
    /// Of a statement, where it does this.
    pub(super) fn of(table: &TableInfo, statement: &Statement, change: Change) -> Self {
        let field = |column: usize, place: usize| {
            let mut name = Vec::new();
            quoted(table.columns[column].0.as_bytes(), &mut name);
            name.push(b':');
            // What takes no parameter has none.
            let kind = statement.parameters.get(place).copied();
            let kind = kind.unwrap_or(table.columns[column].1);
            Field { column, place, kind, name: name.into() }
        };
        let key = |first: usize| -> Vec<Field> {
            let columns = table.key.iter().enumerate();
            columns.map(|(at, column)| field(*column, first + at)).collect()
        };
        // A new row's values stand in the order of the columns.
        let key_of_new = || table.key.iter().map(|column| field(*column, *column)).collect();
        let none = Vec::new();
        match &statement.kind {
            StatementKind::Upsert { set, .. } if change == Change::Update => {
                let (values, changes, _) = assigned(set, table.columns.len(), field);
                Self { key: key_of_new(), values, changes }
            }
            StatementKind::Insert | StatementKind::Upsert { .. } => {
                let values = (0..table.columns.len()).map(|column| field(column, column));
                Self { key: key_of_new(), values: values.collect(), changes: none_changed() }
            }
            StatementKind::Update { set, .. } => {
                let (values, changes, next) = assigned(set, 0, field);
                Self { key: key(next), values, changes }
            }
            StatementKind::Delete => Self { key: key(0), values: none, changes: none_changed() },
            StatementKind::DeleteOwned { column } => {
                Self { key: vec![field(*column, 0)], values: none, changes: none_changed() }
            }
        }
    }
}

fn none_changed() -> Vec<Changed> {
    Vec::new()
}

/// What assignments set and what they change, where their parameters begin at `place`; and the place behind
/// them.
fn assigned(
    set: &[Assignment],
    mut place: usize,
    field: impl Fn(usize, usize) -> Field,
) -> (Vec<Field>, Vec<Changed>, usize) {
    let (mut values, mut changes) = (Vec::new(), Vec::new());
    for Assignment { column, how } in set {
        let of = field(*column, place);
        place += usize::from(how.has_parameter());
        match how {
            Assign::Value => values.push(of),
            how => changes.push(Changed { field: of, how: how.clone() }),
        }
    }
    (values, changes, place)
}
