//! Whether the numbers of a run fit its schemas: who fills what, how many keys there are, which
//! streams can run beside each other.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Scenario;
use crate::scenario::check::copies;
use crate::scenario::check::domain_place;
use crate::scenario::file::ScenarioFile;
use crate::scenario::life::At;
use crate::scenario::life::Tables;
use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Step;
use crate::schema::check::Checked;
use crate::units::format_count;

/// Checks a scenario whose parts are all well formed.
pub(super) fn check(
    scenario: &Scenario,
    file: &ScenarioFile,
    schemas: &[&Checked],
    problems: &mut Problems,
) {
    let tables = Tables::new(scenario);
    let checker = Checker { tables, file, schemas };
    copies::even(&checker.tables, file, problems);
    if !problems.is_empty() {
        return;
    }
    checker.parents(problems);
    checker.picks(problems);
    checker.keys(problems);
    checker.unique_values(problems);
    checker.batches(problems);
}

pub(super) struct Checker<'a> {
    pub(super) tables: Tables<'a>,
    file: &'a ScenarioFile,
    schemas: &'a [&'a Checked],
}

impl Checker<'_> {
    /// A row that refers to another needs one to refer to.
    fn parents(&self, problems: &mut Problems) {
        for (at, table) in self.tables.all() {
            for (column, reference) in table.references() {
                let is_owner = table.owner.as_ref().is_some_and(|owner| owner.column == column);
                let Some(parent) = self.tables.target(reference).filter(|_| !is_owner) else {
                    continue;
                };
                let has_seeds = self.tables.seeded(at) > 0;
                let seeded = self.tables.seeded(parent);
                let lanes = u64::from(self.tables.lanes(parent));
                let is_dealt = self.tables.is_mortal(parent) && !reference.stays;
                // Who names another row than a first one needs two.
                let needed = lanes * if reference.unlike.is_some() { 2 } else { 1 };
                if has_seeds && seeded > 0 && seeded < needed && is_dealt {
                    let (child, name) = (&table.name, &reference.table);
                    let message = format!(
                        "{seeded} rows of `{name}` for {lanes} lanes: in some lanes the seeded \
                         rows of `{child}` would have nobody to refer to"
                    );
                    let fewer = self.tables.lanes_word(parent);
                    let help = format!("seed {needed} or more, or write fewer {fewer}");
                    problems.add(Problem::new(message).at(self.place(parent)).help(help));
                }
                if seeded > 0 {
                    continue;
                }
                let is_needed = has_seeds || self.tables.is_inserted(at);
                let is_filled = self.tables.is_inserted(parent);
                if !is_needed || is_filled && !has_seeds || table.columns[column].null_rate >= 1.0 {
                    continue;
                }
                let name = &reference.table;
                let message = if is_filled {
                    format!("`{}` is seeded, but `{name}`, which it refers to, is not", table.name)
                } else {
                    format!("`{}` refers to `{name}`, and nothing fills `{name}`", table.name)
                };
                let problem = Problem::new(message).at(self.place(parent));
                let domain = &self.tables.scenario.domains[parent.0];
                problems.add(problem.help(if self.tables.scenario.is_external(domain) {
                    "say that there are some: `external: { rows: 1k }`".to_owned()
                } else {
                    format!("seed it: `rows: {{ {name}: 1k }}`")
                }));
            }
        }
    }

    /// A row that is updated or deleted must be there, in each lane.
    fn picks(&self, problems: &mut Problems) {
        for (at, table) in self.tables.all() {
            let lanes = u64::from(self.tables.lanes(at));
            if table.owner.is_some() || self.tables.is_inserted(at) {
                continue;
            }
            let seeded = self.tables.seeded(at);
            let is_picked = self.tables.mixed().any(|(domain, step)| {
                domain == at.0 && !matches!(step, Step::Insert { .. }) && step.table() == at.1
            });
            let is_parent = self
                .tables
                .all()
                .any(|(child, _)| child != at && self.tables.parents(child).contains(&at));
            let name = &table.name;
            if is_picked && seeded == 0 {
                let message =
                    format!("nothing fills `{name}`, so there is nothing to change in it");
                let problem = Problem::new(message).at(self.place(at));
                problems.add(problem.help(format!("seed it: `rows: {{ {name}: 1k }}`")));
            } else if is_parent && self.tables.is_deleted(at) && seeded < lanes {
                let message = format!(
                    "{seeded} rows of `{name}` for {lanes} lanes leave lanes without any, and \
                     nothing makes new ones"
                );
                let fewer = self.tables.lanes_word(at);
                let help = format!("seed {lanes} or more, or write fewer {fewer}");
                problems.add(Problem::new(message).at(self.place(at)).help(help));
            }
        }
    }

    /// Sequences must not run over the end of their type.
    fn keys(&self, problems: &mut Problems) {
        for (at, table) in self.tables.all() {
            let rows = self.tables.numbers_max(at);
            for (index, column) in table.columns.iter().enumerate() {
                let Some(most) = room(column) else {
                    continue;
                };
                if rows <= most {
                    continue;
                }
                let message = format!(
                    "`{}.{}` is `{}`, and this run may number its rows up to {}",
                    table.name,
                    column.name,
                    column.kind,
                    format_count(rows)
                );
                let place = self.schemas[at.0].column_place(at.1, index);
                let label = format!("has room for {}", format_count(most));
                let larger = if column.kind == ColumnType::Smallint { "integer" } else { "bigint" };
                let problem = Problem::new(message).at(place).label(label);
                problems.add(problem.help(format!("make it `{larger}`, or make fewer rows")));
            }
        }
    }

    /// A unique column has a value of its own for each row.
    fn unique_values(&self, problems: &mut Problems) {
        for (at, table) in self.tables.all() {
            let rows = self.tables.numbers_max(at);
            for (index, column) in table.columns.iter().enumerate() {
                let Some(most) = column.fill.count(column.kind).filter(|most| rows > *most) else {
                    continue;
                };
                let message = format!(
                    "`{}.{}` is unique, and this run may make {} rows",
                    table.name,
                    column.name,
                    format_count(rows)
                );
                let place = self.schemas[at.0].column_place(at.1, index);
                let label = format!("has {} different values", format_count(most));
                let problem = Problem::new(message).at(place).label(label);
                problems.add(problem.help("make room for more values, or make fewer rows"));
            }
        }
    }

    /// Where the seeded rows of a table are, or should be, written.
    fn place(&self, at: At) -> Place {
        let name = &self.tables.table(at).name;
        let domain = self.file.domains.value.0.get(at.0).and_then(|(_, domain)| domain.as_ref());
        let rows = domain.and_then(|domain| domain.rows.names().find(|row| row.value == *name));
        rows.map_or_else(|| domain_place(self.file, at.0), |row| row.place)
    }

    pub(super) fn stream_place(&self, name: &str) -> Place {
        let streams = self.file.load.0.as_ref().map(|load| &load.streams);
        let found = streams.and_then(|streams| streams.names().find(|stream| stream.value == name));
        found.map_or(self.file.scenario.place, |name| name.place)
    }
}

/// How many rows a sequence has numbers for.
fn room(column: &Column) -> Option<u64> {
    let Fill::Sequence { start } = column.fill else {
        return None;
    };
    let (_, greatest) = column.kind.integer_range()?;
    u64::try_from(greatest - start).ok().map(|room| room.saturating_add(1))
}
