//! JSON made of fills: the type of each value follows from its fill, unless it is written.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::check::names;
use crate::schema::check::typed::elements;
use crate::schema::check::typed::part;
use crate::schema::file::ArrayFile;
use crate::schema::file::FillFile;
use crate::schema::file::JsonFile;
use crate::schema::typed::JsonFill;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// The types that a value inside JSON may be of, in the order in which they are tried.
const KINDS: [ColumnType; 6] = [
    ColumnType::Bigint,
    ColumnType::Numeric { precision: 18, scale: 2, is_bare: false },
    ColumnType::Numeric { precision: 18, scale: 9, is_bare: false },
    ColumnType::Boolean,
    ColumnType::Timestamptz,
    ColumnType::Text,
];

/// `json: { name: FILL, … }`
pub(super) fn object(file: &Spanned<JsonFile>, problems: &mut Problems) -> Option<JsonFill> {
    let mut members: Vec<(String, JsonFill)> = Vec::new();
    let mut is_good = true;
    for (name, written) in &file.value.0 {
        if members.iter().any(|(other, _)| *other == name.value) {
            let message = format!("`{}` is given twice", name.value);
            problems.add(Problem::new(message).at(name.place));
        }
        match written.as_ref().and_then(|written| value(written, problems)) {
            Some(member) => members.push((name.value.clone(), member)),
            None => is_good = false,
        }
    }
    is_good.then_some(JsonFill::Object(members))
}

/// `array: { of: FILL, count: 3 }`
pub(super) fn array(file: &ArrayFile, problems: &mut Problems) -> Option<JsonFill> {
    let of = value(&file.of, problems);
    let (min, max, null_rate) = elements(file, problems)?;
    Some(JsonFill::Array { of: Box::new(of?), min, max, null_rate })
}

fn value(written: &Spanned<ScalarOr<FillFile>>, problems: &mut Problems) -> Option<JsonFill> {
    let file = match &written.value {
        ScalarOr::Scalar(scalar) if scalar.0 == Kind::Null => {
            let fill = Box::new(Fill::Constant(Literal::Null));
            return Some(JsonFill::Value { kind: ColumnType::Text, fill });
        }
        // What is no fill is the text itself.
        ScalarOr::Scalar(Scalar(Kind::Word, word)) if !names::is_bare(word) => {
            let fill = Box::new(Fill::Constant(Literal::Text(word.clone())));
            return Some(JsonFill::Value { kind: ColumnType::Text, fill });
        }
        ScalarOr::Scalar(_) => None,
        ScalarOr::Other(file) => Some(file),
    };
    if let Some(json) = file.and_then(|file| file.json.as_ref()) {
        return object(json, problems);
    }
    if let Some(array) = file.and_then(|file| file.array.as_ref()) {
        return self::array(&array.value, problems);
    }
    if let Some(kind) = file.and_then(|file| file.kind.as_ref()) {
        let kind = match ColumnType::parse(&kind.value, &[]) {
            Ok(kind) => kind,
            Err((message, help)) => {
                problems.add(Problem::new(message).at(kind.place).maybe_help(help));
                return None;
            }
        };
        return part(kind, written, problems)
            .map(|fill| JsonFill::Value { kind, fill: fill.into() });
    }
    // Whatever has no mistake with a type is meant to be of that type.
    let found = KINDS.iter().find_map(|kind| {
        let mut tried = Problems::default();
        let drawn = part(*kind, written, &mut tried)?;
        tried.is_empty().then(|| JsonFill::Value { kind: *kind, fill: drawn.into() })
    });
    found.or_else(|| {
        part(ColumnType::Text, written, problems);
        None
    })
}
