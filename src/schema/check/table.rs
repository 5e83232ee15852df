//! Tables: their columns, keys, owners and states.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Dependent;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Owner;
use crate::schema::ReplicaIdentity;
use crate::schema::Table;
use crate::schema::check::action::shared::shared_table;
use crate::schema::check::address;
use crate::schema::check::draw;
use crate::schema::check::draw::Spot;
use crate::schema::check::event;
use crate::schema::check::fill::Filler;
use crate::schema::check::outline::ColumnOutline;
use crate::schema::check::outline::Outline;
use crate::schema::check::outline::TableOutline;
use crate::schema::check::scale;
use crate::schema::check::states::states;
use crate::schema::check::stored;
use crate::schema::check::unique;
use crate::schema::check::walk;
use crate::schema::expression;
use crate::schema::file::ColumnFile;
use crate::schema::file::ReplicaIdentityFile;
use crate::schema::file::TableFile;
use crate::schema::order::parents_first;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Most rows that one row owns.
const OWNED_MAX: u32 = 1_000;

/// Most states of a row's life.
pub(super) const STATES_MAX: usize = 16;

/// All tables, as they are meant.
pub(super) fn all(schema: &str, outline: &Outline<'_>, problems: &mut Problems) -> Vec<Table> {
    let mut tables = Vec::new();
    for table in &outline.tables {
        tables.push(one(schema, outline, table, problems));
    }
    tables
}

fn one(
    schema: &str,
    outline: &Outline<'_>,
    table: &TableOutline<'_>,
    problems: &mut Problems,
) -> Table {
    let columns: Vec<Column> =
        table.columns.iter().map(|column| self::column(schema, table, column, problems)).collect();
    let mut result = Table {
        name: table.name.value.clone(),
        columns,
        key: Vec::new(),
        replica_identity: ReplicaIdentity::Default,
        owner: None,
        states: None,
        shared: false,
        stored: true,
        event: None,
        rows: 0,
    };
    let Some(file) = table.file else {
        return result;
    };
    result.shared = file.shared;
    result.rows = scale::rows(table, problems);
    result.replica_identity = match file.replica_identity {
        ReplicaIdentityFile::Default => ReplicaIdentity::Default,
        ReplicaIdentityFile::Full => ReplicaIdentity::Full,
        ReplicaIdentityFile::Nothing => ReplicaIdentity::Nothing,
    };
    let is_key = |column: &ColumnOutline<'_>| column.file.is_some_and(|file| file.key);
    result.key = (0..table.columns.len()).filter(|&at| is_key(&table.columns[at])).collect();
    result.owner = owner(outline, table, file, &result, problems);
    result.states = states(table, problems).or_else(|| walk::states(table, problems));
    result.event = event::event(table, &result, problems);
    result.stored = stored::is_stored(outline, table, &result, problems);
    let is_whole = table.columns.iter().all(|column| column.kind.is_some());
    if is_whole {
        check_key(table, &result, problems);
        check_derived(table, &result, problems);
        unique::check(table, &mut result, problems);
        address::check(table, &result, problems);
    }
    shared_table(table, &result, problems);
    check_ordered(table, &result, problems);
    once(table, "line", problems);
    once(table, "state", problems);
    result
}

fn column(
    schema: &str,
    table: &TableOutline<'_>,
    column: &ColumnOutline<'_>,
    problems: &mut Problems,
) -> Column {
    // Stands in for what is broken: never used, because the mistake is in the list.
    let mut result = Column {
        name: column.name.value.clone(),
        kind: column.kind.unwrap_or(ColumnType::Text),
        domain: column.domain,
        nullable: true,
        null_rate: 0.0,
        unique: false,
        check: None,
        hidden: false,
        fill: Fill::Constant(Literal::Null),
    };
    let (Some(file), Some(kind)) = (column.file, column.kind) else {
        return result;
    };
    result.unique = file.unique;
    result.hidden = file.hidden;
    result.check = file.check.as_ref().map(|check| check.value.clone());
    (result.nullable, result.null_rate) = nulls(file, problems);
    let spot = Spot { kind, is_nullable: result.nullable, place: file.fill.place };
    let filler = Filler { schema, table, spot };
    if let Some(fill) = filler.fill(&file.fill, problems) {
        result.fill = fill;
    }
    result
}

