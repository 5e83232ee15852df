//! Which rows of a table are alive in a lane: a bitmap in blocks, with counts, that answers "is row
//! i alive?", "which is the k-th living row?". A block whose rows are all alive or all dead keeps no
//! bits, so 100 million seeded rows cost 0.4 MB until they are touched.

/// Rows in a block.
const BLOCK: u64 = 4096;
/// Words in a block.
const WORDS: usize = 64;
/// Blocks in a group: a second level of counts, so that selecting stays quick.
const GROUP: usize = 64;

/// A set of row indexes `0..len`, to which indexes are appended at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Population {
    len: u64,
    count: u64,
    blocks: Vec<Block>,
    /// Living rows in each group of [`GROUP`] blocks.
    groups: Vec<u64>,
}

#[derive(Debug, Clone, Default)]
struct Block {
    count: u32,
    /// Absent when all rows of the block are alive, or all are dead.
    bits: Option<Box<[u64; WORDS]>>,
}

impl Population {
    /// `len` rows, of which those in `alive` live.
    pub(super) fn with_range(len: u64, alive: std::ops::Range<u64>) -> Self {
        let mut all = Self { len, ..Self::default() };
        for block in 0..len.div_ceil(BLOCK) {
            let (first, end) = (block * BLOCK, (block * BLOCK + BLOCK).min(len));
            let from = alive.start.clamp(first, end);
            let to = alive.end.clamp(from, end);
            let mut part = Block { count: count32(to - from), bits: None };
            if part.count != 0 && u64::from(part.count) != end - first {
                let mut bits = Box::new([0; WORDS]);
                (from - first..to - first).for_each(|at| bits[word(at)] |= bit(at));
                part.bits = Some(bits);
            }
            all.add(all.blocks.len(), i64::from(part.count));
            all.blocks.push(part);
        }
        all
    }

    /// How many indexes exist, alive or dead.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many are alive.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether none is alive.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends one index.
    pub(super) fn push(&mut self, alive: bool) {
        let index = self.len;
        if index.is_multiple_of(BLOCK) {
            self.blocks.push(Block::default());
        }
        let block = self.blocks.len() - 1;
        let uniform_before = self.blocks[block].bits.is_none();
        let all_alive = u64::from(self.blocks[block].count) == index % BLOCK;
        let stays_uniform = uniform_before && (index.is_multiple_of(BLOCK) || all_alive == alive);
        if !stays_uniform {
            self.materialise(block);
        }
        self.len += 1;
        if alive {
            if let Some(bits) = &mut self.blocks[block].bits {
                bits[word(index % BLOCK)] |= bit(index % BLOCK);
            }
            self.blocks[block].count += 1;
            self.add(block, 1);
        }
    }

    /// Whether an index is alive.
    pub(super) fn contains(&self, index: u64) -> bool {
        if index >= self.len {
            return false;
        }
        let block = &self.blocks[block_of(index)];
        match &block.bits {
            Some(bits) => bits[word(index % BLOCK)] & bit(index % BLOCK) != 0,
            None => block.count != 0,
        }
    }

    /// Makes an index live or die; nothing happens if it is so already, or does not exist.
    pub(super) fn set(&mut self, index: u64, alive: bool) {
        if index >= self.len || self.contains(index) == alive {
            return;
        }
        let at = block_of(index);
        self.materialise(at);
        let existing = self.existing(at);
        let block = &mut self.blocks[at];
        if let Some(bits) = &mut block.bits {
            bits[word(index % BLOCK)] ^= bit(index % BLOCK);
        }
        block.count = if alive { block.count + 1 } else { block.count - 1 };
        if block.count == 0 || block.count == existing {
            block.bits = None;
        }
        self.add(at, if alive { 1 } else { -1 });
    }

