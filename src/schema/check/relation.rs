//! What holds between tables, within one schema and across the schemas of a run.

mod through;
mod unlike;

use std::collections::BTreeSet;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::nearest;
use crate::diagnostic::suggest;
use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Reference;
use crate::schema::ReplicaIdentity;
use crate::schema::Step;
use crate::schema::Table;
use crate::schema::check::Checked;
use crate::schema::order::parents_first;

/// A table of the world: which schema, which table in it.
type At = (usize, usize);

/// Checks all references and lookups, and that what is deleted can be. `is_complete` says that
/// these schemas are all there are: a reference to another one is a mistake then.
pub(crate) fn relations(schemas: &[&Checked], is_complete: bool, problems: &mut Problems) {
    let world = World { schemas, is_complete };
    for (at, table) in world.own_tables() {
        for (column, reference) in table.references() {
            if let Err(problem) = world.reference(at, column, reference) {
                problems.add(problem.or_at(world.schemas[at.0].reference_place(at.1, column)));
            }
        }
        for column in 0..table.columns.len() {
            if let Some(problem) = world.lookup(at, column) {
                problems.add(problem.or_at(world.schemas[at.0].lookup_places(at.1, column).1));
            }
        }
    }
    world.throughs(problems);
    world.circles(problems);
    world.deletes(problems);
}

impl Problem {
    fn or_at(self, place: Place) -> Self {
        Self { place: self.place.or(Some(place)), ..self }
    }
}

struct World<'a> {
    schemas: &'a [&'a Checked],
    is_complete: bool,
}

impl<'a> World<'a> {
    fn tables(&self) -> impl Iterator<Item = (At, &'a Table)> {
        self.schemas.iter().enumerate().flat_map(|(schema, checked)| {
            let tables = checked.schema.tables.iter().enumerate();
            tables.map(move |(table, meant)| ((schema, table), meant))
        })
    }

    /// Those that are made here. What the others refer to is nobody's business.
    fn own_tables(&self) -> impl Iterator<Item = (At, &'a Table)> {
        self.tables().filter(|(at, _)| !self.schemas[at.0].is_external)
    }

