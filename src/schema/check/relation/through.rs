//! What times follow in the rows that are referred to.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Through;
use crate::schema::check::relation::At;
use crate::schema::check::relation::World;

/// What is wanted of the other row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Time,
    Hours,
}

impl World<'_> {
    /// Checks `since` and `within` of all times.
    pub(super) fn throughs(&self, problems: &mut Problems) {
        for (at, table) in self.own_tables() {
            for (number, column) in table.columns.iter().enumerate() {
                let Fill::Moment(moment) = &column.fill else { continue };
                let within = moment.week.as_ref().and_then(|week| week.within.as_ref());
                let wanted = [(moment.since.as_ref(), Wanted::Time), (within, Wanted::Hours)];
                for (through, wanted) in wanted {
                    let Some(through) = through else { continue };
                    if let Some(problem) = self.through(at, through, wanted) {
                        let place = self.through_place((at, number), wanted);
                        problems.add(problem.or_at(place));
                    }
                }
            }
        }
    }

    fn through_place(&self, (at, column): (At, usize), wanted: Wanted) -> Place {
        let checked = self.schemas[at.0];
        let written = checked.fill(at.1, column).and_then(|fill| fill.event_time.as_ref());
        let found = written.and_then(|time| match wanted {
            Wanted::Time => time.since.as_ref(),
            Wanted::Hours => time.week.as_ref()?.within.as_ref(),
        });
        found.map_or_else(|| checked.column_place(at.1, column), |it| it.column.place)
    }

    fn through(&self, at: At, written: &Through, wanted: Wanted) -> Option<Problem> {
        let via = &self.table(at).columns[written.through];
        let Fill::Reference(reference) = &via.fill else {
            let is_broken = self.schemas[at.0].kinds[at.1][written.through].is_none()
                || self.schemas[at.0].is_reference(at.1, written.through);
            let message = format!("`{}` is no reference, so it leads to no row", via.name);
            return (!is_broken).then(|| Problem::new(message));
        };
        let to = self.target(reference).filter(|to| !self.schemas[to.0].is_broken(to.1))?;
        let parent = self.table(to);
        let name = format!("`{}.{}`", parent.name, written.column);
        let Some(found) = parent.column(&written.column) else {
            let names: Vec<&str> = parent.columns.iter().map(|c| c.name.as_str()).collect();
            let message = format!("the table `{}` has no column `{}`", parent.name, written.column);
            let help = suggest(&written.column, "the columns", &names);
            return Some(Problem::new(message).maybe_help(help));
        };
        self.schemas[to.0].kinds[to.1][found]?;
        let column = &parent.columns[found];
        let (is_right, help) = match wanted {
            Wanted::Time => {
                (is_plain_time(column), "it is filled by `event_time`, alone or with `past`")
            }
            Wanted::Hours => (is_hours(column), "it is JSON, and a draw: `weighted`, or `json`"),
        };
        if !is_right {
            let message = format!("{name} cannot be followed");
            return Some(Problem::new(message).help(help));
        }
        let updater = self.updater(to, found)?;
        let message = format!("the action `{updater}` updates {name}");
        Some(Problem::new(message).help("what is followed must not change"))
    }
}

/// Whether a seeded row's value is known from its number, and a new one's is the action's time.
fn is_plain_time(column: &Column) -> bool {
    column.null_rate <= 0.0
        && match &column.fill {
            Fill::EventTime { offset_max, .. } => *offset_max <= 0,
            Fill::Moment(moment) => {
                moment.since.is_none() && moment.week.is_none() && !moment.is_year
            }
            _ => false,
        }
}

fn is_hours(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Json | ColumnType::Jsonb) && column.fill.is_pure()
}
