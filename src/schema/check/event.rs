//! Events: tables whose rows are sent.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::Event;
use crate::schema::Fill;
use crate::schema::Table;
use crate::schema::check::outline::TableOutline;

/// What a table is as an event, if it is one. Nobody stores events, so nothing can be asked of their
/// rows that a database would see to.
pub(super) fn event(
    outline: &TableOutline<'_>,
    meant: &Table,
    problems: &mut Problems,
) -> Option<Event> {
    let Some(written) = outline.file?.event.as_ref() else {
        let mut columns = outline.columns.iter().zip(&meant.columns);
        if let Some((column, _)) = columns.find(|(_, of)| of.hidden) {
            let problem = Problem::new("only a column of an event is hidden").at(column.name.place);
            problems.add(problem.help("a table has all its columns"));
        }
        return None;
    };
    for (column, of) in outline.columns.iter().zip(&meant.columns) {
        let Some(file) = column.file else { continue };
        let word = if file.key {
            Some(("key", "name the key of the record beside `columns`: `key: column`"))
        } else if file.unique {
            Some(("unique", "fill it with `uuid`, `id` or `sequence`: no two events have the same"))
        } else if file.check.is_some() {
            Some(("check", "its fill decides what it holds"))
        } else {
            None
        };
        if let Some((word, help)) = word {
            let message = format!("`{word}` has no meaning in an event: nobody stores it");
            problems.add(Problem::new(message).at(column.name.place).help(help));
        }
        if of.fill == Fill::State {
            let problem = Problem::new("an event has no states").at(column.name.place);
            problems.add(problem.help("keep the state in a table, and look it up from there"));
        }
    }
    let key = written.0.as_ref().and_then(|name| {
        let found = outline.column(&name.value);
        if found.is_none() {
            let message = format!("the event `{}` has no column `{}`", meant.name, name.value);
            let help = suggest(&name.value, "the columns", &outline.column_names());
            problems.add(Problem::new(message).at(name.place).maybe_help(help));
        }
        found
    });
    Some(Event { key })
}
