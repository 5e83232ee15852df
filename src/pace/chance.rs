//! Chance without state: the n-th random bits of a key. Portable: the same on every machine.

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014): a bijection on 64 bits in which each input bit moves half of the output.
#[inline]
pub(crate) fn mix64(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// 2^64 divided by the golden ratio: the step of SplitMix64.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A key below a key.
pub(super) fn key(above: u64, number: u64) -> u64 {
    mix64(above.wrapping_add(number.wrapping_add(1).wrapping_mul(GOLDEN)))
}

/// A number in [0, 1), of the key's upper 53 bits.
pub(super) fn unit(key: u64) -> f64 {
    super::real(key >> 11) / 9_007_199_254_740_992.0
}

/// How many of `count` fair coins fall on heads. The first 64 are the key's own bits.
pub(super) fn heads(key: u64, count: u64) -> u64 {
    let coins = |word: u64| if word == 0 { key } else { self::key(key, word) };
    let (words, rest) = (count / 64, count % 64);
    let whole: u64 = (0..words).map(|word| u64::from(coins(word).count_ones())).sum();
    let rest = coins(words) & ((1 << rest) - 1);
    whole + u64::from(rest.count_ones())
}
