//! What would end an observer as it begins, found out before: nobody waits for seeding in vain.

use crate::action::Catalog;
use crate::observe::Source;
use crate::observe::debezium::source::captured;
use crate::observe::poll;
use crate::observe::slots;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::slot::Foreign;

/// How a database comes to be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a slot of our own.
    Slot,
    /// By looking at its tables.
    Tables,
    /// By what others read of it.
    Others,
}

/// Looks whether a database can be observed, and changes nothing. Returns what people should know.
pub(crate) async fn look(
    (catalog, publication): (&Catalog, &str),
    (source, way): (&Source, Way),
    application: &str,
) -> Result<Option<String>, SetupError> {
    match way {
        Way::Slot => {
            slots::check((catalog, publication), source, application).await?;
            Ok(None)
        }
        Way::Tables => {
            poll::reach(catalog, source, application).await?;
            Ok(None)
        }
        Way::Others => {
            let client = control(&source.address, application).await?;
            let slots = captured(&client, source).await?;
            let is_read = slots.iter().any(|slot| slot.reader.is_some());
            Ok((!is_read).then(|| unread(source, &slots)))
        }
    }
}

/// A connector that begins again reads no slot for a moment.
fn unread(source: &Source, slots: &[Foreign]) -> String {
    let (surface, database) = (&source.surface, source.address.database());
    let names: Vec<_> = slots.iter().map(|slot| format!("`{}`", slot.name)).collect();
    format!(
        "nobody reads the changes of the database `{database}` at this moment (its slots: {}): none comes to \
         `{surface}` until a connector does",
        names.join(", ")
    )
}
