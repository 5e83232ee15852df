//! Which of the things that a step or a fill may be it is.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::check::names;
use crate::schema::check::names::Source;
use crate::schema::file::FillFile;
use crate::schema::file::StepFile;
use crate::yaml::Spanned;

/// The one thing that a fill is. Mistakes: nothing, two things at once, or what depends on the old
/// value where there is none.
pub(super) fn fill_shape(
    fill: &FillFile,
    place: Place,
    is_update: bool,
    problems: &mut Problems,
) -> Option<&'static str> {
    let keys = names::given(fill);
    let shape = match keys.as_slice() {
        [] => {
            let problem = Problem::new("this says nothing about the value").at(place);
            let problem = problem.help("write a fill, as `{ uniform: [1, 6] }`");
            problems.add(problem.maybe_help(suggest("", "the fills", &names::fills())));
            return None;
        }
        [shape] => *shape,
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` cannot stand together");
            problems.add(Problem::new(message).at(place).help("keep one of them"));
            return None;
        }
    };
    if names::source(shape) == Some(Source::Old) && !is_update {
        let message = format!("`{shape}` needs an old value, and a new row has none");
        problems.add(Problem::new(message).at(place).help("it belongs into `set`"));
        return None;
    }
    stray(fill.then.as_ref(), "then", "listed", shape, problems);
    stray(fill.pick.as_ref(), "pick", "reference", shape, problems);
    stray(fill.born.as_ref(), "born", "reference", shape, problems);
    stray(fill.unlike.as_ref(), "unlike", "reference", shape, problems);
    stray(fill.of.as_ref(), "of", "reference", shape, problems);
    let word = fill.on_parent_delete.as_ref();
    stray(word, "on_parent_delete", "reference", shape, problems);
    Some(shape)
}

/// A row that another row refers to is not picked.
pub(super) fn refuse_picks(file: &FillFile, problems: &mut Problems) {
    let FillFile { pick, born, unlike, .. } = file;
    let places = [
        pick.as_ref().map(|pick| pick.place),
        born.as_ref().map(|born| born.place),
        unlike.as_ref().map(|unlike| unlike.place),
    ];
    if let (Some(_), Some(place)) = (&file.of, places.into_iter().flatten().next()) {
        let problem = Problem::new("with `of` there is nothing to pick").at(place);
        problems.add(problem.help("it is the row that the other row refers to"));
    }
}

/// Refuses a key that means something only beside another.
fn stray<T>(
    key: Option<&Spanned<T>>,
    name: &str,
    wants: &str,
    shape: &str,
    problems: &mut Problems,
) {
    if let Some(key) = key
        && shape != wants
    {
        let message = format!("`{name}` has no meaning beside `{shape}`");
        let help = format!("it belongs beside `{wants}`");
        problems.add(Problem::new(message).at(key.place).help(help));
    }
}

/// What a step does, and to which table.
#[derive(Clone, Copy)]
pub(super) enum StepShape<'a> {
    Insert(&'a Spanned<String>),
    Update(&'a Spanned<String>),
    Upsert(&'a Spanned<String>),
    Delete(&'a Spanned<String>),
    Emit(&'a Spanned<String>),
}

impl<'a> StepShape<'a> {
    /// The name of the table.
    pub(super) fn table(self) -> &'a Spanned<String> {
        match self {
            Self::Insert(table)
            | Self::Update(table)
            | Self::Upsert(table)
            | Self::Delete(table)
            | Self::Emit(table) => table,
        }
    }

    /// What it does.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Insert(_) => "insert",
            Self::Update(_) => "update",
            Self::Upsert(_) => "upsert",
            Self::Delete(_) => "delete",
            Self::Emit(_) => "emit",
        }
    }
}

impl StepFile {
    /// Where it names its table.
    pub(super) fn place(&self) -> Option<Place> {
        let Self { insert, update, upsert, delete, emit, .. } = self;
        let table = [insert, update, upsert, delete, emit].into_iter().flatten().next();
        table.map(|table| table.place)
    }
}

/// The one thing that a step does. Mistakes: nothing, two things at once, or keys that mean nothing
/// for it.
pub(super) fn step_shape<'a>(
    step: &'a Spanned<StepFile>,
    problems: &mut Problems,
) -> Option<StepShape<'a>> {
    let StepFile { insert, update, upsert, delete, emit, pick, set, existing, otherwise } =
        &step.value;
    let shapes = [
        insert.as_ref().map(StepShape::Insert),
        update.as_ref().map(StepShape::Update),
        upsert.as_ref().map(StepShape::Upsert),
        delete.as_ref().map(StepShape::Delete),
        emit.as_ref().map(StepShape::Emit),
    ];
    let mut shapes = shapes.into_iter().flatten();
    let shape = match (shapes.next(), shapes.next()) {
        (Some(shape), None) => shape,
        (None, _) => {
            let problem = Problem::new("the step does nothing").at(step.place);
            let help = "write `insert`, `update`, `upsert` or `delete` and a table, or `emit` and an event";
            problems.add(problem.help(help));
            return None;
        }
        _ => {
            let problem = Problem::new("the step does two things").at(step.place);
            problems.add(problem.help("make it two steps: they commit together"));
            return None;
        }
    };
    let mut refuse = |place: Option<Place>, key: &str, verb: &str| {
        if let Some(place) = place {
            let message = format!("`{key}` has no meaning beside `{verb}`");
            problems.add(Problem::new(message).at(place));
        }
    };
    let verb = shape.verb();
    if !matches!(shape, StepShape::Upsert(_)) {
        refuse(existing.as_ref().map(|share| share.place), "existing", verb);
    }
    match shape {
        StepShape::Insert(_) | StepShape::Emit(_) => {
            refuse(pick.as_ref().map(|pick| pick.place), "pick", verb);
            refuse(set.as_ref().map(|set| set.place), "set", verb);
            refuse(otherwise.as_ref().map(|word| word.place), "otherwise", verb);
        }
        StepShape::Update(_) => {}
        StepShape::Upsert(_) => {
            refuse(otherwise.as_ref().map(|word| word.place), "otherwise", verb);
        }
        StepShape::Delete(_) => refuse(set.as_ref().map(|set| set.place), "set", verb),
    }
    Some(shape)
}
