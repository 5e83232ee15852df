//! Rows in one number: so that tables are compared without holding them.

use crate::ledger::hash::hash;

pub(super) use crate::ledger::hash::Identity;
pub(super) use crate::ledger::hash::identity;

/// So many parts a table is compared in: only those that differ are looked at row by row.
const PARTS: usize = 1 << 12;
/// All rows of a table: for each part of them how many there are, and the sum of their hashes, which does
/// not depend on their order.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    parts: Vec<(u64, u128)>,
}

impl Default for Digest {
    fn default() -> Self {
        Self { parts: vec![(0, 0); PARTS] }
    }
}

impl Digest {
    /// Which part a row is in.
    pub(super) fn part(identity: Identity) -> usize {
        usize::try_from(identity % PARTS as u128).unwrap_or(0)
    }

    /// Adds a row.
    pub(super) fn add(&mut self, identity: Identity, row: &[u8]) {
        let (count, sum) = &mut self.parts[Self::part(identity)];
        *count += 1;
        *sum = sum.wrapping_add(identity ^ hash(0, row).rotate_left(1));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.parts.iter_mut().zip(&other.parts) {
            ours.0 += theirs.0;
            ours.1 = ours.1.wrapping_add(theirs.1);
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.parts.iter().map(|(count, _)| count).sum()
    }

    /// The parts that differ, and how many rows they have here.
    pub(super) fn unlike<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (usize, u64)> + 'a {
        let pairs = self.parts.iter().zip(&other.parts).enumerate();
        pairs.filter(|(_, (one, other))| one != other).map(|(part, (one, _))| (part, one.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::TableId;

    #[test]
    fn each_difference_is_in_the_part_of_its_row() {
        let rows: Vec<_> =
            (0..10_000_u32).map(|row| (identity(TableId(3), &row.to_le_bytes()), row)).collect();
        let of = |rows: &[(Identity, u32)]| {
            let mut digest = Digest::default();
            for (identity, row) in rows {
                digest.add(*identity, &row.to_be_bytes());
            }
            digest
        };
        let whole = of(&rows);
        let mut other = rows.clone();
        other.reverse();
        assert_eq!(whole.unlike(&of(&other)).count(), 0, "the order does not matter");
        other[17].1 += 1;
        let part = Digest::part(other[17].0);
        assert_eq!(whole.unlike(&of(&other)).map(|it| it.0).collect::<Vec<_>>(), [part]);
        other.swap_remove(17);
        assert_eq!(whole.unlike(&of(&other)).map(|it| it.0).collect::<Vec<_>>(), [part]);
        // Two values that change places are no other sum of values, but another of rows.
        let mut swapped = rows.clone();
        (swapped[5].1, swapped[6].1) = (rows[6].1, rows[5].1);
        assert!(whole.unlike(&of(&swapped)).count() > 0);
        assert_ne!(identity(TableId(1), b"a"), identity(TableId(2), b"a"));
        assert_ne!(hash(0, b"a"), hash(0, b"a\0"));
    }
}