    /// The living index of rank `rank` (from 0, in order of index), if there are so many.
    pub(super) fn select(&self, rank: u64) -> Option<u64> {
        if rank >= self.count {
            return None;
        }
        let mut rest = rank;
        let mut group = 0;
        while rest >= self.groups[group] {
            rest -= self.groups[group];
            group += 1;
        }
        let mut block = group * GROUP;
        while rest >= u64::from(self.blocks[block].count) {
            rest -= u64::from(self.blocks[block].count);
            block += 1;
        }
        let first = block as u64 * BLOCK;
        match &self.blocks[block].bits {
            None => Some(first + rest),
            Some(bits) => Some(first + select_in(bits, rest)),
        }
    }

    /// Rows that exist in a block.
    fn existing(&self, block: usize) -> u32 {
        count32((self.len - block as u64 * BLOCK).min(BLOCK))
    }

    /// Gives a block its bits.
    fn materialise(&mut self, block: usize) {
        let existing = self.existing(block);
        let part = &mut self.blocks[block];
        if part.bits.is_some() {
            return;
        }
        let mut bits = Box::new([0; WORDS]);
        if part.count != 0 {
            (0..u64::from(existing)).for_each(|at| bits[word(at)] |= bit(at));
        }
        part.bits = Some(bits);
    }

    fn add(&mut self, block: usize, change: i64) {
        let group = block / GROUP;
        if self.groups.len() <= group {
            self.groups.resize(group + 1, 0);
        }
        self.groups[group] = self.groups[group].wrapping_add_signed(change);
        self.count = self.count.wrapping_add_signed(change);
    }
}

fn block_of(index: u64) -> usize {
    usize::try_from(index / BLOCK).unwrap_or(usize::MAX)
}

fn word(at: u64) -> usize {
    usize::try_from(at / 64).unwrap_or(0)
}

fn bit(at: u64) -> u64 {
    1 << (at % 64)
}

/// Counts inside a block are at most [`BLOCK`].
fn count32(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn select_in(bits: &[u64; WORDS], mut rest: u64) -> u64 {
    for (at, word) in bits.iter().enumerate() {
        let ones = u64::from(word.count_ones());
        if rest < ones {
            let mut word = *word;
            for _ in 0..rest {
                word &= word - 1;
            }
            return at as u64 * 64 + u64::from(word.trailing_zeros());
        }
        rest -= ones;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(population: &Population, model: &[bool]) {
        let living: Vec<u64> =
            (0..).zip(model).filter(|(_, alive)| **alive).map(|(at, _)| at).collect();
        assert_eq!(population.count(), living.len() as u64);
        assert_eq!(population.len(), model.len() as u64);
        for (rank, index) in living.iter().enumerate() {
            assert_eq!(population.select(rank as u64), Some(*index));
        }
        assert_eq!(population.select(living.len() as u64), None);
        for (index, alive) in model.iter().enumerate() {
            assert_eq!(population.contains(index as u64), *alive);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_agrees_with_a_plain_list(
            len in 0u64..9000, from in 0u64..9000, to in 0u64..9000,
            steps in prop::collection::vec((0u8..4, any::<u64>()), 0..400),
        ) {
            let mut model: Vec<bool> = (0..len).map(|at| (from..to).contains(&at)).collect();
            let mut population = Population::with_range(len, from..to);
            for (kind, number) in steps {
                match kind {
                    0 | 1 => { model.push(kind == 0); population.push(kind == 0); }
                    _ if model.is_empty() => {}
                    _ => {
                        let index = usize::try_from(number).unwrap_or(usize::MAX) % model.len();
                        model[index] = kind == 2;
                        population.set(index as u64, kind == 2);
                    }
                }
            }
            check(&population, &model);
        }
    }

    #[test]
    fn untouched_blocks_keep_no_bits() {
        let mut population = Population::with_range(1_000_000, 0..1_000_000);
        let kept = |of: &Population| of.blocks.iter().filter(|block| block.bits.is_some()).count();
        assert_eq!(kept(&population), 0);
        population.set(5000, false);
        assert_eq!(kept(&population), 1);
        population.set(5000, true);
        assert_eq!(kept(&population), 0);
    }
}
