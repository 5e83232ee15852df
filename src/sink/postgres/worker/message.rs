//! What each transaction says of itself in the log, where it must: see [`message`](crate::action::message). One
//! statement more in the same pipeline, before the others, and no round trip.

use std::sync::Arc;

use crate::action::Action;
use crate::action::message;
use crate::schema::ColumnType;
use crate::sink::postgres::frames;
use crate::sink::postgres::types;
use crate::sink::postgres::worker::PostgresSink;
use crate::sink::postgres::worker::way::Own;

/// Returns no row: the place in the log, which nobody wants to know, is never NULL.
pub(super) const MESSAGE: Own =
    ("message", "SELECT WHERE pg_logical_emit_message(true, 'loadgen', $1) IS NULL");
/// The type of its parameter.
pub(super) fn parameters() -> [u32; 1] {
    [types::oid(ColumnType::Text)]
}

impl PostgresSink {
    /// Writes which actions a transaction is. Returns how many answers come of that.
    pub(super) fn write_messages(&mut self, action: &Action) -> u32 {
        if !self.options.catalog.has_messages {
            return 0;
        }
        let catalog = Arc::clone(&self.options.catalog);
        let Some(open) = &mut self.open else { return 0 };
        let is_pooled = self.options.is_pooled;
        message::write(catalog.run, action.origins(), |text| {
            let (name, sql) = MESSAGE;
            if is_pooled {
                frames::parse(&mut open.outgoing, "", sql, &parameters());
            }
            let name = if is_pooled { "" } else { name };
            frames::execute(&mut open.outgoing, name, 1, |out| {
                out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            });
        })
    }
}
