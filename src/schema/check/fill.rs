//! How a column of a new row gets its value.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::nearest;
use crate::diagnostic::suggest;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Pick;
use crate::schema::Reference;
use crate::schema::TypedFill;
use crate::schema::check::dependent::Depends;
use crate::schema::check::draw;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::drawn;
use crate::schema::check::draw::wants;
use crate::schema::check::moment;
use crate::schema::check::moment::Moments;
use crate::schema::check::names;
use crate::schema::check::names::is_drawn;
use crate::schema::check::outline::TableOutline;
use crate::schema::check::shape;
use crate::schema::expression;
use crate::schema::expression::Yields;
use crate::schema::file::FillFile;
use crate::schema::file::LookupFile;
use crate::schema::file::OnParentDeleteFile;
use crate::schema::file::PickFile;
use crate::schema::file::SequenceFile;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Mean distance from the newest row where `recent` says none.
const RECENT_MEAN: f64 = 64.0;

/// The exponent of `pick: zipf`, unless set.
const ZIPF_EXPONENT: f64 = 1.1;

/// Shortest text type that holds every address that `email` makes.
const EMAIL_LENGTH: u32 = 32;

/// Characters of what `id` makes.
const ID_LENGTH: u32 = 22;

/// Most characters of a row number in an expression: a `bigint`.
const LISTED_MAX: usize = 10_000;

/// The fill of one column, or its mistakes.
pub(super) struct Filler<'a> {
    pub(super) schema: &'a str,
    pub(super) table: &'a TableOutline<'a>,
    pub(super) spot: Spot,
}

