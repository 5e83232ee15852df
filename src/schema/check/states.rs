//! The states in a row's life.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::States;
use crate::schema::check::outline::TableOutline;
use crate::schema::check::table::STATES_MAX;
use crate::schema::check::table::unknown_state;
use crate::schema::file::StateFile;
use crate::yaml::ScalarOr;

/// The states of the first column that has them.
pub(super) fn states(table: &TableOutline<'_>, problems: &mut Problems) -> Option<States> {
    let (column, kind, file) = table.columns.iter().enumerate().find_map(|(index, column)| {
        match &column.file?.fill.value {
            ScalarOr::Other(fill) => Some((index, column.kind, fill.state.as_ref()?)),
            ScalarOr::Scalar(_) => None,
        }
    })?;
    let mut names: Vec<String> = Vec::new();
    for name in std::iter::once(&file.value.initial).chain(&file.value.others) {
        if names.contains(&name.value) {
            let message = format!("the state `{}` is given twice", name.value);
            problems.add(Problem::new(message).at(name.place));
            continue;
        }
        let length = u32::try_from(name.value.chars().count()).unwrap_or(u32::MAX);
        if let Some(limit) = kind.and_then(ColumnType::length_max).filter(|limit| length > *limit) {
            let message = format!("the state `{}` has more than {limit} characters", name.value);
            problems.add(Problem::new(message).at(name.place));
        }
        let labels = kind.and_then(ColumnType::enum_type).map(|of| &of.labels);
        if labels.is_some_and(|labels| !labels.contains(&name.value)) {
            let message = format!("the state `{}` is no label of the column's type", name.value);
            problems.add(Problem::new(message).at(name.place));
        }
        if name.value.is_empty() || name.value.contains('\0') {
            let message = "a state's name is empty or contains a NUL character";
            problems.add(Problem::new(message).at(name.place));
        }
        names.push(name.value.clone());
    }
    if names.len() > STATES_MAX {
        let message = format!("a row's life has at most {STATES_MAX} states, not {}", names.len());
        problems.add(Problem::new(message).at(file.value.initial.place));
    }
    let seeded = seeded(&file.value, &names, problems);
    Some(States { column, names, seeded, walk: None })
}

/// The weights of the states of seeded rows.
fn seeded(file: &StateFile, names: &[String], problems: &mut Problems) -> Vec<f64> {
    let mut weights = vec![0.0; names.len()];
    let Some(seeded) = &file.seeded else {
        weights[0] = 1.0;
        return weights;
    };
    let before = problems.len();
    for (name, weight) in seeded.value.iter() {
        let Some(state) = names.iter().position(|state| *state == name.value) else {
            problems.add(unknown_state(name, names));
            continue;
        };
        if weight.value < 0.0 {
            problems.add(Problem::new("a weight is not negative").at(weight.place));
        }
        weights[state] = weight.value;
    }
    if weights.iter().sum::<f64>() <= 0.0 && problems.len() == before {
        let problem = Problem::new("the weights of seeded rows sum to nothing").at(seeded.place);
        problems.add(problem);
    }
    weights
}
