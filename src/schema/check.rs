//! A schema file to what it means, or every mistake in it.

mod action;
mod address;
mod chance;
mod checks;
mod dependent;
mod distribution;
mod draw;
mod event;
mod fill;
mod follow;
mod lines;
pub(crate) mod literal;
mod moment;
mod names;
mod outline;
mod relation;
mod scale;
mod set;
mod shape;
mod skew;
mod states;
mod stored;
mod table;
mod text;
mod unique;
mod walk;
mod typed;
mod types;

use crate::diagnostic::Place;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Schema;
use crate::schema::check::outline::Outline;
use crate::schema::file::FillFile;
use crate::schema::file::SchemaFile;
use crate::schema::file::steps_of;
use crate::schema::file::with_events;
use crate::yaml;
use crate::yaml::Node;

pub(crate) use lines::Beside;
pub(crate) use literal::moment;
pub(crate) use moment::past;
pub(super) use names::bare as bare_words;
pub(crate) use outline::identifier;
pub(crate) use outline::unreserved;
pub(crate) use relation::relations;

/// A schema and the file it was read from. Where the file is broken, something harmless stands in
/// the schema, and `kinds` has None: such a schema never leaves the checks.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) schema: Schema,
    pub(crate) file: SchemaFile,
    /// The types of each table's columns, where they could be read.
    pub(crate) kinds: Vec<Vec<Option<ColumnType>>>,
    /// Whether others refer to its rows, and nobody makes them here.
    pub(crate) is_external: bool,
}

impl Checked {
    /// Where a table's name is written.
    pub(crate) fn table_place(&self, table: usize) -> Place {
        let tables = &self.file.tables;
        tables.value.0.get(table).map_or(tables.place, |(name, _)| name.place)
    }

    /// Where a column's name is written.
    pub(crate) fn column_place(&self, table: usize, column: usize) -> Place {
        let file = self.file.tables.value.0.get(table).and_then(|(_, file)| file.as_ref());
        let name = file.and_then(|file| file.columns.value.0.get(column)).map(|(name, _)| name);
        name.map_or_else(|| self.table_place(table), |name| name.place)
    }

    /// The settings of a column's fill, as written.
    fn fill(&self, table: usize, column: usize) -> Option<&FillFile> {
        let table = self.file.tables.value.0.get(table)?.1.as_ref()?;
        match &table.columns.value.0.get(column)?.1.as_ref()?.fill.value {
            yaml::ScalarOr::Other(fill) => Some(fill),
            yaml::ScalarOr::Scalar(_) => None,
        }
    }

    /// Where the reference of a column is written.
    pub(crate) fn reference_place(&self, table: usize, column: usize) -> Place {
        let written = self.fill(table, column).and_then(|fill| fill.reference.as_ref());
        written.map_or_else(|| self.column_place(table, column), |name| name.place)
    }

    /// Whether a column is written as a reference, well or badly.
    pub(crate) fn is_reference(&self, table: usize, column: usize) -> bool {
        self.fill(table, column).is_some_and(|fill| fill.reference.is_some())
    }

    /// Where a lookup names the reference it goes through, and the column it wants.
    pub(crate) fn lookup_places(&self, table: usize, column: usize) -> (Place, Place) {
        match self.fill(table, column).and_then(|fill| fill.lookup.as_ref()) {
            Some(lookup) => (lookup.through.place, lookup.column.place),
            None => (self.column_place(table, column), self.column_place(table, column)),
        }
    }

    /// Where a step of an action is written.
    pub(crate) fn step_place(&self, action: usize, step: usize) -> Place {
        let Some((name, file)) =
            self.file.actions.0.as_ref().and_then(|actions| actions.0.get(action))
        else {
            return self.file.schema.place;
        };
        // Broken steps are not in the schema, so the numbers behind them would be off.
        let is_whole = |steps: &&[_]| steps.len() == self.schema.actions[action].steps.len();
        let steps = file.as_ref().map(steps_of).filter(is_whole);
        let step = steps.and_then(|steps| steps.get(step)?.0.as_ref());
        step.map_or(name.place, |step| step.value.place().unwrap_or(step.place))
    }

    /// Whether a table could not be read, so that nothing is known of its columns.
    pub(crate) fn is_broken(&self, table: usize) -> bool {
        self.file.tables.value.0.get(table).is_none_or(|(_, file)| file.is_none())
    }
}

/// Checks a schema by itself; its mistakes go to `problems`. References are left to
/// [`relations`]. `beside` reads the lists that it names. None if the file's outermost structure is broken.
pub(crate) fn check(
    node: &Node,
    source: String,
    beside: Beside<'_>,
    problems: &mut Problems,
) -> Option<Checked> {
    let file = with_events(yaml::decode(node, problems)?);
    identifier(&file.schema, "a domain's name", problems);
    if let Some(database) = &file.database {
        identifier(database, "a database's name", problems);
    }
    let outline = Outline::new(&file, problems);
    let tables = table::all(&file.schema.value, &outline, problems);
    let actions = action::all(&file, &outline, &tables, problems);
    let database = file.database.as_ref().unwrap_or(&file.schema).value.clone();
    let name = file.schema.value.clone();
    let kinds = outline.kinds();
    let content = yaml::digest(node);
    let types = outline.types;
    let (enums, domains) = (types.enums, types.domains);
    let checks = checks::read(file.checks.as_ref(), beside, problems);
    let mut schema =
        Schema { name, database, enums, domains, tables, actions, checks, source, content };
    follow::all(&file, &mut schema, problems);
    lines::load(&mut schema, beside, problems);
    Some(Checked { schema, file, kinds, is_external: false })
}
