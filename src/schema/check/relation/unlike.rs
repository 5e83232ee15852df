//! References that never name the row that another one names.

use crate::diagnostic::Problem;
use crate::schema::Fill;
use crate::schema::Reference;
use crate::schema::check::relation::At;
use crate::schema::check::relation::World;

impl World<'_> {
    /// What is wrong with `unlike`.
    pub(super) fn unlike(&self, at: At, column: usize, reference: &Reference) -> Option<Problem> {
        let table = self.table(at);
        let number = reference.unlike?;
        let other = &table.columns[number];
        let is_owner = table.owner.as_ref().is_some_and(|owner| owner.column == number);
        let message = match &other.fill {
            Fill::Reference(named) if named.of.is_none() && !is_owner => {
                if self.target(named) != self.target(reference) {
                    format!("`{}` refers to another table, so the rows differ anyway", other.name)
                } else if number >= column {
                    format!("`{}` must stand before the column that is unlike it", other.name)
                } else if named.unlike.is_some() {
                    format!("`{}` is itself unlike another column", other.name)
                } else if named.stays != reference.stays {
                    format!("`{}` has another `on_parent_delete`", other.name)
                } else {
                    return None;
                }
            }
            _ => format!("`{}` is no reference that picks a row", other.name),
        };
        Some(Problem::new(message))
    }
}
