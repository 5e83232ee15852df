//! How many rows a table has at `scale: 1`.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::check::outline::TableOutline;
use crate::units::parse_count;

/// The `rows` of a table; 0 if it says nothing.
pub(super) fn rows(table: &TableOutline<'_>, problems: &mut Problems) -> u64 {
    let Some(file) = table.file else { return 0 };
    let Some(rows) = &file.rows else { return 0 };
    if file.per.is_some() {
        let message = format!("rows of `{}` come with their owners", table.name.value);
        problems.add(Problem::new(message).at(rows.place));
    }
    parse_count(&rows.value).unwrap_or_else(|message| {
        problems.add(Problem::new(message).at(rows.place));
        0
    })
}