impl Filler<'_> {
    pub(super) fn fill(
        &self,
        written: &Spanned<ScalarOr<FillFile>>,
        problems: &mut Problems,
    ) -> Option<Fill> {
        match &written.value {
            ScalarOr::Scalar(scalar) => self.scalar(scalar, written.place, problems),
            ScalarOr::Other(file) => {
                let shape = shape::fill_shape(file, written.place, false, problems)?;
                self.settings(file, shape, written.place, problems)
            }
        }
    }

    /// `fill: sequence`, `fill: 0`, `fill: "text"`.
    fn scalar(&self, scalar: &Scalar, place: Place, problems: &mut Problems) -> Option<Fill> {
        let Scalar(look, word) = scalar;
        if *look == Kind::Word {
            match word.as_str() {
                "uuid" => return self.uuid(problems),
                "line" => return self.line(problems),
                "random" => return Some(Fill::Typed(TypedFill::Random)),
                "sequence" | "email" => {
                    let file = FillFile {
                        sequence: Some(SequenceFile::default()),
                        email: Some(crate::schema::file::EmailFile::default()),
                        ..FillFile::default()
                    };
                    return self.settings(&file, word, place, problems);
                }
                _ => {}
            }
        }
        if let Some(fill) = draw::bare(self.spot, scalar, problems) {
            return fill;
        }
        if draw::is_bare_word(self.spot, scalar) {
            problems.add(unknown_word(word, place));
            return None;
        }
        draw::constant(self.spot, scalar, place, problems)
    }

    fn settings(
        &self,
        file: &FillFile,
        shape: &str,
        place: Place,
        problems: &mut Problems,
    ) -> Option<Fill> {
        match shape {
            "event_time" if moment::is_meant(file.event_time.as_ref()) => {
                let moments = Moments { table: self.table, spot: self.spot };
                moments.fill(file.event_time.as_ref()?, problems)
            }
            _ if is_drawn(shape) => drawn(self.spot, file, shape, problems),
            "given" | "correlated" | "after" => {
                Depends { table: self.table, spot: self.spot }.fill(file, shape, problems)
            }
            "sequence" => self.sequence(file.sequence.as_ref()?, problems),
            "id" => self.id(problems),
            "email" => self.email(file, problems),
            "listed" => self.listed(file, place, problems),
            "reference" => self.reference(file, problems),
            "lookup" => self.lookup(file.lookup.as_ref()?, problems),
            "derived" => self.derived(file.derived.as_ref()?, problems),
            "state" | "walk" => {
                let is_right =
                    self.spot.kind.is_text() || matches!(self.spot.kind, ColumnType::Enum(_));
                wants(self.spot, is_right, &format!("`{shape}` makes text"), problems)?;
                Some(Fill::State)
            }
            _ => None,
        }
    }

    fn sequence(&self, file: &SequenceFile, problems: &mut Problems) -> Option<Fill> {
        let range = self.spot.kind.integer_range();
        wants(self.spot, range.is_some(), "`sequence` makes whole numbers", problems)?;
        let start = file.start.as_ref().map_or(1, |start| start.value);
        if let (Some(written), Some((_, greatest))) = (&file.start, range)
            && !(0..=greatest).contains(&start)
        {
            let message = format!("a sequence in `{}` starts at 0 to {greatest}", self.spot.kind);
            problems.add(Problem::new(message).at(written.place));
            return None;
        }
        Some(Fill::Sequence { start })
    }

    fn uuid(&self, problems: &mut Problems) -> Option<Fill> {
        wants(self.spot, self.spot.kind == ColumnType::Uuid, "`uuid` makes UUIDs", problems)?;
        Some(Fill::Uuid)
    }

    fn id(&self, problems: &mut Problems) -> Option<Fill> {
        wants(self.spot, self.spot.kind.is_text(), "`id` makes text", problems)?;
        if self.spot.kind.length_max().is_some_and(|length| length < ID_LENGTH) {
            let message = format!("`{}` is too short for what `id` makes", self.spot.kind);
            let problem = Problem::new(message).at(self.spot.place);
            problems.add(problem.help(format!("use `varchar({ID_LENGTH})` or more")));
            return None;
        }
        Some(Fill::Id)
    }

    fn line(&self, problems: &mut Problems) -> Option<Fill> {
        let is_integer = self.spot.kind.integer_range().is_some();
        wants(self.spot, is_integer, "`line` makes whole numbers", problems)?;
        if self.table.file.is_some_and(|file| file.per.is_none()) {
            let message = "`line` numbers the rows of one owner, and this table has none";
            let problem = Problem::new(message).at(self.spot.place);
            problems.add(problem.help("write `per: owner_table` at the table, or use `sequence`"));
            return None;
        }
        Some(Fill::Line)
    }

    fn email(&self, file: &FillFile, problems: &mut Problems) -> Option<Fill> {
        wants(self.spot, self.spot.kind.is_text(), "`email` makes text", problems)?;
        if self.spot.kind.length_max().is_some_and(|length| length < EMAIL_LENGTH) {
            let message = format!("`{}` is too short for addresses that differ", self.spot.kind);
            let problem = Problem::new(message).at(self.spot.place);
            problems.add(problem.help(format!("use `varchar({EMAIL_LENGTH})` or more")));
        }
        let Some(from) = file.email.as_ref().and_then(|email| email.from.as_ref()) else {
            return Some(Fill::Email { from: None });
        };
        let column = self.column(from, problems)?;
        if self.table.columns[column].kind.is_some_and(|kind| !kind.is_text()) {
            let message = format!("`{}` holds no text to make an address from", from.value);
            problems.add(Problem::new(message).at(from.place));
        }
        Some(Fill::Email { from: Some(column) })
    }

    fn listed(&self, file: &FillFile, place: Place, problems: &mut Problems) -> Option<Fill> {
        let listed = file.listed.as_ref()?;
        let mut values = Vec::new();
        for value in &listed.value {
            values.push(draw::literal_in(self.spot, value, problems));
        }
        if values.is_empty() || values.len() > LISTED_MAX {
            let message = format!("`listed` has 1 to {LISTED_MAX} values");
            problems.add(Problem::new(message).at(listed.place));
        }
        let Some(then) = &file.then else {
            let problem = Problem::new("the key `then` is missing").at(place).label("in here");
            problems.add(problem.help("say how the rows beyond the list are filled"));
            return None;
        };
        let then = match &then.value {
            ScalarOr::Scalar(scalar) if draw::is_bare(scalar) => {
                draw::bare(self.spot, scalar, problems).flatten()
            }
            ScalarOr::Scalar(Scalar(Kind::Word, word)) if word == "random" => {
                Some(Fill::Typed(TypedFill::Random))
            }
            ScalarOr::Scalar(Scalar(Kind::Word, word)) if names::is_bare(word) => {
                let message = format!("`{word}` cannot follow a list");
                problems.add(Problem::new(message).at(then.place));
                None
            }
            ScalarOr::Scalar(scalar) if draw::is_bare_word(self.spot, scalar) => {
                problems.add(unknown_word(&scalar.1, then.place));
                None
            }
            ScalarOr::Scalar(scalar) => draw::constant(self.spot, scalar, then.place, problems),
            ScalarOr::Other(inner) => {
                let shape = shape::fill_shape(inner, then.place, false, problems)?;
                if !is_drawn(shape) {
                    let message = format!("`{shape}` cannot follow a list");
                    problems.add(Problem::new(message).at(then.place));
                    return None;
                }
                drawn(self.spot, inner, shape, problems)
            }
        };
        let values: Option<Vec<Literal>> = values.into_iter().collect();
        Some(Fill::Listed { values: values?, then: Box::new(then?) })
    }

    fn reference(&self, file: &FillFile, problems: &mut Problems) -> Option<Fill> {
        let name = file.reference.as_ref()?;
        let pick = file.pick.as_ref().map_or(Some(Pick::Uniform), |pick| {
            if matches!(pick.value, PickFile::State(_) | PickFile::Oldest(Some(_))) {
                let problem = Problem::new("a reference cannot pick by state").at(pick.place);
                problems.add(problem.help("use `uniform`, `recent`, `zipf` or `oldest`"));
                return None;
            }
            row_pick(pick, problems)
        });
        let stays = file.on_parent_delete.as_ref().map(|word| word.value);
        let stays = stays == Some(OnParentDeleteFile::Stay);
        let born = file.born.as_ref().map_or(0.0, |born| born.value);
        if let Some(born) = file.born.as_ref().filter(|born| !(0.0..=1.0).contains(&born.value)) {
            problems.add(Problem::new("a share is between 0 and 1").at(born.place));
        }
        let parts = path(&name.value);
        let (schema, table, column) = match parts.as_slice() {
            [table, column] => (self.schema, table, column),
            [schema, table, column] => (schema.as_str(), table, column),
            _ => {
                let message = format!("`{}` names no column", name.value);
                let problem = Problem::new(message).at(name.place);
                problems.add(problem.help("write `table.column`, or `schema.table.column`"));
                return None;
            }
        };
        let of = file.of.as_ref().map(|of| self.column(of, problems));
        let unlike = file.unlike.as_ref().map(|unlike| self.column(unlike, problems));
        shape::refuse_picks(file, problems);
        Some(Fill::Reference(Reference {
            schema: schema.to_owned(),
            table: table.clone(),
            column: column.clone(),
            pick: pick?,
            born,
            enforced: schema == self.schema && !stays,
            stays,
            of: of.map_or(Some(None), |of| of.map(Some))?,
            unlike: unlike.map_or(Some(None), |unlike| unlike.map(Some))?,
        }))
    }

    fn lookup(&self, file: &LookupFile, problems: &mut Problems) -> Option<Fill> {
        let through = self.column(&file.through, problems)?;
        Some(Fill::Lookup { through, column: file.column.value.clone() })
    }

    fn derived(&self, text: &Spanned<String>, problems: &mut Problems) -> Option<Fill> {
        let columns: Vec<expression::Known<'_>> =
            self.table.columns.iter().map(|c| (c.name.value.as_str(), c.kind)).collect();
        let (expression, yields) = match expression::parse(&text.value, &columns) {
            Ok(parsed) => parsed,
            Err(fault) => {
                let place = problems.within(text.place, &text.value, fault.range);
                let help = fault
                    .unknown
                    .and_then(|word| suggest(&word, "the columns", &self.table.column_names()));
                problems.add(Problem::new(fault.message).at(place).maybe_help(help));
                return None;
            }
        };
        let kind = self.spot.kind;
        let makes = match yields {
            Some(Yields::Number) if !kind.is_number() => "a number".to_owned(),
            Some(Yields::Text) if !kind.is_text() => "text".to_owned(),
            Some(Yields::As(other)) if !holds(kind, other) => format!("`{other}`"),
            _ => return Some(Fill::Derived(expression)),
        };
        let message = format!("this makes {makes}, and the column is `{kind}`");
        problems.add(Problem::new(message).at(text.place));
        None
    }

    fn column(&self, name: &Spanned<String>, problems: &mut Problems) -> Option<usize> {
        let found = self.table.column(&name.value);
        if found.is_none() {
            problems.add(unknown_column(self.table, name));
        }
        found
    }
}

