//! Reads the lists that a schema's fills take lines from.

use sha2::Digest;
use sha2::Sha256;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Drawn;
use crate::schema::Fill;
use crate::schema::Lines;
use crate::schema::Schema;
use crate::schema::Set;
use crate::schema::Step;
use crate::schema::lines;
use crate::units::format_hex;

/// Reads a file beside the schema: how it is shown, and its text; or why it cannot be read.
pub(crate) type Beside<'a> = &'a dyn Fn(&str) -> Result<(String, String), String>;

/// Reads all lists of a schema, makes them part of its content, and adds their mistakes.
pub(super) fn load(schema: &mut Schema, beside: Beside<'_>, problems: &mut Problems) {
    let mut texts = Vec::new();
    let kinds: Vec<Vec<ColumnType>> = schema
        .tables
        .iter()
        .map(|table| table.columns.iter().map(|column| column.kind).collect())
        .collect();
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    for column in schema.tables.iter_mut().flat_map(|table| &mut table.columns) {
        collect(column.kind, &mut column.fill, &mut wanted);
    }
    for step in schema.actions.iter_mut().flat_map(|action| &mut action.steps) {
        let (Step::Update { table, set, .. } | Step::Upsert { table, set, .. }) = step else {
            continue;
        };
        for (column, change) in set {
            if let Set::Fill(fill) = change {
                collect(kinds[*table][*column], fill, &mut wanted);
            }
        }
    }
    for (meant, lines) in wanted {
        match beside(&lines.file) {
            Ok((shown, text)) => {
                read(meant, lines, (&shown, &text), problems);
                texts.push((lines.file.clone(), text));
            }
            Err(reason) => problems.add(unreadable(&lines.file, &reason, lines.place)),
        }
    }
    texts.sort();
    texts.dedup();
    if !texts.is_empty() {
        let mut hash = Sha256::new();
        hash.update(&schema.content);
        for (name, text) in texts {
            hash.update(format!("{} {name} {} {text}", name.len(), text.len()));
        }
        schema.content = format_hex(&hash.finalize());
    }
}

/// A file beside the schema that cannot be read.
pub(super) fn unreadable(file: &str, reason: &str, place: Place) -> Problem {
    let problem = Problem::new(format!("cannot read `{file}`: {reason}")).at(place);
    problem.help("write its path from the schema's folder")
}

fn read(
    meant: (ColumnType, bool),
    list: &mut Lines,
    (shown, text): (&str, &str),
    problems: &mut Problems,
) {
    let before = problems.len();
    let file = problems.add_file(shown, text);
    list.entries = lines::parse(text, file, meant, problems);
    if list.entries.is_empty() && problems.len() == before {
        let message = format!("`{}` has no lines", list.file);
        problems.add(Problem::new(message).at(list.place));
    }
}

/// A list, the type of the column that it is for, and whether its lines are phrases.
type Wanted<'a> = ((ColumnType, bool), &'a mut Lines);

/// The lists of a fill and of the fills within it.
fn collect<'a>(kind: ColumnType, fill: &'a mut Fill, found: &mut Vec<Wanted<'a>>) {
    let mut rest = vec![(kind, fill)];
    while let Some((kind, fill)) = rest.pop() {
        match fill {
            Fill::Drawn(Drawn::Lines(lines)) => found.push(((kind, false), lines)),
            Fill::Drawn(Drawn::Sentences { from: Some(lines), .. }) => {
                found.push(((kind, true), lines));
            }
            outer => rest.extend(outer.inner_mut(kind)),
        }
    }
}
