//! Actions: steps that commit together.

pub(super) mod shared;
mod upsert;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::Action;
use crate::schema::Fill;
use crate::schema::Otherwise;
use crate::schema::Pick;
use crate::schema::ReplicaIdentity;
use crate::schema::Set;
use crate::schema::Step;
use crate::schema::Table;
use crate::schema::check::fill::row_pick;
use crate::schema::check::fill::unknown_column;
use crate::schema::check::outline::Outline;
use crate::schema::check::outline::identifier;
use crate::schema::check::set::Setter;
use crate::schema::check::shape::StepShape;
use crate::schema::check::shape::step_shape;
use crate::schema::check::skew;
use crate::schema::check::table::unknown_state;
use crate::schema::file::OtherwiseFile;
use crate::schema::file::PickFile;
use crate::schema::file::SchemaFile;
use crate::schema::file::StepFile;
use crate::schema::file::steps_of;
use crate::yaml::Kept;
use crate::yaml::Spanned;

/// Most steps of an action.
const STEPS_MAX: usize = 32;

/// All actions; broken ones have no steps.
pub(super) fn all(
    file: &SchemaFile,
    outline: &Outline<'_>,
    tables: &[Table],
    problems: &mut Problems,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for (name, action) in file.actions.0.iter().flat_map(|actions| &actions.0) {
        identifier(name, "an action's name", problems);
        let steps = match action {
            Some(action) => one(name, steps_of(action), outline, tables, problems),
            None => Vec::new(),
        };
        let skew_ns = match action {
            Some(action) => skew::skew_ns(action, (&steps, tables), problems),
            None => (0, 0),
        };
        actions.push(Action { name: name.value.clone(), steps, skew_ns, then: Vec::new() });
    }
    actions
}

fn one(
    name: &Spanned<String>,
    steps: &[Kept<Spanned<StepFile>>],
    outline: &Outline<'_>,
    tables: &[Table],
    problems: &mut Problems,
) -> Vec<Step> {
    if steps.is_empty() || steps.len() > STEPS_MAX {
        let message = format!("the action `{}` has no steps", name.value);
        let many = format!("the action `{}` has more than {STEPS_MAX} steps", name.value);
        let message = if steps.is_empty() { message } else { many };
        problems.add(Problem::new(message).at(name.place));
    }
    let mut checker = Steps { outline, tables, touched: Vec::new(), problems };
    let steps = steps.iter().filter_map(|step| step.0.as_ref());
    steps.filter_map(|step| checker.step(step)).collect()
}

/// What an earlier step of the action did to a row of a table.
#[derive(Clone, Copy, PartialEq)]
enum Touch {
    Inserted,
    Upserted,
    Picked,
    Deleted,
}

/// Whether a row may be new.
fn is_made(touch: Touch) -> bool {
    matches!(touch, Touch::Inserted | Touch::Upserted)
}

struct Steps<'a> {
    outline: &'a Outline<'a>,
    tables: &'a [Table],
    touched: Vec<(usize, Touch)>,
    problems: &'a mut Problems,
}

