//! Keys that look random, and are made from a row's number.

use crate::action::TableId;
use crate::generate::key::key_of;
use crate::generate::world::World;

/// The digits of base64url (RFC 4648).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl World {
    /// 22 characters that hold the shuffled row number and its hash.
    pub(super) fn id(&self, table: TableId, ordinal: u64, out: &mut Vec<u8>) {
        let high = self.table(table).shuffle.forward(self.number(table, ordinal));
        let low = key_of(self.table(table).proof, high);
        let bytes = u128::from(high) << 64 | u128::from(low);
        out.extend((0..22).map(|digit| {
            // Six bits each, from the front; the last digit has two of them.
            let bits = if digit < 21 { bytes >> (122 - 6 * digit) } else { bytes << 4 };
            DIGITS[usize::try_from(bits & 63).unwrap_or(0)]
        }));
    }

    /// A UUID (version 4 by its bits) of 60 + 4 bits of the shuffled row number and 58 bits of its
    /// hash: unique, and [`World::uuid_ordinal`] reads the number back.
    #[inline]
    pub(super) fn uuid(&self, table: TableId, ordinal: u64) -> [u8; 16] {
        let high = self.table(table).shuffle.forward(self.number(table, ordinal));
        let displaced = high >> 12 & 0xf;
        let low = self.uuid_check(table, high) & !0xf & !(3 << 62) | displaced | 2 << 62;
        let high = high & !0xf000 | 0x4000;
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn uuid_check(&self, table: TableId, high: u64) -> u64 {
        key_of(self.table(table).proof, high)
    }

    /// The row number that a UUID of a table stands for; `None` if it is not one of ours.
    pub fn uuid_ordinal(&self, table: TableId, uuid: [u8; 16]) -> Option<u64> {
        let [high, low] = [0, 8].map(|at| {
            let mut half = [0; 8];
            half.copy_from_slice(&uuid[at..at + 8]);
            u64::from_be_bytes(half)
        });
        let shuffled = high & !0xf000 | (low & 0xf) << 12;
        let number = self.table(table).shuffle.backward(shuffled);
        let ordinal = number.checked_sub(self.table(table).taken)?;
        (self.uuid(table, ordinal) == uuid).then_some(ordinal)
    }
}
