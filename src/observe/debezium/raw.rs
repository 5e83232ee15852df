//! One record of Debezium as it comes from a partition.

/// In the headers of what a changed key becomes: where the row went, and where it came from.
const NEW_KEY: &str = "__debezium.newkey";
const OLD_KEY: &str = "__debezium.oldkey";

/// What came from a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::observe) struct Raw<'a> {
    pub(in crate::observe) value: Option<&'a [u8]>,
    pub(in crate::observe) key: Option<&'a [u8]>,
    /// The key that the row has had, if that is told.
    pub(in crate::observe) old_key: Option<&'a [u8]>,
    /// Whether the row goes on under another key.
    pub(in crate::observe) has_new_key: bool,
}

/// The headers that are looked at.
pub(in crate::observe) fn is_key_header(name: &str) -> Option<bool> {
    match name {
        NEW_KEY => Some(true),
        OLD_KEY => Some(false),
        _ => None,
    }
}