/// Whether a column may be NULL, and how often it is.
fn nulls(file: &ColumnFile, problems: &mut Problems) -> (bool, f64) {
    let rate = file.null_rate.as_ref().map_or(0.0, |rate| rate.value);
    let nullable = file.nullable.as_ref().map_or(rate > 0.0, |nullable| nullable.value);
    if let Some(written) = &file.null_rate {
        if !(0.0..=1.0).contains(&rate) {
            let message = "a share is between 0 and 1";
            problems.add(Problem::new(message).at(written.place));
        }
        if file.key && rate > 0.0 {
            let message = "a column of the primary key is never NULL";
            problems.add(Problem::new(message).at(written.place));
        } else if !nullable && rate > 0.0 {
            let message = "the column is not nullable, and this makes NULLs";
            problems.add(Problem::new(message).at(written.place));
        }
    }
    if let Some(written) = &file.nullable
        && file.key
        && written.value
    {
        let message = "a column of the primary key cannot be nullable";
        problems.add(Problem::new(message).at(written.place));
    }
    (nullable && !file.key, rate)
}

fn owner(
    outline: &Outline<'_>,
    table: &TableOutline<'_>,
    file: &TableFile,
    meant: &Table,
    problems: &mut Problems,
) -> Option<Owner> {
    let Some(per) = &file.per else {
        if let Some(count) = &file.count {
            let problem = Problem::new("`count` has no meaning without `per`").at(count.place);
            problems.add(problem.help("write `per: owner_table`"));
        }
        return None;
    };
    let Some(owner) = outline.table(&per.value) else {
        let message = format!("the schema has no table `{}`", per.value);
        let help = suggest(&per.value, "the tables", &outline.table_names());
        problems.add(Problem::new(message).at(per.place).maybe_help(help));
        return None;
    };
    if outline.tables[owner].file.is_some_and(|file| file.per.is_some()) {
        let message = format!("`{}` belongs to another table, so it cannot own rows", per.value);
        problems.add(Problem::new(message).at(per.place));
        return None;
    }
    let Some(count) = &file.count else {
        let problem = Problem::new("the key `count` is missing").at(table.name.place);
        problems.add(problem.label("in here").help("write `count: 3` or `count: [1, 5]`"));
        return None;
    };
    let bounds = draw::bounds(count, "count", OWNED_MAX, problems);
    let to_owner: Vec<usize> = meant
        .references()
        .filter(|(_, reference)| reference.enforced && reference.table == per.value)
        .map(|(column, _)| column)
        .collect();
    let [column] = to_owner.as_slice() else {
        // A broken column may be the one that is missed.
        if table.columns.iter().all(|column| column.kind.is_some()) {
            let number = if to_owner.is_empty() { "no column" } else { "more than one column" };
            let message = format!("`{}` has {number} that refers to `{}`", meant.name, per.value);
            let problem = Problem::new(message).at(per.place);
            problems.add(problem.help("exactly one column names the owner of a row"));
        }
        return None;
    };
    let (min, max) = bounds?;
    Some(Owner { table: owner, column: *column, min, max })
}

/// `no state …`, with the nearest.
pub(super) fn unknown_state(name: &Spanned<String>, names: &[String]) -> Problem {
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let help = suggest(&name.value, "the states", &known);
    let message = format!("there is no state `{}`", name.value);
    Problem::new(message).at(name.place).maybe_help(help)
}

