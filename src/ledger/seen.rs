//! What is noted of one change that was observed: 48 bytes.
//!
//! ```text
//!   table 2 | what 1 | flags, surface × 4 1 | transaction 4 | which row 8 | what it holds 8 | what of it is open 8
//!   place in the log 8 | when it came, ns on the run's clock 8
//! ```

/// Bytes of a record.
pub const SEEN: usize = 48;

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A new row.
    Insert,
    /// A row with other values.
    Update,
    /// A row went.
    Delete,
    /// All rows of a table went.
    Truncate,
    /// Nothing more comes: the surface was read to its end.
    End,
    /// What had come from this place in the log, of this row and with these values, is not there any more.
    Gone,
    /// A row of a snapshot: no change.
    Snapshot,
    /// A change of this row did not come, and may be held back by a sink.
    Held,
    /// Of the change that is noted next, of this row, some columns were left out as if they had not changed: those in
    /// `open`; and those in `content` were not there.
    Owed,
    /// Of a column, which is in `row`, so many values could not be compared: `content`.
    Uncompared,
}

const ALL: [What; 10] = [
    What::Insert,
    What::Update,
    What::Delete,
    What::Truncate,
    What::End,
    What::Gone,
    What::Snapshot,
    What::Held,
    What::Owed,
    What::Uncompared,
];
const IS_AGAIN: u8 = 1;
const IS_REPLAY: u8 = 2;
/// The surface's number stands above these flags, and below the last.
const SURFACE_SHIFT: u8 = 2;
const IS_LOOSE: u8 = 0x80;

/// A change that was observed.
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of the record")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The number of the surface where it came, 0 to 31.
    pub surface: u8,
    /// Its table's number.
    pub table: u16,
    /// What it is.
    pub what: What,
    /// Whether its transaction had come before.
    pub is_again: bool,
    /// Whether it came again because the connection was made again.
    pub is_replay: bool,
    /// Whether its transaction had to tell of itself by a message, and did not; then neither of the others is said.
    pub is_nameless: bool,
    /// Whether nobody can tell what of its row came before it.
    pub is_loose: bool,
    /// The number of its transaction, which comes around again.
    pub transaction: u32,
    /// Which row it is of: a hash of its table and key.
    pub row: u64,
    /// What the row holds: the sum of the hashes of its columns.
    pub content: u64,
    /// The columns that are not in the sum, as bits: those that did not come, or are not compared.
    pub open: u64,
    /// Where its transaction ends in the log.
    pub lsn: u64,
    /// When it came.
    pub at: u64,
}

impl Seen {
    /// As it is written.
    pub fn bytes(&self) -> [u8; SEEN] {
        let mut bytes = [0; SEEN];
        bytes[..2].copy_from_slice(&self.table.to_le_bytes());
        let what = ALL.iter().position(|what| *what == self.what).unwrap_or(0);
        bytes[2] = u8::try_from(what).unwrap_or(0);
        bytes[3] = match (self.is_again, self.is_replay) {
            (true, true) => IS_AGAIN | IS_REPLAY,
            (true, false) => IS_AGAIN,
            // What comes after a restart comes again, so this alone is free.
            _ if self.is_nameless => IS_REPLAY,
            _ => 0,
        };
        bytes[3] |= (self.surface << SURFACE_SHIFT) & !IS_LOOSE;
        bytes[3] |= if self.is_loose { IS_LOOSE } else { 0 };
        bytes[4..8].copy_from_slice(&self.transaction.to_le_bytes());
        let longs = [self.row, self.content, self.open, self.lsn, self.at];
        for (place, long) in bytes[8..].chunks_exact_mut(8).zip(longs) {
            place.copy_from_slice(&long.to_le_bytes());
        }
        bytes
    }

    /// Reads one; `None` if it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SEEN] = bytes.try_into().ok()?;
        let mut longs = [0; 5];
        for (long, place) in longs.iter_mut().zip(bytes[8..].chunks_exact(8)) {
            *long = u64::from_le_bytes(place.try_into().ok()?);
        }
        let [row, content, open, lsn, at] = longs;
        let flags = bytes[3] & (IS_AGAIN | IS_REPLAY);
        Some(Self {
            surface: (bytes[3] & !IS_LOOSE) >> SURFACE_SHIFT,
            table: u16::from_le_bytes([bytes[0], bytes[1]]),
            what: *ALL.get(usize::from(bytes[2]))?,
            is_again: bytes[3] & IS_AGAIN != 0,
            is_replay: flags == IS_AGAIN | IS_REPLAY,
            is_nameless: flags == IS_REPLAY,
            is_loose: bytes[3] & IS_LOOSE != 0,
            transaction: u32::from_le_bytes(bytes[4..8].try_into().ok()?),
            row,
            content,
            open,
            lsn,
            at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (number, what) in ALL.into_iter().enumerate() {
            let seen = Seen {
                surface: 3 * u8::try_from(number).unwrap(),
                table: 700,
                what,
                is_again: number % 2 == 0,
                is_replay: number % 4 == 0,
                is_nameless: number % 3 == 1 && number % 2 == 1,
                is_loose: number % 3 == 0,
                transaction: u32::MAX,
                row: 1,
                content: u64::MAX,
                open: 6,
                lsn: 7,
                at: 8,
            };
            assert_eq!(Seen::read(&seen.bytes()), Some(seen));
        }
        assert_eq!(Seen::read(&[99; SEEN]), None);
    }
}
