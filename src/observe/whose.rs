//! Whose a change is, where transactions tell of themselves by messages in the log.

use std::sync::Arc;

use crate::action::Catalog;
use crate::action::Mark;
use crate::action::TableId;

/// Whose a change is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nobody says so, or nobody has to.
    #[default]
    Untold,
    /// Of one of these actions.
    Of(Arc<[Mark]>),
    /// Nobody's: its transaction had to tell of itself, and did not.
    Nobody,
}

impl Whose {
    /// Of one action.
    pub(super) fn action(mark: Mark) -> Self {
        Self::Of([mark].into())
    }

    /// Whether what came may be what was expected of this.
    pub(super) fn fits(&self, seen: &Self) -> bool {
        match (self, seen) {
            (Self::Untold, _) | (_, Self::Untold) => true,
            (Self::Of(expected), Self::Of(seen)) => expected.iter().all(|it| seen.contains(it)),
            (Self::Nobody, _) | (_, Self::Nobody) => false,
        }
    }

    /// What is to be said of one that came, beside its values.
    pub(super) fn remark(&self, seen: &Self) -> Option<&'static str> {
        match seen {
            Self::Nobody => Some("its transaction has no message of the run"),
            Self::Of(_) if !self.fits(seen) => {
                Some("the message of its transaction is another action's")
            }
            Self::Of(_) | Self::Untold => None,
        }
    }
}

/// Whether the rows of a table are the domains', are told by their keys, and have their changes one after the other.
pub(super) fn has_versions(catalog: &Catalog, table: TableId) -> bool {
    let info = catalog.table(table);
    !catalog.is_own(table) && !info.shared && !info.key.is_empty()
}

/// Whether changes of a table are told by messages. Rows that lanes share, and those that are told by all they have,
/// may be changed in another order than they are acknowledged in: there one change stands for another.
pub(super) fn is_told(catalog: &Catalog, table: TableId) -> bool {
    catalog.has_messages && has_versions(catalog, table)
}
