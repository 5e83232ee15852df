//! What is noted of one transaction: 24 bytes.
//!
//! ```text
//!   lane 20 bits, part 7, measured 1, fate 4 | decision in the lane 32 | transaction 32
//!   settled, ns behind the block's base 32   | from sent to settled 32 | from due to sent 32
//! ```

/// Bytes of a record.
pub const RECORD: usize = 24;

const LANE_BITS: u32 = 20;
const PART_BITS: u32 = 7;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was committed.
    Committed,
    /// It was committed; records of [`Fate::Shortfall`] follow, for each statement that changed another
    /// number of rows.
    Short,
    /// Of the record before it: the statement's number (in `number`) and how many rows it changed
    /// (in `transaction`).
    Shortfall,
    /// Nobody can tell.
    Unknown,
    /// A crash took it back after it had been acknowledged.
    TakenBack,
    /// It did not take effect: it was refused, withheld, too late, or the run ended before it was sent.
    Nothing,
}

const FATES: [Fate; 6] =
    [Fate::Committed, Fate::Short, Fate::Shortfall, Fate::Unknown, Fate::TakenBack, Fate::Nothing];

impl Fate {
    fn code(self) -> u32 {
        match self {
            Self::Committed => 1,
            Self::Short => 2,
            Self::Shortfall => 3,
            Self::Unknown => 4,
            Self::TakenBack => 5,
            Self::Nothing => 6,
        }
    }
}

/// What is noted of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The number of its lane, over all groups of streams.
    pub lane: u32,
    /// Which of the lane's decisions it is, from 0 on.
    pub number: u32,
    /// Which part of an action that goes to several databases.
    pub part: u8,
    /// Whether its warm-up was over.
    pub is_measured: bool,
    /// What became of it.
    pub fate: Fate,
    /// The lower half of the transaction's number; 0 where it was not asked for.
    pub transaction: u32,
    /// When its outcome was known, in nanoseconds on the run's clock.
    pub settled: u64,
    /// From its last attempt until then, in nanoseconds.
    pub service: u64,
    /// From when it was due until that attempt, in nanoseconds.
    pub wait: u64,
}

impl Record {
    /// As it is written, in a block whose times begin at `base`; `None` if it does not fit there.
    pub fn bytes(&self, base: u64) -> Option<[u8; RECORD]> {
        let settled = u32::try_from(self.settled.saturating_sub(base)).ok()?;
        let first = self.lane & ((1 << LANE_BITS) - 1)
            | (u32::from(self.part) & ((1 << PART_BITS) - 1)) << LANE_BITS
            | u32::from(self.is_measured) << (LANE_BITS + PART_BITS)
            | self.fate.code() << 28;
        let words = [
            first,
            self.number,
            self.transaction,
            settled,
            shortened(self.service),
            shortened(self.wait),
        ];
        let mut bytes = [0; RECORD];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Some(bytes)
    }

    /// Reads one; `None` if it is none.
    pub fn read(bytes: &[u8], base: u64) -> Option<Self> {
        let bytes: &[u8; RECORD] = bytes.try_into().ok()?;
        let mut words = [0; RECORD / 4];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_le_bytes([place[0], place[1], place[2], place[3]]);
        }
        let first = words[0];
        Some(Self {
            lane: first & ((1 << LANE_BITS) - 1),
            number: words[1],
            part: u8::try_from(first >> LANE_BITS & ((1 << PART_BITS) - 1)).unwrap_or(u8::MAX),
            is_measured: first >> (LANE_BITS + PART_BITS) & 1 == 1,
            fate: FATES.into_iter().find(|fate| fate.code() == first >> 28)?,
            transaction: words[2],
            settled: base + u64::from(words[3]),
            service: lengthened(words[4]),
            wait: lengthened(words[5]),
        })
    }
}

/// A time in 32 bits: exact below two seconds, else to a microsecond, at most 36 minutes.
fn shortened(nanoseconds: u64) -> u32 {
    match u32::try_from(nanoseconds) {
        Ok(exact) if exact >> 31 == 0 => exact,
        _ => 1 << 31 | u32::try_from(nanoseconds >> 10).unwrap_or(u32::MAX).min((1 << 31) - 1),
    }
}

fn lengthened(short: u32) -> u64 {
    if short >> 31 == 0 { u64::from(short) } else { u64::from(short & !(1 << 31)) << 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (number, fate) in FATES.into_iter().enumerate() {
            let record = Record {
                lane: 4_095,
                number: u32::MAX,
                part: 3,
                is_measured: number % 2 == 0,
                fate,
                transaction: 7_777,
                settled: 5_000_000_123,
                service: 1_999_999_999,
                wait: 60_000_000_000 >> 10 << 10,
            };
            let bytes = record.bytes(5_000_000_000).unwrap();
            assert_eq!(Record::read(&bytes, 5_000_000_000), Some(record));
            assert_eq!(record.bytes(0), None, "more than four seconds behind the base");
        }
        assert_eq!(Record::read(&[0; RECORD], 0), None);
    }

    #[test]
    fn long_times_lose_a_microsecond_at_most_and_no_more_than_36_minutes_are_kept() {
        for nanoseconds in [0, 1, (1 << 31) - 1, 1 << 31, 5_000_000_001, 2_000_000_000_000] {
            let kept = lengthened(shortened(nanoseconds));
            assert!(kept <= nanoseconds && nanoseconds - kept < 1_024, "{nanoseconds}: {kept}");
        }
        assert_eq!(lengthened(shortened(u64::MAX)), ((1 << 31) - 1) << 10);
    }
}
