//! How long the events of an action come after the commit of its rows.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::Step;
use crate::schema::Table;
use crate::schema::check::follow::after;
use crate::schema::file::ActionFile;
use crate::schema::file::steps_of;
use crate::yaml::ListOr;

/// Least and most, in nanoseconds; nothing unless it is written.
pub(super) fn skew_ns(
    file: &ActionFile,
    (steps, tables): (&[Step], &[Table]),
    problems: &mut Problems,
) -> (u64, u64) {
    let written = match file {
        ListOr::Settings(file) => file.skew.as_ref(),
        ListOr::List(_) => None,
    };
    let Some(written) = written else { return (0, 0) };
    let is_any = |of: &dyn Fn(&Table) -> bool| steps.iter().any(|step| of(&tables[step.table()]));
    let missing = if !is_any(&|table| table.event.is_some()) {
        Some(("no event", "write a step `{ emit: … }`, or leave `skew` out"))
    } else if !is_any(&|table| table.stored) {
        Some((
            "no row that is stored",
            "let the action come later: `after`, where it follows another",
        ))
    } else {
        None
    };
    // Nothing can be said of an action that could not be read.
    let is_whole = steps.len() == steps_of(file).len();
    if let Some((none, help)) = missing.filter(|_| is_whole) {
        let message = format!("`skew` lies between a commit and events, and here is {none}");
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    after(written, ("skew", "events follow their rows"), problems).unwrap_or((0, 0))
}