/// A key must tell rows apart (by a sequence or a UUID, or by owner and line), and must follow from
/// a row's number, because rows are found again by it.
fn check_key(table: &TableOutline<'_>, meant: &Table, problems: &mut Problems) {
    let Some(&first) = meant.key.first() else {
        return;
    };
    let fills = || meant.key.iter().map(|&column| &meant.columns[column].fill);
    let help = match &meant.owner {
        Some(owner) => {
            let has_line = fills().any(|fill| *fill == Fill::Line) || owner.max == 1;
            if meant.key.contains(&owner.column) && has_line {
                return;
            }
            "the key of an owned table is its reference to the owner and a column filled with `line`"
        }
        None if table.file.is_some_and(|file| file.per.is_some()) => return,
        None if fills()
            .any(|fill| matches!(fill, Fill::Sequence { .. } | Fill::Uuid | Fill::Id)) =>
        {
            if let Some(&changing) =
                meant.key.iter().find(|&&column| !meant.columns[column].fill.is_pure())
            {
                let name = &meant.columns[changing].name;
                let message = format!("`{name}` does not follow from a row's number alone");
                let help = "leave it out of the key, or fill it with a sequence, a UUID or a draw";
                let place = table.columns[changing].name.place;
                problems.add(Problem::new(message).at(place).help(help));
            }
            return;
        }
        None => "fill one of its columns with `sequence`, `uuid` or `id`",
    };
    let message = format!("the key of `{}` does not tell its rows apart", meant.name);
    problems.add(Problem::new(message).at(table.columns[first].name.place).help(help));
}

/// Keys and UNIQUE need a type whose values PostgreSQL can compare.
fn check_ordered(table: &TableOutline<'_>, meant: &Table, problems: &mut Problems) {
    for (at, (column, outline)) in meant.columns.iter().zip(&table.columns).enumerate() {
        if (column.unique || meant.key.contains(&at)) && !column.kind.is_ordered() {
            let message = format!("a key cannot be of the type `{}`", column.kind);
            let problem = Problem::new(message).at(outline.name.place);
            problems.add(problem.help("PostgreSQL does not compare its values"));
        }
    }
}

/// Columns computed from columns: in no circle, and NULL where their sources are.
fn check_derived(table: &TableOutline<'_>, meant: &Table, problems: &mut Problems) {
    let place = |column: usize| table.columns[column].name.place;
    if let Err(cycle) = parents_first(meant.columns.len(), |column| sources(meant, column)) {
        let names: Vec<String> =
            cycle.iter().map(|&column| format!("`{}`", meant.columns[column].name)).collect();
        let message = format!("{} are computed from each other in a circle", names.join(", "));
        let message = if names.len() == 1 {
            format!("{} is computed from itself", names[0])
        } else {
            message
        };
        problems.add(Problem::new(message).at(place(cycle[0])));
    }
    for (index, column) in meant.columns.iter().enumerate() {
        let source = null_source(meant, index);
        if let Some(source) = source.filter(|_| !column.nullable) {
            let source = &meant.columns[source].name;
            let message = format!("`{}` is NULL where `{source}` is", column.name);
            problems.add(Problem::new(message).at(place(index)).help("write `nullable: true`"));
        }
    }
}

/// A column whose NULL makes this one NULL, if there is one.
fn null_source(table: &Table, column: usize) -> Option<usize> {
    let is_nullable = |at: usize| table.columns[at].nullable;
    match &table.columns[column].fill {
        Fill::Derived(expression) if !expression.may_be_null(&is_nullable) => None,
        Fill::Dependent(Dependent::Given { .. } | Dependent::Correlated { .. }) => None,
        _ => sources(table, column).into_iter().find(|&at| is_nullable(at)),
    }
}

/// The columns of the same row that a column is made from.
fn sources(table: &Table, column: usize) -> Vec<usize> {
    match &table.columns[column].fill {
        Fill::Derived(expression) => expression::columns(expression),
        Fill::Email { from: Some(column) } => vec![*column],
        Fill::Lookup { through, .. } => vec![*through],
        Fill::Dependent(dependent) => vec![dependent.column()],
        _ => Vec::new(),
    }
}

/// Refuses a second column of a kind that a table has once.
fn once(table: &TableOutline<'_>, word: &str, problems: &mut Problems) {
    let places: Vec<Place> = table
        .columns
        .iter()
        .filter(|column| {
            column.file.is_some_and(|file| match &file.fill.value {
                ScalarOr::Scalar(scalar) => {
                    word == "line" && *scalar == Scalar(Kind::Word, word.to_owned())
                }
                ScalarOr::Other(fill) => {
                    word == "state" && (fill.state.is_some() || fill.walk.is_some())
                }
            })
        })
        .map(|column| column.name.place)
        .collect();
    if let Some(second) = places.get(1) {
        let message =
            format!("the table `{}` has two columns filled by `{word}`", table.name.value);
        problems.add(Problem::new(message).at(*second).label("the second one"));
    }
}
