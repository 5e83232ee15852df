//! Word lists in files beside a schema: a line for each value, and its weight behind a tab, if it
//! has one.

use std::sync::Arc;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::phrase::Fault;
use crate::schema::phrase::Piece;
use crate::schema::phrase::pieces;

/// Most lines of a file.
const LINES_MAX: usize = 200_000;

/// The lines of a file, each with its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// The file, as the schema names it.
    pub file: String,
    /// Where it does so.
    pub place: Place,
    /// In the order of the file.
    pub entries: Arc<[(Box<str>, f64)]>,
}

/// Reads the text of a list for a column; its mistakes go to `problems`, each with its line.
/// `file` is the number that `problems` gave the list; of phrases, parts in braces differ each time.
pub(crate) fn parse(
    text: &str,
    file: u16,
    (kind, is_phrases): (ColumnType, bool),
    problems: &mut Problems,
) -> Arc<[(Box<str>, f64)]> {
    let mut entries: Vec<(Box<str>, f64)> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let whole = line.trim_end_matches(['\n', '\r']);
        let place = |from: usize, to: usize| Place {
            file,
            start: u32::try_from(start + from).unwrap_or(u32::MAX),
            end: u32::try_from(start + to).unwrap_or(u32::MAX),
        };
        let (word, weight) = whole.split_once('\t').unwrap_or((whole, "1"));
        let mistake = if whole.is_empty() {
            None
        } else if entries.len() >= LINES_MAX {
            let message = format!("the file has more than {LINES_MAX} lines");
            problems.add(Problem::new(message).at(place(0, whole.len())));
            break;
        } else {
            let range = 0..whole.len();
            let entry = longest(word, is_phrases).and_then(|length| {
                entry(word, length, weight, kind).map_err(|message| Fault { range, message })
            });
            match entry {
                Ok(weight) => {
                    entries.push((word.into(), weight));
                    None
                }
                Err(fault) => Some(fault),
            }
        };
        if let Some(Fault { range, message }) = mistake {
            problems.add(Problem::new(message).at(place(range.start, range.end)));
        }
        start += line.len();
    }
    entries.into()
}

/// How many characters a line has at most.
fn longest(word: &str, is_phrase: bool) -> Result<usize, Fault> {
    if is_phrase {
        return Ok(pieces(word)?.iter().map(Piece::longest).sum());
    }
    Ok(word.chars().count())
}

/// The weight of a line, or what is wrong with it.
fn entry(word: &str, length: usize, weight: &str, kind: ColumnType) -> Result<f64, String> {
    if word.is_empty() {
        return Err("the line has a weight and no value".to_owned());
    }
    if word.contains('\0') {
        return Err("the line contains a NUL character, which PostgreSQL cannot hold".to_owned());
    }
    if kind.length_max().is_some_and(|limit| length > limit as usize) {
        return Err(format!("the line has {length} characters, more than `{kind}` holds"));
    }
    match weight.trim().parse::<f64>() {
        Ok(weight) if weight > 0.0 && weight.is_finite() => Ok(weight),
        Ok(_) => Err("a weight must be above 0".to_owned()),
        Err(_) => Err(format!("`{}` behind the tab is no weight", weight.trim())),
    }
}
