//! What was read of a lake, for as long as it has room: of a file that is gone at the end, what was in it is named.

use std::collections::HashSet;
use std::collections::VecDeque;

use crate::observe::lake::store::Store;
use crate::observe::lake::table::DataFile;

/// Bytes of files that are kept: as they are stored, a hundred bytes for a change.
const KEPT_MAX: usize = 96 << 20;

/// A file that was read.
#[derive(Debug)]
pub(super) struct KeptFile {
    /// The name of its table.
    pub(super) table: String,
    pub(super) file: DataFile,
    /// What it held; `None`: there was no room for it any more.
    pub(super) bytes: Option<Vec<u8>>,
}

/// All files that were read; the last of them with what they held.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Files without their bytes.
    old: Vec<KeptFile>,
    new: VecDeque<KeptFile>,
    bytes: usize,
}

impl Kept {
    pub(super) fn add(&mut self, table: &str, file: &DataFile, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        let (table, file) = (table.to_owned(), file.clone());
        self.new.push_back(KeptFile { table, file, bytes: Some(bytes) });
        while self.bytes > KEPT_MAX
            && let Some(mut oldest) = self.new.pop_front()
        {
            self.bytes -= oldest.bytes.take().map_or(0, |bytes| bytes.len());
            self.old.push(oldest);
        }
    }

    /// Those that are not in the lake any more: nobody named them taken back (`removed`), or they are not where they
    /// were. What was put into other files (`moved`) is still there. Told at each file which that is, `goes_on` may end
    /// it.
    pub(super) async fn gone(
        &mut self,
        store: &mut Store,
        (removed, moved): (&HashSet<String>, &HashSet<String>),
        goes_on: impl Fn(usize) -> bool,
    ) -> Result<Vec<KeptFile>, String> {
        let mut absent = HashSet::new();
        // A store that does not answer is asked again, for all of them: nothing is forgotten before.
        for (looked_for, kept) in (1..).zip(self.old.iter().chain(&self.new)) {
            if !goes_on(looked_for) {
                return Err("nobody waits for it any more".to_owned());
            }
            let path = &kept.file.path;
            if removed.contains(path) || (!moved.contains(path) && !store.has(path).await?) {
                absent.insert(path.clone());
            }
        }
        let all = self.old.drain(..).chain(self.new.drain(..));
        let (gone, left) = all.partition(|kept| absent.contains(&kept.file.path));
        self.old = left;
        Ok(gone)
    }
}
