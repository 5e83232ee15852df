//! Walks: lives by chance.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::ColumnType;
use crate::schema::States;
use crate::schema::Walk;
use crate::schema::check::outline::TableOutline;
use crate::schema::check::table::STATES_MAX;
use crate::schema::file::WalkFile;
use crate::schema::walk::END;
use crate::yaml::Entries;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// The states of the first column that walks.
pub(super) fn states(table: &TableOutline<'_>, problems: &mut Problems) -> Option<States> {
    let (column, kind, file) = table.columns.iter().enumerate().find_map(|(index, column)| {
        match &column.file?.fill.value {
            ScalarOr::Other(fill) => Some((index, column.kind, fill.walk.as_ref()?)),
            ScalarOr::Scalar(_) => None,
        }
    })?;
    let before = problems.len();
    let names = names(&file.value, kind, problems);
    let begin = weights(&file.value.begin.value, &names, false, problems);
    if begin.iter().sum::<f64>() <= 0.0 && problems.len() == before {
        problems.add(Problem::new("a walk begins somewhere").at(file.value.begin.place));
    }
    let mut walk = Walk { begin, next: Vec::new(), end: Vec::new() };
    for (name, written) in &file.value.next.value.0 {
        let Some(written) = written else { continue };
        let next = weights(written, &names, true, problems);
        let is_end = |entry: &(&Spanned<String>, &Spanned<f64>)| entry.0.value == END;
        let end = written.iter().find(is_end).map_or(0.0, |(_, weight)| weight.value);
        if next.iter().sum::<f64>() + end <= 0.0 && problems.len() == before {
            let message = format!("nothing follows `{}`", name.value);
            let help = format!("write `{{ {END}: 1 }}` if the walk ends there");
            problems.add(Problem::new(message).at(name.place).help(help));
        }
        walk.next.push(next);
        walk.end.push(end);
    }
    if problems.len() == before {
        endless(&walk, &file.value, problems);
    }
    let seeded = walk.begin.clone();
    Some(States { column, names, seeded, walk: Some(walk) })
}

/// The names of the states: those that something follows.
fn names(file: &WalkFile, kind: Option<ColumnType>, problems: &mut Problems) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in file.next.value.names() {
        let length = u32::try_from(name.value.chars().count()).unwrap_or(u32::MAX);
        let longest = kind.and_then(ColumnType::length_max);
        let labels = kind.and_then(ColumnType::enum_type).map(|of| &of.labels);
        let message = if [END, "walk"].contains(&name.value.as_str()) {
            format!("no state is called `{}`: the word means something else", name.value)
        } else if name.value.is_empty() || name.value.contains('\0') {
            "a state's name is empty or contains a NUL character".to_owned()
        } else if let Some(limit) = longest.filter(|limit| length > *limit) {
            format!("the state `{}` has more than {limit} characters", name.value)
        } else if labels.is_some_and(|labels| !labels.contains(&name.value)) {
            format!("the state `{}` is no label of the column's type", name.value)
        } else {
            names.push(name.value.clone());
            continue;
        };
        problems.add(Problem::new(message).at(name.place));
        names.push(name.value.clone());
    }
    if names.is_empty() || names.len() > STATES_MAX {
        let message = format!("a walk has 1 to {STATES_MAX} states, not {}", names.len());
        problems.add(Problem::new(message).at(file.next.place));
    }
    names
}

/// The weight of each state; of the end too, if there may be one, but it is not returned.
fn weights(
    file: &Entries<Spanned<f64>>,
    names: &[String],
    may_end: bool,
    problems: &mut Problems,
) -> Vec<f64> {
    let mut weights = vec![0.0; names.len()];
    for (name, weight) in file.iter() {
        if !(weight.value >= 0.0 && weight.value.is_finite()) {
            problems.add(Problem::new("a weight is not negative").at(weight.place));
        }
        match names.iter().position(|state| *state == name.value) {
            Some(state) => weights[state] = weight.value,
            None if may_end && name.value == END => {}
            None => {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                let message = format!("nothing says what follows `{}`", name.value);
                let help = suggest(&name.value, "the states below `next`", &known);
                problems.add(Problem::new(message).at(name.place).maybe_help(help));
            }
        }
    }
    weights
}

/// From each state the end must be within reach, or what follows would never cease.
fn endless(walk: &Walk, file: &WalkFile, problems: &mut Problems) {
    let mut ends: Vec<bool> = walk.end.iter().map(|end| *end > 0.0).collect();
    loop {
        let leads =
            |next: &Vec<f64>| next.iter().zip(&ends).any(|(weight, end)| *weight > 0.0 && *end);
        let more: Vec<bool> = walk.next.iter().map(leads).collect();
        let before = ends.clone();
        ends.iter_mut().zip(more).for_each(|(end, more)| *end |= more);
        if ends == before {
            break;
        }
    }
    let stuck = ends.iter().zip(file.next.value.names()).find(|(end, _)| !**end);
    if let Some((_, name)) = stuck {
        let message = format!("a walk that comes to `{}` never ends", name.value);
        let help = format!("give `{END}` a weight there, or behind it");
        problems.add(Problem::new(message).at(name.place).help(help));
    }
}
