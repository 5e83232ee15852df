//! Batches: which streams may send rows of many slots in one transaction.
//!
//! A lane of such a stream has many rows under way at once, in transactions that may be refused and
//! sent again in parts. So nothing in the run may look at those rows, and they at none that is made
//! in it.

use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Batching;
use crate::scenario::MixEntry;
use crate::scenario::Stream;
use crate::scenario::check::between;
use crate::scenario::check::content::Checker;
use crate::scenario::check::duration;
use crate::scenario::file::StreamFile;
use crate::scenario::life::At;
use crate::schema::Fill;
use crate::schema::Step;

/// What is meant where the file says nothing.
const ROWS: u32 = 100;
const LINGER: Duration = Duration::from_millis(5);

/// Most slots in a transaction, and longest that one waits for others.
const ROWS_MAX: u32 = 10_000;
const LINGER_MAX: Duration = Duration::from_mins(1);

/// What a stream says of batches.
pub(super) fn batching(file: &StreamFile, problems: &mut Problems) -> Option<Batching> {
    let file = &file.batch.as_ref()?.value;
    let rows = file.rows.as_ref();
    let rows = rows.map_or(ROWS, |rows| between(rows, "rows", 2..=ROWS_MAX, problems));
    let linger = match &file.linger {
        Some(text) => match duration(text, problems)? {
            linger if linger > LINGER_MAX => {
                let problem = Problem::new("a slot waits a minute for others at most");
                problems.add(problem.at(text.place));
                LINGER
            }
            linger => linger,
        },
        None => LINGER,
    };
    Some(Batching { rows: rows as usize, linger })
}

impl Checker<'_> {
    /// A stream with batches only inserts, refers to nothing that the run makes, and works on tables
    /// of its own.
    pub(super) fn batches(&self, problems: &mut Problems) {
        let streams = &self.tables.scenario.load.streams;
        for stream in streams.iter().filter(|stream| stream.batch.is_some()) {
            let place = self.stream_place(&stream.name);
            let found = stream.mix.iter().find_map(|entry| self.not_in_batches(entry));
            let found = found.or_else(|| self.neighbour(stream));
            if let Some((message, help)) = found {
                problems.add(Problem::new(message).at(place).help(help));
            }
        }
    }

    /// Why an action cannot be part of a batch.
    fn not_in_batches(&self, entry: &MixEntry) -> Option<(String, String)> {
        let schema = &self.tables.scenario.domains[entry.domain].schema;
        let action = &schema.actions[entry.action];
        let name = format!("{}.{}", schema.name, action.name);
        if !action.then.is_empty() {
            return Some((
                format!(
                    "actions follow `{name}`, and its row may be in a batch that is not committed yet"
                ),
                "leave it out of the mix, or leave `batch` out".to_owned(),
            ));
        }
        if action.steps.iter().any(|step| schema.tables[step.table()].event.is_some()) {
            return Some((
                format!("`{name}` sends events, and each of them stands for itself"),
                "leave it out of the mix, or leave `batch` out".to_owned(),
            ));
        }
        let mut made: Vec<At> = Vec::new();
        for step in &action.steps {
            let Step::Insert { table } = step else {
                return Some((
                    format!("`{name}` does not only insert, and a batch holds new rows only"),
                    "leave it out of the mix, or leave `batch` out".to_owned(),
                ));
            };
            let at = (entry.domain, *table);
            if let Some(parent) = self.born_parent(at, &made) {
                let (child, parent) =
                    (&self.tables.table(at).name, &self.tables.table(parent).name);
                return Some((
                    format!(
                        "`{name}` makes rows of `{child}` that refer to rows of `{parent}`, which \
                         come and go: such a row may be in a batch that is not committed yet"
                    ),
                    format!("leave `batch` out, or make and delete no rows of `{parent}`"),
                ));
            }
            made.push(at);
        }
        None
    }

    /// A parent of a new row that may have been made in the run, other than by its own action.
    fn born_parent(&self, at: At, made: &[At]) -> Option<At> {
        let table = self.tables.table(at);
        let owner = table.owner.as_ref().map(|owner| owner.column);
        let columns = table.columns.iter().enumerate();
        let references = columns.filter_map(|(number, column)| match &column.fill {
            Fill::Reference(reference) if Some(number) != owner => self.tables.target(reference),
            _ => None,
        });
        references
            .into_iter()
            .find(|parent| !made.contains(parent) && !self.tables.is_still(*parent))
    }

    /// Why a stream cannot be sent in batches beside the others.
    fn neighbour(&self, stream: &Stream) -> Option<(String, String)> {
        let own = self.tables.reach(stream);
        let streams = &self.tables.scenario.load.streams;
        let others = streams.iter().filter(|other| other.name != stream.name);
        let other = others
            .into_iter()
            .find(|other| self.tables.reach(other).iter().any(|at| own.contains(at)))?;
        Some((
            format!(
                "`{}`, which is sent in batches, works on the same tables as `{}`, or on tables that \
                 refer to them",
                stream.name, other.name
            ),
            "leave `batch` out, or let them work on tables of their own".to_owned(),
        ))
    }
}
