//! Which tables a database keeps.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ReplicaIdentity;
use crate::schema::Table;
use crate::schema::check::outline::Outline;
use crate::schema::check::outline::TableOutline;
use crate::schema::file::TableFile;

/// Whether a database keeps the rows of a table, where the domain has one. What is asked of a database
/// has no meaning for a table that none keeps.
pub(super) fn is_stored(
    outline: &Outline<'_>,
    table: &TableOutline<'_>,
    meant: &Table,
    problems: &mut Problems,
) -> bool {
    let Some(file) = table.file else { return true };
    if meant.event.is_some() {
        return false;
    }
    if let Some(per) = &file.per {
        let owner = outline.table(&per.value).and_then(|owner| outline.tables[owner].file);
        if let Some(owner) = owner.filter(|owner| is_kept(owner) != is_kept(file)) {
            let (child, name) = (&table.name.value, &per.value);
            let which = if is_kept(owner) { "stored" } else { "not stored" };
            let message =
                format!("the rows of `{child}` belong to those of `{name}`, which are {which}");
            let place = file.stored.as_ref().map_or(per.place, |word| word.place);
            let help = if is_kept(owner) { "leave `stored` out" } else { "write `stored: false`" };
            problems.add(Problem::new(message).at(place).help(help));
        }
    }
    let Some(word) = file.stored.as_ref().filter(|word| !word.value) else { return true };
    let column =
        table.columns.iter().find(|column| column.file.is_some_and(|it| it.check.is_some()));
    let asked = if file.shared {
        Some((
            "shared",
            word.place,
            "rows that all lanes change are judged by what a database holds",
        ))
    } else if meant.replica_identity != ReplicaIdentity::Default {
        Some(("replica_identity", word.place, "no log tells of its rows"))
    } else {
        column.map(|column| ("check", column.name.place, "its fill decides what it holds"))
    };
    if let Some((asked, place, help)) = asked {
        let name = &table.name.value;
        let message = format!("`{asked}` has no meaning for `{name}`, which no database keeps");
        problems.add(Problem::new(message).at(place).help(help));
    }
    false
}

fn is_kept(file: &TableFile) -> bool {
    file.stored.as_ref().is_none_or(|word| word.value)
}
