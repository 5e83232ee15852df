//! Values that did not come: those that may be left out because they have not changed, and those that had to come.

use crate::observe::cells::Cell;
use crate::observe::cells::SHARED;
use crate::observe::cells::pieces;

/// In the place of a length, of what must come: it was set, and nobody can tell to what.
const SET: [u8; 4] = (-3_i32).to_be_bytes();
/// The same of what came: it was left out, as it had not changed.
const UNSENT: [u8; 4] = (-4_i32).to_be_bytes();
/// The same: the column is not there, though other rows have it; where there is no value some leave it out.
const ABSENT: [u8; 4] = (-5_i32).to_be_bytes();
/// What Debezium writes in the place of a value that was left out.
pub(crate) const UNAVAILABLE: &str = "__debezium_unavailable_value";

/// Appends a value that was set, and that nobody can tell.
pub(crate) fn push_set(out: &mut Vec<u8>) {
    out.extend_from_slice(&SET);
}

/// Appends a value that was left out, as one may that has not changed.
pub(crate) fn push_unsent(out: &mut Vec<u8>) {
    out.extend_from_slice(&UNSENT);
}

/// Appends a value whose column is not there, though it is in other rows.
pub(crate) fn push_absent(out: &mut Vec<u8>) {
    out.extend_from_slice(&ABSENT);
}

/// What a change that came has not told of its row: columns, as bits. Those that share one are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// Of these the value was left out, as if it had not changed.
    pub(crate) unsent: u64,
    /// These are not there.
    pub(crate) absent: u64,
}

/// What of a row has not come.
pub(crate) fn owed(row: &[u8]) -> Owed {
    let mut owed = Owed::default();
    for (column, (piece, _)) in (0..SHARED).zip(pieces(row)) {
        owed.unsent |= u64::from(piece == UNSENT) << column;
        owed.absent |= u64::from(piece == ABSENT) << column;
    }
    owed
}

impl Owed {
    /// Whether nothing is missing.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// What of it a change had to tell: it has set all of these columns, and of those that are `told` it is known to what.
    pub(crate) fn of(self, set: u64, told: u64) -> Self {
        Self { unsent: self.unsent & set, absent: self.absent & told }
    }

    /// Whether something of a row that became this had to come, and did not.
    pub(crate) fn is_amiss(self, row: &[u8]) -> bool {
        let is = |bits: u64, column: u32| bits >> column & 1 == 1;
        !self.is_none()
            && (0..SHARED).zip(pieces(row)).any(|(column, (_, cell))| {
                is(self.unsent, column) && !cell.is_some_and(may_be_unsent)
                    || is(self.absent, column) && cell.flatten().is_some()
            })
    }
}

/// Whether a value may be what stands in the place of one that was left out.
fn may_be_unsent(value: Option<&[u8]>) -> bool {
    value.is_some_and(|bytes| bytes.ends_with(UNAVAILABLE.as_bytes()))
}

/// Whether the cell of a row may be what came as this one, if of that nothing is known.
pub(super) fn may_be((known, value): (&[u8], Cell<'_>), open: &[u8]) -> bool {
    if open == UNSENT {
        return value.map_or(known != SET, may_be_unsent);
    }
    open != ABSENT || value.flatten().is_none()
}

/// What is said of a value that did not come.
pub(super) fn shown(piece: &[u8]) -> Option<&'static str> {
    match piece {
        _ if piece == UNSENT => Some("(not sent)"),
        _ if piece == ABSENT => Some("(not there)"),
        _ => None,
    }
}
