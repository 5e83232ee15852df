//! What would end an observer as it begins, found out before: nobody waits for seeding in vain.

use crate::action::Catalog;
use crate::observe::Source;
use crate::observe::debezium::source::nobody;
use crate::observe::poll;
use crate::observe::slots;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::slot;
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
        Way::Others => match capture(source, application).await? {
            Capture::Read => Ok(None),
            Capture::Unread(note) => Ok(Some(note)),
            Capture::Nobody(why) => Err(SetupError::Local(why)),
        },
    }
}

/// How a database is captured by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Somebody reads a slot of it.
    Read,
    /// There is a slot, and nobody reads it at this moment; in words.
    Unread(String),
    /// There is none; in words.
    Nobody(String),
}

/// Looks who captures a database whose changes come by others, and changes nothing.
pub(crate) async fn capture(source: &Source, application: &str) -> Result<Capture, SetupError> {
    let client = control(&source.address, application).await?;
    let slots = slot::foreign(&client).await?;
    let is_read = slots.iter().any(|slot| slot.reader.is_some());
    Ok(match slots.as_slice() {
        [] => Capture::Nobody(nobody(source)),
        _ if is_read => Capture::Read,
        slots => Capture::Unread(unread(source, slots)),
    })
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
