//! What follows actions: `then`.

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::Schema;
use crate::schema::Set;
use crate::schema::Step;
use crate::schema::Table;
use crate::schema::Then;
use crate::schema::check::table::unknown_state;
use crate::schema::file::SchemaFile;
use crate::schema::file::ThenFile;
use crate::units::parse_duration;
use crate::yaml::ListOr;
use crate::yaml::OneOrMany;
use crate::yaml::Spanned;

/// Most actions that follow one directly.
const THEN_MAX: usize = 16;

/// Nothing follows later than this.
const AFTER_MAX: Duration = Duration::from_hours(24);

/// Tells each action what follows it. The steps of all actions are known by now.
pub(super) fn all(file: &SchemaFile, schema: &mut Schema, problems: &mut Problems) {
    let written = file.actions.0.iter().flat_map(|actions| &actions.0);
    let mut places = Vec::new();
    for (number, (_, action)) in written.enumerate() {
        let Some(ListOr::Settings(action)) = action else { continue };
        if let Some(beyond) = action.then.get(THEN_MAX).and_then(|then| then.0.as_ref()) {
            let message = format!("more than {THEN_MAX} actions follow this one");
            problems.add(Problem::new(message).at(beyond.place));
        }
        for then in action.then.iter().filter_map(|then| then.0.as_ref()) {
            if let Some(meant) = one(schema, number, &then.value, problems) {
                places.push((number, meant.action, then.value.action.place));
                schema.actions[number].then.push(meant);
            }
        }
    }
    let knots: Vec<_> = places.into_iter().filter_map(|place| knot(schema, place)).collect();
    // What goes round in a circle is said once, where it is written first.
    for problem in knots.into_iter().take(1) {
        problems.add(problem);
    }
}

fn one(schema: &Schema, leader: usize, file: &ThenFile, problems: &mut Problems) -> Option<Then> {
    let after = after(&file.after, ("after", "what follows comes"), problems);
    let share = file.share.as_ref().map_or(1.0, |share| share.value);
    if let Some(written) = &file.share
        && !(share > 0.0 && share <= 1.0)
    {
        let problem = Problem::new("a share is above 0 and at most 1").at(written.place);
        problems.add(problem.help("0.9 means that it follows nine times of ten"));
        return None;
    }
    let name = &file.action;
    let Some(action) = schema.action(&name.value) else {
        let names: Vec<&str> = schema.actions.iter().map(|each| each.name.as_str()).collect();
        let message = format!("the schema has no action `{}`", name.value);
        let help = suggest(&name.value, "the actions", &names);
        problems.add(Problem::new(message).at(name.place).maybe_help(help));
        return None;
    };
    let (leads, follows) = (&schema.actions[leader], &schema.actions[action]);
    // Nothing can be said of actions that could not be read.
    if leads.steps.is_empty() || follows.steps.is_empty() {
        return None;
    }
    let Some(table) = leads.shared_table(follows, schema) else {
        let message =
            format!("`{}` works on no row that `{}` inserts or updates", follows.name, leads.name);
        let help = "what follows works on the same row, or inserts one that refers to it";
        problems.add(Problem::new(message).at(name.place).help(help));
        return None;
    };
    let states = match &file.state {
        Some(written) => states(&schema.tables[table], written, problems)?,
        None => Vec::new(),
    };
    let (min_ns, max_ns) = after?;
    if leader == action && min_ns == 0 {
        let problem = Problem::new("an action cannot follow itself at once").at(file.after.place);
        problems.add(problem.help("write `after: 3s` or `after: [2s, 5s]`"));
    }
    Some(Then { action, table, min_ns, max_ns, share, states })
}

