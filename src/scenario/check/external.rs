//! Domains whose rows are kept elsewhere.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::check::domain::ROWS_MAX;
use crate::scenario::check::domain::scaled;
use crate::scenario::file::DomainFile;
use crate::scenario::file::ExternalFile;
use crate::schema::Schema;
use crate::units::parse_count;
use crate::yaml::Spanned;

/// Refuses words that only a domain has that is made here.
pub(super) fn alone(domain: &DomainFile, problems: &mut Problems) {
    let on = domain.on.as_ref().map(|word| ("on", word.place));
    let events = domain.events.as_ref().map(|word| ("events", word.place));
    let faults = domain.faults.as_ref().map(|word| ("faults", word.place));
    let database = domain.database.as_ref().map(|word| ("database", word.place));
    let namespace = domain.namespace.as_ref().map(|word| ("namespace", word.place));
    let scale = domain.scale.as_ref().map(|word| ("scale", word.place));
    let rows = domain.rows.names().next().map(|word| ("rows", word.place));
    let copies = domain.copies.as_ref().map(|word| ("copies", word.place));
    let roles = &domain.roles;
    let roles = [&roles.owner, &roles.application, &roles.capture].into_iter().flatten().next();
    let roles = roles.map(|word| ("roles", word.place));
    let words = [on, events, faults, database, namespace, scale, rows, copies, roles];
    for (word, place) in words.into_iter().flatten() {
        let message = format!("`{word}` has no meaning here: an external domain is not made");
        problems.add(Problem::new(message).at(place).help("leave it out, or leave `external` out"));
    }
}

/// How many rows are elsewhere, for each table of the schema.
pub(super) fn rows(
    external: &Spanned<ExternalFile>,
    schema: &Schema,
    problems: &mut Problems,
) -> Vec<u64> {
    let none = vec![0; schema.tables.len()];
    match (&external.value.rows, &external.value.scale) {
        (Some(rows), None) => {
            let count = match parse_count(&rows.value) {
                Ok(count) if count <= ROWS_MAX => count,
                Ok(_) => {
                    let message = format!("a table has at most {ROWS_MAX} rows");
                    problems.add(Problem::new(message).at(rows.place));
                    return none;
                }
                Err(message) => {
                    problems.add(Problem::new(message).at(rows.place));
                    return none;
                }
            };
            // Rows of owned tables come with their owners'.
            let of = |owned: bool| if owned { 0 } else { count };
            schema.tables.iter().map(|table| of(table.owner.is_some())).collect()
        }
        (None, Some(scale)) => scaled(schema, Some(scale), problems),
        _ => {
            let message = "an external domain says how many rows there are: `rows`, or `scale`";
            let help = "write `external: { rows: 1k }`";
            problems.add(Problem::new(message).at(external.place).help(help));
            none
        }
    }
}
