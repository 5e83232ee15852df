//! UNIQUE columns: it must hold by the way they are filled.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Drawn;
use crate::schema::Fill;
use crate::schema::Invented;
use crate::schema::Table;
use crate::schema::check::outline::TableOutline;
use crate::schema::expression;

/// Shortest text type that holds some of the text and a row's number behind it.
const LENGTH_MIN: u32 = 24;

/// Makes the fills of unique columns yield no value twice, and refuses those that cannot.
pub(super) fn check(table: &TableOutline<'_>, meant: &mut Table, problems: &mut Problems) {
    let is_owned = table.file.is_some_and(|file| file.per.is_some());
    for (at, outline) in table.columns.iter().enumerate() {
        let column = &meant.columns[at];
        let (kind, is_unique) = (column.kind, column.unique);
        let numbered = match &column.fill {
            Fill::Sequence { .. } => Some("sequence"),
            Fill::Uuid => Some("uuid"),
            Fill::Id => Some("id"),
            Fill::Email { .. } => Some("email"),
            fill if is_unique && can_differ(fill, kind) => Some("unique"),
            _ => None,
        };
        if let Some(word) = numbered
            && is_owned
        {
            let message =
                format!("`{word}` numbers the rows of a table, and owned rows have no number");
            let problem = Problem::new(message).at(outline.name.place);
            problems.add(problem.help("number them with `line`"));
            continue;
        }
        if !is_unique {
            continue;
        }
        match numbered {
            Some("unique") => {
                wants_room(kind, &column.fill, outline.name.place, problems);
                let column = &mut meant.columns[at];
                let fill = std::mem::replace(&mut column.fill, Fill::Uuid);
                column.fill = Fill::Unique(Box::new(fill));
            }
            Some(_) => {}
            None if differs_by_source(&column.fill, meant) => {}
            None => {
                let message = format!("`{}` is unique, but its values may repeat", column.name);
                let problem = Problem::new(message).at(outline.name.place);
                problems.add(problem.help(help(&column.fill)));
            }
        }
    }
}

/// What to do about a fill that may repeat.
fn help(fill: &Fill) -> &'static str {
    match fill {
        Fill::Drawn(Drawn::Pattern(_)) => {
            "give each piece of the pattern one length: `{4}` instead of `{1,4}` or `?`"
        }
        Fill::Drawn(Drawn::Number(_) | Drawn::Zipf { .. }) | Fill::Lognormal { .. } => {
            "fill it with `sequence`, or with `uniform`, which can be shuffled instead of drawn"
        }
        _ => "fill it with `sequence`, `uuid`, `id` or `email`",
    }
}

/// Whether the n-th row can get the n-th value of a shuffled list, or its number behind a text.
fn can_differ(fill: &Fill, kind: ColumnType) -> bool {
    match fill {
        Fill::Uniform { .. } => kind.is_exact(),
        Fill::Words { .. } | Fill::Name(_) => true,
        Fill::Drawn(drawn) => match drawn {
            Drawn::Sentences { .. } | Drawn::Lines(_) | Drawn::Between { .. } => true,
            Drawn::Pattern(pattern) => pattern.is_plain(),
            Drawn::Invented(invented) => *invented != Invented::UserAgent,
            _ => false,
        },
        _ => false,
    }
}

/// Whether the number stands behind the text, so that it must not be cut off.
fn is_numbered_text(fill: &Fill) -> bool {
    match fill {
        Fill::Words { .. } | Fill::Name(_) | Fill::Drawn(Drawn::Sentences { .. }) => true,
        Fill::Drawn(Drawn::Invented(invented)) => {
            !matches!(invented, Invented::Phone(_) | Invented::Ip(_) | Invented::Color)
        }
        _ => false,
    }
}

fn wants_room(
    kind: ColumnType,
    fill: &Fill,
    place: crate::diagnostic::Place,
    problems: &mut Problems,
) {
    if is_numbered_text(fill) && kind.length_max().is_some_and(|length| length < LENGTH_MIN) {
        let message = format!("`{kind}` is too short for texts that differ");
        let help = format!("use `varchar({LENGTH_MIN})` or more");
        problems.add(Problem::new(message).at(place).help(help));
    }
}

/// A computed column differs where one of those that it is made from does.
fn differs_by_source(fill: &Fill, table: &Table) -> bool {
    let Fill::Derived(expression) = fill else { return false };
    expression::columns(expression).iter().any(|&source| {
        let column = &table.columns[source];
        match &column.fill {
            Fill::Sequence { .. }
            | Fill::Uuid
            | Fill::Id
            | Fill::Email { .. }
            | Fill::Unique(_) => true,
            fill => column.unique && can_differ(fill, column.kind),
        }
    })
}
