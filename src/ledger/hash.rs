//! Rows as numbers: which row it is, and what it holds.

use crate::action::TableId;
use crate::pace::mix64;

const SEEDS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];

/// What tells a row from all others of a run: its table and its key.
pub(crate) type Identity = u128;

/// 128 bits of some bytes.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u128 {
    let [mut one, mut other] = SEEDS.map(|each| mix64(each ^ seed));
    let mut words = bytes.chunks_exact(8);
    let mut take = |word: u64| {
        one = mix64(one ^ word);
        other = mix64(other.rotate_left(23) ^ word);
    };
    for word in &mut words {
        take(word.try_into().map_or(0, u64::from_le_bytes));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    take(u64::from_le_bytes(last));
    take(bytes.len() as u64);
    u128::from(one) << 64 | u128::from(other)
}

/// Which row it is, by its table and the bytes of its key.
pub(crate) fn identity(table: TableId, key: &[u8]) -> Identity {
    hash(u64::from(table.0) + 1, key)
}

/// The lower half of a number.
pub(crate) fn half(whole: u128) -> u64 {
    u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(0)
}