    fn table(&self, at: At) -> &'a Table {
        &self.schemas[at.0].schema.tables[at.1]
    }

    /// The table that a reference names, if it is there.
    fn target(&self, reference: &Reference) -> Option<At> {
        let schema = self.schemas.iter().position(|c| c.schema.name == reference.schema)?;
        Some((schema, self.schemas[schema].schema.table(&reference.table)?))
    }

    /// What is wrong with a reference.
    fn reference(&self, at: At, column: usize, reference: &Reference) -> Result<(), Problem> {
        let Reference { schema, table, column: wanted, .. } = reference;
        let Some(index) = self.schemas.iter().position(|c| c.schema.name == *schema) else {
            return if self.is_complete { Err(self.absent(schema)) } else { Ok(()) };
        };
        let checked = self.schemas[index];
        let Some(parent) = checked.schema.table(table) else {
            let names: Vec<&str> = checked.schema.tables.iter().map(|t| t.name.as_str()).collect();
            let help = suggest(table, "the tables", &names);
            let message = format!("the schema `{schema}` has no table `{table}`");
            return Err(Problem::new(message).maybe_help(help));
        };
        if checked.is_broken(parent) {
            return Ok(());
        }
        let faults = [self.of(at, reference), self.unlike(at, column, reference)];
        if let Some(problem) = faults.into_iter().flatten().next() {
            return Err(problem);
        }
        let meant = &checked.schema.tables[parent];
        let Some(found) = meant.column(wanted) else {
            let names: Vec<&str> = meant.columns.iter().map(|c| c.name.as_str()).collect();
            let help = suggest(wanted, "the columns", &names);
            let message = format!("the table `{table}` has no column `{wanted}`");
            return Err(Problem::new(message).maybe_help(help));
        };
        self.parent(at, column, (index, parent), found)
    }

    /// A reference leads to a domain that is not there: mistyped, forgotten, or elsewhere.
    fn absent(&self, schema: &str) -> Problem {
        let problem = Problem::new(format!("there is no domain `{schema}` in this run"));
        let names = self.schemas.iter().map(|checked| checked.schema.name.as_str());
        problem.help(match nearest(schema, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "add it to `domains`; or, if its rows are kept elsewhere, \
                 `{schema}: {{ external: {{ rows: 1k }} }}`"
            ),
        })
    }

    /// Whether rows of the parent can be named by this column, and by a column of this type.
    fn parent(&self, at: At, column: usize, to: At, found: usize) -> Result<(), Problem> {
        let (parent, child) = (self.table(to), self.table(at));
        let (table, wanted) = (&parent.name, &parent.columns[found].name);
        if parent.event.is_some() {
            let message = format!("`{table}` is an event, and nobody keeps events");
            return Err(Problem::new(message).help("refer to a table"));
        }
        if parent.owner.is_some() {
            let message = format!("rows of `{table}` belong to an owner and are not picked");
            return Err(Problem::new(message).help("refer to the owner instead"));
        }
        if parent.key != [found] {
            let message = format!("`{table}.{wanted}` is not the key of `{table}`");
            let key: Vec<String> = parent
                .key
                .iter()
                .map(|&key| format!("`{table}.{}`", parent.columns[key].name))
                .collect();
            let help = match key.as_slice() {
                [] => format!("`{table}` has no key: mark `{wanted}` with `key: true`"),
                [one] => format!("refer to {one}"),
                _ => "only a table whose key is one column can be referred to".to_owned(),
            };
            return Err(Problem::new(message).help(help));
        }
        let is_own = child.owner.as_ref().is_some_and(|o| o.column == column && at.0 == to.0);
        if is_own && child.columns[column].nullable {
            let message = "the reference to the owner is never NULL";
            return Err(Problem::new(message));
        }
        let theirs = self.schemas[to.0].kinds[to.1][found];
        let ours = self.schemas[at.0].kinds[at.1][column];
        match (ours, theirs) {
            (Some(ours), Some(theirs))
                if ours != theirs && !(at.0 != to.0 && holds(ours, &parent.columns[found])) =>
            {
                let message =
                    format!("the column is `{ours}`, and `{table}.{wanted}` is `{theirs}`");
                Err(Problem::new(message).help(format!("make the column `{theirs}`")))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with a reference to what another row refers to: that must follow from that row's
    /// number.
    fn of(&self, at: At, reference: &Reference) -> Option<Problem> {
        let via = &self.table(at).columns[reference.of?];
        let Fill::Reference(through) = &via.fill else {
            let message = format!("`{}` is no reference, so no row has another", via.name);
            return Some(Problem::new(message));
        };
        let between = self.target(through)?;
        let target = self.target(reference)?;
        let is_same = |other: &&Reference| self.target(other) == Some(target);
        let found = self.table(between).references().map(|(_, other)| other).find(is_same);
        let (name, between) = (&self.table(target).name, &self.table(between).name);
        let Some(found) = found else {
            let message = format!("no column of `{between}` refers to `{name}`");
            return Some(Problem::new(message));
        };
        (self.is_decided(target) || found.of.is_some()).then(|| {
            let message = format!("which row of `{name}` a row of `{between}` names is not kept");
            let help = format!(
                "rows of `{name}` can be named so if no action makes or deletes them, they do not \
                 walk, and are not `shared`"
            );
            Problem::new(message).help(help)
        })
    }

    /// Whether a lane decides which row of a table another names: it does not follow from numbers.
    fn is_decided(&self, at: At) -> bool {
        let table = self.table(at);
        let walks = table.states.as_ref().is_some_and(|states| states.walk.is_some());
        walks
            || table.shared
            || self.schemas[at.0].schema.is_moving(at.1)
            || self.is_mortal(at, &mut Vec::new())
    }

    /// Whether an action deletes rows of a table, or rows that they go with.
    fn is_mortal(&self, at: At, seen: &mut Vec<At>) -> bool {
        if seen.contains(&at) {
            return false;
        }
        seen.push(at);
        let deletes = |step: &Step| matches!(step, Step::Delete { table, .. } if *table == at.1);
        let actions = &self.schemas[at.0].schema.actions;
        actions.iter().any(|action| action.steps.iter().any(deletes))
            || self.table(at).references().any(|(_, reference)| {
                let parent = self.target(reference).filter(|_| !reference.stays);
                parent.is_some_and(|parent| self.is_mortal(parent, seen))
            })
    }

    /// What is wrong with a lookup.
    fn lookup(&self, at: At, column: usize) -> Option<Problem> {
        let table = self.table(at);
        let Column { name, fill, nullable, .. } = &table.columns[column];
        let Fill::Lookup { through, column: wanted } = fill else {
            return None;
        };
        let via = &table.columns[*through];
        let Fill::Reference(reference) = &via.fill else {
            let checked = self.schemas[at.0];
            let is_broken = checked.kinds[at.1][*through].is_none();
            let place = checked.lookup_places(at.1, column).0;
            let message = format!("`{}` is no reference, so nothing can be looked up", via.name);
            let is_found = is_broken || checked.is_reference(at.1, *through);
            return (!is_found).then(|| Problem::new(message).at(place));
        };
        let to = self.target(reference).filter(|to| !self.schemas[to.0].is_broken(to.1))?;
        let parent = self.table(to);
        let Some(found) = parent.column(wanted) else {
            let names: Vec<&str> = parent.columns.iter().map(|c| c.name.as_str()).collect();
            let message = format!("the table `{}` has no column `{wanted}`", parent.name);
            let help = suggest(wanted, "the columns", &names);
            return Some(Problem::new(message).maybe_help(help));
        };
        let theirs = self.schemas[to.0].kinds[to.1][found];
        let ours = self.schemas[at.0].kinds[at.1][column];
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
        {
            let place = format!("`{}.{wanted}`", parent.name);
            let message = format!("the column is `{ours}`, and {place} is `{theirs}`");
            return Some(Problem::new(message).help(format!("make the column `{theirs}`")));
        }
        if !nullable && (parent.columns[found].nullable || via.nullable) {
            let message = format!("`{name}` is NULL where what it looks up is");
            return Some(Problem::new(message).help("write `nullable: true`"));
        }
        if table.event.is_some() && parent.is_walk(found) {
            return None;
        }
        let made_from = parent.made_from(found).unwrap_or_default();
        if made_from.is_empty() {
            let message = format!("`{}.{wanted}` cannot be looked up", parent.name);
            let help = "its value does not follow from the row's number alone: look up a column that \
                        is a sequence, a UUID or a draw, or made from such";
            return Some(Problem::new(message).help(help));
        }
        if let Some(open) = made_from.iter().find_map(|column| self.open(to, *column)) {
            let message = format!("`{}.{wanted}` cannot be looked up", parent.name);
            let help = format!(
                "it follows from `{open}`, and which row that names is not kept: its rows come and go, or \
                 change"
            );
            return Some(Problem::new(message).help(help));
        }
        let changing = made_from.into_iter().find(|column| self.updater(to, *column).is_some())?;
        let updater = self.updater(to, changing)?;
        let changing = &parent.columns[changing].name;
        let message = format!("the action `{updater}` updates `{}.{changing}`", parent.name);
        let help = "a looked-up value must not change: look up another column, or do not update it";
        Some(Problem::new(message).help(help))
    }

    /// The name of a column that refers to a row which a lane decides.
    fn open(&self, at: At, column: usize) -> Option<&'a str> {
        let Column { name, fill, .. } = &self.table(at).columns[column];
        let Fill::Reference(reference) = fill else { return None };
        let is_open = self.target(reference).is_some_and(|to| self.is_decided(to));
        is_open.then_some(name.as_str())
    }

    /// An action that updates a column.
    fn updater(&self, at: At, column: usize) -> Option<&'a str> {
        self.schemas[at.0].schema.changer(at.1, column).map(|action| action.name.as_str())
    }

    /// Refuses tables that need each other before they can have a row.
    fn circles(&self, problems: &mut Problems) {
        let tables: Vec<(At, &Table)> = self.tables().collect();
        let needs = |index: usize| -> Vec<usize> {
            let (_, table) = tables[index];
            let targets = table.references().filter_map(|(_, reference)| self.target(reference));
            targets.filter_map(|to| tables.iter().position(|(at, _)| *at == to)).collect()
        };
        let Err(cycle) = parents_first(tables.len(), needs) else {
            return;
        };
        let (at, table) = tables[cycle[0]];
        let next = tables[cycle[1 % cycle.len()]].0;
        let place = table
            .references()
            .find(|(_, reference)| self.target(reference) == Some(next))
            .map(|(column, _)| self.schemas[at.0].reference_place(at.1, column));
        let names: Vec<String> =
            cycle.iter().map(|&index| format!("`{}`", tables[index].1.name)).collect();
        let message = match names.as_slice() {
            [one] => format!("{one} refers to itself"),
            _ => format!("{} refer to each other in a circle", names.join(", ")),
        };
        let problem = Problem::new(message).help("a row must be able to follow its parents");
        problems.add(problem.or_at(place.unwrap_or(self.schemas[at.0].table_place(at.1))));
    }

    /// A row that is deleted takes its children with it, so these must be found and deleted too.
    fn deletes(&self, problems: &mut Problems) {
        for (schema, checked) in self.schemas.iter().enumerate() {
            for (action, meant) in checked.schema.actions.iter().enumerate() {
                for (step, shape) in meant.steps.iter().enumerate() {
                    if let Step::Delete { table, .. } = shape
                        && let Some(problem) = self.undeletable((schema, *table))
                    {
                        problems.add(problem.or_at(checked.step_place(action, step)));
                    }
                }
            }
        }
    }

    fn undeletable(&self, parent: At) -> Option<Problem> {
        let mut seen = BTreeSet::from([parent]);
        let mut rest = vec![parent];
        while let Some(parent) = rest.pop() {
            for (at, table) in self.tables() {
                let refers = |r: &Reference| !r.stays && self.target(r) == Some(parent);
                let refers = table.references().any(|(_, reference)| refers(reference));
                if !refers || !seen.insert(at) {
                    continue;
                }
                // Owned rows are found by their owner's key, and the WAL can name them whole.
                let is_found =
                    table.owner.is_some() && table.replica_identity == ReplicaIdentity::Full;
                let reason = if table.key.is_empty() && !is_found {
                    "it has no key"
                } else if table.shared {
                    "it is shared"
                } else if table.replica_identity == ReplicaIdentity::Nothing {
                    "it has `replica_identity: nothing`"
                } else {
                    rest.push(at);
                    continue;
                };
                let message = format!(
                    "the rows of `{}` that refer to this row go first, but cannot be deleted: {reason}",
                    table.name
                );
                return Some(Problem::new(message));
            }
        }
        None
    }
}

/// Whether a text column of another database holds every key of the column.
fn holds(ours: ColumnType, key: &Column) -> bool {
    let longest = match key.fill {
        Fill::Id => Some(22),
        _ => key.kind.length_max(),
    };
    let is_long_enough = match (ours.length_max(), longest) {
        (Some(ours), Some(longest)) => ours >= longest,
        (Some(_), None) => false,
        (None, _) => true,
    };
    ours.is_text() && key.kind.is_text() && is_long_enough
}
