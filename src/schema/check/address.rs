//! The parts of one address must be of the same countries, or they would not agree.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::Address;
use crate::schema::Drawn;
use crate::schema::Fill;
use crate::schema::Table;
use crate::schema::check::outline::TableOutline;

/// Refuses parts of one address that are drawn from different countries.
pub(super) fn check(table: &TableOutline<'_>, meant: &Table, problems: &mut Problems) {
    let mut seen: Vec<(&Address, &str)> = Vec::new();
    for (column, outline) in meant.columns.iter().zip(&table.columns) {
        let Fill::Drawn(Drawn::Address(address)) = &column.fill else { continue };
        let first = seen.iter().find(|(other, _)| other.name == address.name);
        match first {
            Some((other, name)) if other.countries != address.countries => {
                let message = format!(
                    "`{}` and `{name}` are parts of one address, of different countries",
                    column.name
                );
                let problem = Problem::new(message).at(outline.name.place);
                problems.add(
                    problem
                        .help("write the same `in` at both, or tell two addresses apart by `of`"),
                );
            }
            Some(_) => {}
            None => seen.push((address, &column.name)),
        }
    }
}
