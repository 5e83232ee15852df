//! The files that one commit has brought are in no order but that of their first rows: each is fetched to see where it
//! begins, and held until it is read.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::observe::lake::changes::DataFile;
use crate::observe::lake::rows::place;
use crate::observe::lake::rows::rows;
use crate::scenario::TopicFormat;

/// Bytes of files that are held, at most: others are fetched once more when they are read.
pub(super) const HELD_MAX: usize = 64 << 20;

/// Files that were fetched before it was their turn, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Prefetched {
    files: BTreeMap<String, Bytes>,
    bytes: usize,
}

impl Prefetched {
    fn add(&mut self, path: &str, bytes: Bytes, most: usize) {
        if self.bytes + bytes.len() <= most {
            self.bytes += bytes.len();
            self.files.insert(path.to_owned(), bytes);
        }
    }

    /// What is in a file, if it is held.
    pub(super) fn take(&mut self, path: &str) -> Option<Bytes> {
        let taken = self.files.remove(path)?;
        self.bytes -= taken.len();
        Some(taken)
    }
}

/// Puts files in the order of their commits, and those of one commit in that of the places in the log at which they
/// begin. Holds up to `most` bytes of what it had to `fetch` for it.
pub(super) fn put_in_order<E>(
    files: &mut [DataFile],
    (format, most): (TopicFormat, usize),
    mut fetch: impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
) -> Result<Prefetched, E> {
    let mut of_commit: BTreeMap<i64, usize> = BTreeMap::new();
    for file in &*files {
        *of_commit.entry(file.sequence).or_default() += 1;
    }
    let (mut held, mut begins) = (Prefetched::default(), BTreeMap::new());
    for file in files.iter().filter(|file| of_commit[&file.sequence] > 1) {
        let Some(bytes) = fetch(&file.path)?.map(Bytes::from) else { continue };
        let mut begin = None;
        let read = rows(bytes.clone(), |row| {
            begin = place(&row, format);
            false
        });
        if read.is_ok() {
            begins.insert(file.path.clone(), begin);
        }
        held.add(&file.path, bytes, most);
    }
    files.sort_by_key(|file| (file.sequence, begins.get(&file.path).copied().flatten()));
    Ok(held)
}
