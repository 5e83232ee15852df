//! Files of blocks: each block says how long it is, which one it is, and has a checksum, so that what
//! is damaged is found, and what stands behind it is read all the same.
//!
//! ```text
//!   file   magic 16 | number of the file 4 | of which run 4 | when it was begun, µs since 1970 8
//!   block  "LGBK" | bytes 4 | time base, ns 8 | number of the block 8 | checksum 4 | 0 4 | bytes
//! ```

use std::path::Path;
use std::path::PathBuf;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;

/// Bytes before the first block, and before the bytes of each block.
pub(super) const FILE_HEAD: usize = 32;
pub(super) const HEAD: usize = 32;
/// What a block begins with.
pub(super) const MARK: [u8; 4] = *b"LGBK";
/// Bytes of a block, at most.
pub(super) const BLOCK_MAX: usize = 1 << 20;
/// Files that are looked for, at most.
const FILES_MAX: u32 = 100_000;

/// The files of one run: each says at its head whose it is.
#[derive(Debug, Clone, Copy)]
pub struct RunFiles<'a> {
    /// Where they are.
    pub folder: &'a Path,
    /// What the head of each has.
    pub(super) run: u32,
}

impl<'a> RunFiles<'a> {
    /// Those in the folder of a run of this name that began then, both as its manifest has them.
    pub fn of(folder: &'a Path, run: &str, started: &str) -> Self {
        let both = hash(started.len() as u64, format!("{run}{started}").as_bytes());
        Self { folder, run: u32::try_from(half(both) >> 32).unwrap_or(0) }
    }
}

/// A kind of such files in a run's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What their names begin with.
    pub stem: &'static str,
    /// What they begin with.
    pub magic: [u8; 16],
}

impl Kind {
    /// The file of a number, from 1 on.
    pub(super) fn path(&self, folder: &Path, number: u32) -> PathBuf {
        folder.join(format!("{}-{number:04}.bin", self.stem))
    }

    /// All files of the kind that are there, in order.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let paths = (1..FILES_MAX).map(|number| self.path(folder, number));
        paths.take_while(|path| path.exists()).collect()
    }

    /// Whether a file's name is one of the kind.
    pub fn is_name(&self, name: &str) -> bool {
        let number = name.strip_prefix(self.stem).and_then(|rest| rest.strip_prefix('-'));
        let number = number.and_then(|rest| rest.strip_suffix(".bin"));
        number.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
        })
    }
}

/// What stands before the bytes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u32,
    /// Times in the block are counted from it.
    pub(super) base: u64,
    pub(super) number: u64,
    checksum: u32,
}

impl Head {
    pub(super) fn of(base: u64, number: u64, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let checksum = checksum(length, base, number, bytes);
        Self { length, base, number, checksum }
    }

    pub(super) fn bytes(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&MARK);
        head[4..8].copy_from_slice(&self.length.to_le_bytes());
        head[8..16].copy_from_slice(&self.base.to_le_bytes());
        head[16..24].copy_from_slice(&self.number.to_le_bytes());
        head[24..28].copy_from_slice(&self.checksum.to_le_bytes());
        head
    }

    /// `None` if there is none here.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let length = word(4);
        let is_one = head[..4] == MARK && length as usize <= BLOCK_MAX;
        is_one.then(|| Self { length, base: long(8), number: long(16), checksum: word(24) })
    }

    /// Whether these are its bytes.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        checksum(self.length, self.base, self.number, bytes) == self.checksum
    }
}

fn checksum(length: u32, base: u64, number: u64, bytes: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&length.to_le_bytes());
    hash.update(&base.to_le_bytes());
    hash.update(&number.to_le_bytes());
    hash.update(bytes);
    hash.finalize()
}