impl Steps<'_> {
    fn step(&mut self, file: &Spanned<StepFile>) -> Option<Step> {
        let shape = step_shape(file, self.problems)?;
        let name = shape.table();
        let Some(table) = self.outline.table(&name.value) else {
            let message = format!("the schema has no table `{}`", name.value);
            let help = suggest(&name.value, "the tables", &self.outline.table_names());
            self.problems.add(Problem::new(message).at(name.place).maybe_help(help));
            return None;
        };
        // Nothing can be said of a table that could not be read.
        self.outline.tables[table].file?;
        self.kind(table, shape)?;
        let earlier = self.touched.iter().rev().find(|(other, _)| *other == table);
        let earlier = earlier.map(|(_, touch)| *touch);
        if self.tables[table].shared {
            self.touched.push((table, Touch::Picked));
            return self.shared(table, shape, file);
        }
        match shape {
            StepShape::Insert(_) | StepShape::Emit(_) => {
                self.touched.push((table, Touch::Inserted));
                if earlier == Some(Touch::Upserted) {
                    let message = format!("an earlier step upserts a row of `{}`", name.value);
                    return self.refuse(name.place, message, "make it an action of its own");
                }
                self.insert(table, name)
            }
            StepShape::Upsert(_) => {
                self.touched.push((table, Touch::Upserted));
                self.upsert(table, shape, earlier, file)
            }
            StepShape::Update(_) => {
                self.touched.push((table, Touch::Picked));
                self.row(table, shape, earlier, &file.value)?;
                let choice = self.choice(table, &file.value);
                let set = self.sets(table, file)?;
                let (pick, otherwise) = choice?;
                Some(Step::Update { table, pick, set, otherwise })
            }
            StepShape::Delete(_) => {
                let child = self.child_of_chosen(table);
                self.touched.push((table, Touch::Deleted));
                self.row(table, shape, earlier, &file.value)?;
                if let Some(child) = child {
                    let child = &self.tables[child].name;
                    let message = format!(
                        "the row of `{child}` just inserted would refer to this row of `{}`",
                        name.value
                    );
                    return self.refuse(name.place, message, "make it an action of its own");
                }
                let (pick, otherwise) = self.choice(table, &file.value)?;
                Some(Step::Delete { table, pick, otherwise })
            }
        }
    }

    fn refuse<T>(&mut self, place: Place, message: String, help: &str) -> Option<T> {
        let problem = Problem::new(message).at(place);
        self.problems.add(if help.is_empty() { problem } else { problem.help(help) });
        None
    }

    /// Rows are inserted and the like, events are emitted.
    fn kind(&mut self, table: usize, shape: StepShape<'_>) -> Option<()> {
        let name = shape.table();
        let (message, help) = match (shape, self.tables[table].event) {
            (StepShape::Emit(_), None) => (
                format!("`{}` is a table, and only events are emitted", name.value),
                format!("write `{{ insert: {} }}`", name.value),
            ),
            (StepShape::Insert(_), Some(_)) => (
                format!("`{}` is an event, and nobody stores events", name.value),
                format!("write `{{ emit: {} }}`", name.value),
            ),
            (StepShape::Update(_) | StepShape::Upsert(_) | StepShape::Delete(_), Some(_)) => (
                format!("`{}` is an event: what was sent stays as it is", name.value),
                "emit another one".to_owned(),
            ),
            _ => return Some(()),
        };
        self.refuse(name.place, message, &help)
    }

    fn insert(&mut self, table: usize, name: &Spanned<String>) -> Option<Step> {
        if let Some(owner) = &self.tables[table].owner {
            let has_owner = self.touched.contains(&(owner.table, Touch::Inserted));
            if !has_owner {
                let owner = &self.tables[owner.table].name;
                let message = format!("a row of `{}` is made only with its owner", name.value);
                let help = format!("put `{{ insert: {owner} }}` before it");
                return self.refuse(name.place, message, &help);
            }
        }
        let refers_to_deleted = |(gone, touch): &&(usize, Touch)| {
            *touch == Touch::Deleted
                && self.tables[table]
                    .references()
                    .any(|(_, reference)| reference.table == self.tables[*gone].name)
        };
        if let Some((gone, _)) = self.touched.iter().find(refers_to_deleted) {
            let gone = &self.tables[*gone].name;
            let message = format!(
                "a row of `{}` would refer to the row of `{gone}` just deleted",
                name.value
            );
            return self.refuse(name.place, message, "make it an action of its own");
        }
        self.shows(table, name)?;
        Some(Step::Insert { table })
    }

    /// An event that shows where a row is on its walk is of the row of an earlier step.
    fn shows(&mut self, table: usize, name: &Spanned<String>) -> Option<()> {
        let meant = &self.tables[table];
        let unmet = meant.columns.iter().find_map(|column| {
            let Fill::Lookup { through, column: wanted } = &column.fill else { return None };
            let Fill::Reference(reference) = &meant.columns[*through].fill else { return None };
            let parent = self.tables.iter().position(|it| it.name == reference.table)?;
            let walks = self.tables[parent]
                .column(wanted)
                .is_some_and(|at| self.tables[parent].is_walk(at));
            let is_met = self.touched.iter().any(|(other, _)| *other == parent);
            (walks && !is_met).then_some(parent)
        });
        let Some(parent) = unmet else { return Some(()) };
        let parent = &self.tables[parent].name;
        let message = format!(
            "`{}` shows where a row of `{parent}` is, and no earlier step says which row",
            name.value
        );
        let help = format!("put `{{ insert: {parent} }}` or `{{ update: {parent}, … }}` before it");
        self.refuse(name.place, message, &help)
    }

    /// A table into which a step has inserted a row that refers to the row of `table` which a step
    /// before it had made or chosen.
    fn child_of_chosen(&self, table: usize) -> Option<usize> {
        let chosen = self.touched.iter().position(|(other, _)| *other == table)?;
        let name = &self.tables[table].name;
        let refers = |child: usize| {
            let owner = self.tables[child].owner.as_ref();
            // An owner's rows go with it.
            owner.is_none_or(|owner| owner.table != table)
                && self.tables[child].references().any(|(_, to)| to.table == *name)
        };
        let later = self.touched[chosen + 1..].iter();
        let mut children = later.filter(|(child, touch)| is_made(*touch) && refers(*child));
        children.next().map(|(child, _)| *child)
    }

    /// Whether one row of the table can be found again and changed.
    fn row(
        &mut self,
        table: usize,
        shape: StepShape<'_>,
        earlier: Option<Touch>,
        file: &StepFile,
    ) -> Option<()> {
        let (name, verb) = (shape.table(), shape.verb());
        let meant = &self.tables[table];
        if let Some(per) = self.outline.tables[table].file.and_then(|file| file.per.as_ref()) {
            let message = format!("rows of `{}` live and die with their owner", name.value);
            let help = format!("{verb} a row of `{}` instead", per.value);
            return self.refuse(name.place, message, &help);
        }
        if meant.key.is_empty() {
            let message = format!("`{}` has no key, so none of its rows can be found", name.value);
            return self.refuse(name.place, message, "mark a column with `key: true`");
        }
        if meant.replica_identity == ReplicaIdentity::Nothing {
            let message = format!(
                "`{}` has `replica_identity: nothing`, so PostgreSQL refuses to {verb} its rows \
                 while they are published",
                name.value
            );
            return self.refuse(name.place, message, "use `default` or `full`");
        }
        if earlier == Some(Touch::Deleted) {
            let message = format!("an earlier step has deleted this row of `{}`", name.value);
            return self.refuse(name.place, message, "");
        }
        if earlier.is_some() && (file.pick.is_some() || file.otherwise.is_some()) {
            let place = file.pick.as_ref().map(|pick| pick.place);
            let place = place.or(file.otherwise.as_ref().map(|word| word.place));
            let message = "an earlier step has chosen the row already".to_owned();
            return self.refuse(place.unwrap_or(name.place), message, "leave this away");
        }
        Some(())
    }

    /// Which row, and what if there is none.
    fn choice(&mut self, table: usize, file: &StepFile) -> Option<(Pick, Otherwise)> {
        let pick = match &file.pick {
            None => Pick::Uniform,
            Some(Spanned { value: PickFile::State(states), place }) => {
                Pick::State(self.states(table, &states.0, *place)?)
            }
            Some(Spanned { value: PickFile::Oldest(Some(states)), place }) => {
                Pick::Oldest(self.states(table, &states.0, *place)?)
            }
            Some(pick) => row_pick(pick, self.problems)?,
        };
        let otherwise = match file.otherwise.as_ref().map(|word| word.value) {
            None | Some(OtherwiseFile::Skip) => Otherwise::Skip,
            Some(OtherwiseFile::Insert) => Otherwise::Insert,
        };
        Some((pick, otherwise))
    }

    /// The states to pick from.
    fn states(
        &mut self,
        table: usize,
        states: &[Spanned<String>],
        place: Place,
    ) -> Option<Vec<usize>> {
        let Some(known) = &self.tables[table].states else {
            let message = format!("the rows of `{}` have no states", self.tables[table].name);
            return self.refuse(place, message, "fill a column with `state` first");
        };
        let mut found = Vec::new();
        for state in states {
            match known.names.iter().position(|name| *name == state.value) {
                Some(index) if found.contains(&index) => {
                    let message = format!("the state `{}` is given twice", state.value);
                    self.problems.add(Problem::new(message).at(state.place));
                }
                Some(index) => found.push(index),
                None => self.problems.add(unknown_state(state, &known.names)),
            }
        }
        if states.is_empty() {
            return self.refuse(place, "this picks from no state".to_owned(), "");
        }
        (found.len() == states.len()).then_some(found)
    }

    fn sets(&mut self, table: usize, file: &Spanned<StepFile>) -> Option<Vec<(usize, Set)>> {
        let entries = file.value.set.as_ref().map_or(&[][..], |set| set.value.0.as_slice());
        if entries.is_empty() {
            let place = file.value.place().unwrap_or(file.place);
            let message = "the update changes nothing".to_owned();
            return self.refuse(place, message, "write `set: { column: value }`");
        }
        let outline = &self.outline.tables[table];
        let mut sets = Vec::new();
        for (name, written) in entries {
            let Some(column) = outline.column(&name.value) else {
                self.problems.add(unknown_column(outline, name));
                continue;
            };
            let is_known = outline.columns[column].kind.is_some();
            let Some(written) = written.as_ref().filter(|_| is_known) else {
                continue;
            };
            let setter = Setter { table: &self.tables[table], column, name: name.place };
            if let Some(set) = setter.set(written, self.problems) {
                sets.push((column, set));
            }
        }
        Some(sets)
    }
}
