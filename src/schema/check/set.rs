//! What an update makes of a column.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Set;
use crate::schema::States;
use crate::schema::Table;
use crate::schema::TypedFill;
use crate::schema::check::draw;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::drawn;
use crate::schema::check::draw::literal_in;
use crate::schema::check::literal;
use crate::schema::check::names;
use crate::schema::check::names::is_drawn;
use crate::schema::check::shape;
use crate::schema::check::table::unknown_state;
use crate::schema::file::FillFile;
use crate::units::Decimal;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// A column of a table that is updated.
pub(super) struct Setter<'a> {
    pub(super) table: &'a Table,
    pub(super) column: usize,
    /// Where `set` names the column.
    pub(super) name: Place,
}

impl Setter<'_> {
    pub(super) fn set(
        &self,
        written: &Spanned<ScalarOr<FillFile>>,
        problems: &mut Problems,
    ) -> Option<Set> {
        self.refuse_fixed(problems)?;
        let column = &self.table.columns[self.column];
        let (kind, is_nullable) = (column.kind, column.nullable);
        let spot = Spot { kind, is_nullable, place: written.place };
        if column.fill == Fill::State {
            return self.state(written, problems);
        }
        match &written.value {
            ScalarOr::Scalar(scalar) => scalar_set(spot, scalar, problems),
            ScalarOr::Other(file) => {
                let shape = shape::fill_shape(file, written.place, true, problems)?;
                if is_drawn(shape) {
                    return drawn(spot, file, shape, problems).map(Set::Fill);
                }
                match shape {
                    "add" => add(spot, file.add.as_ref()?, problems),
                    "multiply" => multiply(spot, file.multiply.as_ref()?, problems),
                    "append" => append(spot, file.append.as_ref()?, problems),
                    "next" => next(spot, file.next.as_ref()?, problems),
                    _ => {
                        problems.add(not_here(shape, written.place));
                        None
                    }
                }
            }
        }
    }

    /// Columns that say which row it is, and to whom it belongs, stay as they are.
    fn refuse_fixed(&self, problems: &mut Problems) -> Option<()> {
        let column = &self.table.columns[self.column];
        let (name, table) = (&column.name, &self.table.name);
        let (message, help) = if self.table.key.contains(&self.column) {
            (format!("`{name}` is part of the key of `{table}`, and a key does not change"), None)
        } else if matches!(column.fill, Fill::Reference(_)) {
            (format!("`{name}` is a reference, and a row stays with its parent"), None)
        } else if column.fill == Fill::Line {
            (format!("`{name}` numbers the rows of an owner, and stays"), None)
        } else if column.unique {
            let help = "an update may draw a value that another row has";
            (format!("`{name}` is unique, so it cannot be set"), Some(help.to_owned()))
        } else {
            return Some(());
        };
        problems.add(Problem::new(message).at(self.name).maybe_help(help));
        None
    }

    fn state(&self, written: &Spanned<ScalarOr<FillFile>>, problems: &mut Problems) -> Option<Set> {
        let States { names, walk, .. } = self.table.states.as_ref()?;
        if walk.is_some()
            && let ScalarOr::Scalar(Scalar(Kind::Word, word)) = &written.value
            && word == "walk"
        {
            return Some(Set::Walk);
        }
        let ScalarOr::Scalar(Scalar(_, word)) = &written.value else {
            let message = "this column shows the state of the row: write a state";
            let help =
                suggest("", "the states", &names.iter().map(String::as_str).collect::<Vec<_>>());
            problems.add(Problem::new(message).at(written.place).maybe_help(help));
            return None;
        };
        let found = names.iter().position(|name| name == word);
        if found.is_none() {
            let name = Spanned { value: word.clone(), place: written.place };
            problems.add(unknown_state(&name, names));
        }
        found.map(Set::State)
    }
}

/// `set: { updated_at: event_time }`, `set: { flag: toggle }`, `set: { size: 5 }`.
fn scalar_set(spot: Spot, scalar: &Scalar, problems: &mut Problems) -> Option<Set> {
    let word = scalar.1.as_str();
    if scalar.0 == Kind::Word {
        match word {
            "toggle" => {
                let is_boolean = spot.kind == ColumnType::Boolean;
                draw::wants(spot, is_boolean, "`toggle` needs booleans", problems)?;
                return Some(Set::Toggle);
            }
            _ if draw::is_bare(scalar) => {
                return draw::bare(spot, scalar, problems).flatten().map(Set::Fill);
            }
            "random" => return Some(Set::Fill(Fill::Typed(TypedFill::Random))),
            _ if names::is_bare(word) => {
                problems.add(not_here(word, spot.place));
                return None;
            }
            _ => {}
        }
    }
    if draw::is_bare_word(spot, scalar) {
        let problem = Problem::new(format!("`{word}` is nothing that an update can make"));
        let constant = format!("for the text itself write `{{ constant: {word} }}`");
        let near = crate::diagnostic::nearest(word, names::sets());
        let help = near.map(|near| format!("did you mean `{near}`? {constant}"));
        problems.add(problem.at(spot.place).help(constant).maybe_help(help));
        return None;
    }
    draw::constant(spot, scalar, spot.place, problems).map(Set::Fill)
}

fn not_here(shape: &str, place: Place) -> Problem {
    let problem = Problem::new(format!("`{shape}` belongs to new rows; an update cannot use it"));
    let problem = problem.at(place);
    problem.help(
        "an update draws a value anew, or uses `add`, `multiply`, `append`, `next` or `toggle`",
    )
}

fn add(spot: Spot, scalar: &Spanned<Scalar>, problems: &mut Problems) -> Option<Set> {
    draw::wants(spot, spot.kind.is_computed(), "`add` needs exact numbers", problems)?;
    let spot = Spot { is_nullable: false, ..spot };
    literal_in(spot, scalar, problems).map(Set::Add)
}

fn multiply(spot: Spot, scalar: &Spanned<Scalar>, problems: &mut Problems) -> Option<Set> {
    draw::wants(spot, spot.kind.is_computed(), "`multiply` needs exact numbers", problems)?;
    let factor: Option<Decimal> = literal::number(&scalar.value);
    if factor.is_none() {
        let message = format!("`{}` is not a number", scalar.value.1);
        problems.add(Problem::new(message).at(scalar.place));
    }
    factor.map(Set::Multiply)
}

fn append(spot: Spot, text: &Spanned<String>, problems: &mut Problems) -> Option<Set> {
    draw::wants(spot, spot.kind.is_text(), "`append` needs text", problems)?;
    let message = if text.value.is_empty() {
        "this appends nothing"
    } else if text.value.contains('\0') {
        "the text contains a NUL character, which PostgreSQL cannot hold"
    } else {
        return Some(Set::Append(text.value.clone()));
    };
    problems.add(Problem::new(message).at(text.place));
    None
}

fn next(spot: Spot, list: &Spanned<Vec<Spanned<Scalar>>>, problems: &mut Problems) -> Option<Set> {
    let spot = Spot { is_nullable: false, ..spot };
    let mut values: Vec<Literal> = Vec::new();
    let mut is_good = true;
    for scalar in &list.value {
        match literal_in(spot, scalar, problems) {
            Some(value) if values.contains(&value) => {
                let message = format!("`{}` is given twice", scalar.value.1);
                problems.add(Problem::new(message).at(scalar.place));
                is_good = false;
            }
            Some(value) => values.push(value),
            None => is_good = false,
        }
    }
    if list.value.len() < 2 {
        let message = "`next` needs two values at least";
        problems.add(Problem::new(message).at(list.place));
        return None;
    }
    is_good.then_some(Set::Next(values))
}
