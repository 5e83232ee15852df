//! Reads the query that judges a schema's rows.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::Checks;
use crate::schema::check::lines::Beside;
use crate::schema::check::lines::unreadable;
use crate::yaml::Spanned;

/// The checks in this file, if there is one. Whether it is SQL, the server says.
pub(super) fn read(
    file: Option<&Spanned<String>>,
    beside: Beside<'_>,
    problems: &mut Problems,
) -> Option<Checks> {
    let Spanned { value: name, place } = file?;
    let (file, sql) = match beside(name) {
        Ok(found) => found,
        Err(reason) => {
            problems.add(unreadable(name, &reason, *place));
            return None;
        }
    };
    // The query is asked within another one, where no semicolon may end it.
    let is_blank = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with("--");
    let mut lines: Vec<&str> = sql.lines().rev().skip_while(is_blank).collect();
    lines.reverse();
    let sql = lines.join("\n").trim_end().trim_end_matches(';').to_owned();
    if sql.is_empty() {
        problems.add(Problem::new(format!("`{name}` has no query")).at(*place));
    }
    Some(Checks { file, sql })
}