/// `no column …`, with the nearest.
pub(super) fn unknown_column(table: &TableOutline<'_>, name: &Spanned<String>) -> Problem {
    let message = format!("the table `{}` has no column `{}`", table.name.value, name.value);
    let help = suggest(&name.value, "the columns", &table.column_names());
    Problem::new(message).at(name.place).maybe_help(help)
}

/// A pick that is not by state.
pub(super) fn row_pick(pick: &Spanned<PickFile>, problems: &mut Problems) -> Option<Pick> {
    match &pick.value {
        PickFile::Uniform => Some(Pick::Uniform),
        PickFile::Recent(None) => Some(Pick::Recent { mean: RECENT_MEAN }),
        PickFile::Recent(Some(mean)) if (1.0..=1e9).contains(&mean.value) => {
            Some(Pick::Recent { mean: mean.value })
        }
        PickFile::Recent(Some(mean)) => {
            let message = "the mean distance from the newest row is at least 1";
            problems.add(Problem::new(message).at(mean.place));
            None
        }
        PickFile::Zipf(None) => Some(Pick::Zipf { exponent: ZIPF_EXPONENT }),
        PickFile::Zipf(Some(exponent)) if (0.01..=10.0).contains(&exponent.value) => {
            Some(Pick::Zipf { exponent: exponent.value })
        }
        PickFile::Zipf(Some(exponent)) => {
            let problem = Problem::new("the exponent is between 0.01 and 10").at(exponent.place);
            problems.add(problem.help("0.5 is mild, 1.1 is what web traffic shows, 2 is harsh"));
            None
        }
        PickFile::Oldest(None) => Some(Pick::Oldest(Vec::new())),
        PickFile::State(_) | PickFile::Oldest(Some(_)) => None,
    }
}

/// Whether a value of one type can stand in a column of another.
fn holds(kind: ColumnType, other: ColumnType) -> bool {
    kind == other
        || kind.is_text() && other.is_text()
        || kind.is_number() && other.is_exact()
        || kind == ColumnType::Double && other == ColumnType::Real
}

pub(super) fn unknown_word(word: &str, place: Place) -> Problem {
    let names = names::fills();
    let constant = format!("`{{ constant: {word} }}`");
    let help = match nearest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`? for the text itself write {constant}"),
        None => format!("for the text itself write {constant}"),
    };
    Problem::new(format!("there is no fill `{word}`")).at(place).help(help)
}

/// Splits `schema.table.column`. A part in double quotes may have dots, and a quote as two quotes,
/// as in SQL.
pub(super) fn path(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let (Some(character), Some(part)) = (characters.next(), parts.last_mut()) {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            _ => part.push(character),
        }
    }
    if parts.iter().any(String::is_empty) { Vec::new() } else { parts }
}