/// In which states of its table the row must be.
fn states(
    table: &Table,
    written: &Spanned<OneOrMany<Spanned<String>>>,
    problems: &mut Problems,
) -> Option<Vec<usize>> {
    let Some(known) = &table.states else {
        let message = format!("the rows of `{}`, which are passed on, have no states", table.name);
        let problem = Problem::new(message).at(written.place);
        problems.add(problem.help("fill a column with `state` or `walk` first"));
        return None;
    };
    let mut found = Vec::new();
    for state in &written.value.0 {
        match known.names.iter().position(|name| *name == state.value) {
            Some(index) if found.contains(&index) => {
                let message = format!("the state `{}` is given twice", state.value);
                problems.add(Problem::new(message).at(state.place));
            }
            Some(index) => found.push(index),
            None => problems.add(unknown_state(state, &known.names)),
        }
    }
    if written.value.0.is_empty() {
        problems.add(Problem::new("it would follow in no state").at(written.place));
    }
    (found.len() == written.value.0.len() && !found.is_empty()).then_some(found)
}

/// `3s`, or `[2s, 5s]`: the least and the greatest, in nanoseconds.
pub(super) fn after(
    file: &Spanned<OneOrMany<Spanned<String>>>,
    (word, what): (&str, &str),
    problems: &mut Problems,
) -> Option<(u64, u64)> {
    let mut read = |text: &Spanned<String>| match parse_duration(&text.value) {
        Ok(duration) if duration <= AFTER_MAX => u64::try_from(duration.as_nanos()).ok(),
        Ok(_) => {
            let message = format!("{what} within a day");
            problems.add(Problem::new(message).at(text.place));
            None
        }
        Err(message) => {
            problems.add(Problem::new(message).at(text.place));
            None
        }
    };
    let (min, max) = match file.value.0.as_slice() {
        [only] => {
            let only = read(only)?;
            (only, only)
        }
        [min, max] => {
            let (min, max) = (read(min), read(max));
            (min?, max?)
        }
        _ => {
            let problem = Problem::new(format!("`{word}` is one duration, or two")).at(file.place);
            problems.add(problem.help(format!("write `{word}: 3s` or `{word}: [2s, 5s]`")));
            return None;
        }
    };
    if min > max {
        let problem = Problem::new("the least is greater than the greatest").at(file.place);
        problems.add(problem.help("write the shorter duration first"));
        return None;
    }
    Some((min, max))
}

/// Why an action must not follow another: it leads back to it, or follows it in two ways, so that
/// nobody could tell which of the two a count means.
fn knot(schema: &Schema, (leader, action, place): (usize, usize, Place)) -> Option<Problem> {
    let mut seen = Vec::new();
    let is_circle = reaches(schema, action, leader, &mut seen);
    let (leads, follows) = (&schema.actions[leader].name, &schema.actions[action].name);
    if is_circle && !is_walk(schema, leader, action) {
        let message = format!("`{follows}` follows `{leads}`, which follows `{follows}`");
        let problem = Problem::new(message).at(place);
        return Some(problem.help("a life goes forward: leave one of the two away"));
    }
    let is_other = |then: &&Then| then.action == action;
    let direct = schema.actions[leader].then.iter().filter(is_other).count();
    let indirect = schema.actions[leader]
        .then
        .iter()
        .filter(|then| then.action != action && then.action != leader)
        .any(|then| reaches(schema, then.action, action, &mut Vec::new()));
    (direct > 1 || indirect).then(|| {
        let message = format!("`{follows}` follows `{leads}` in two ways");
        Problem::new(message).at(place).help("leave one of them away")
    })
}

/// Whether an action that follows itself leads its row on along a walk, which ends.
fn is_walk(schema: &Schema, leader: usize, action: usize) -> bool {
    let walks = |step: &Step| match step {
        Step::Update { set, .. } => set.iter().any(|(_, set)| *set == Set::Walk),
        _ => false,
    };
    leader == action && schema.actions[action].steps.iter().any(walks)
}

/// Whether one action follows another, or is it.
fn reaches(schema: &Schema, from: usize, to: usize, seen: &mut Vec<usize>) -> bool {
    if from == to {
        return true;
    }
    if seen.contains(&from) {
        return false;
    }
    seen.push(from);
    schema.actions[from].then.iter().any(|then| reaches(schema, then.action, to, seen))
}
