//! What was read of a far end, for as long as it has room: of a file that is gone in the end, what was in it is named.

use std::collections::VecDeque;

/// Bytes of files that are kept: as they are stored, a hundred bytes for a change.
const KEPT_MAX: usize = 96 << 20;

/// A file that was read.
#[derive(Debug)]
pub(in crate::observe) struct KeptFile<F> {
    /// Which it is.
    pub(in crate::observe) file: F,
    /// What it held; `None`: there was no room for it any more.
    pub(in crate::observe) bytes: Option<Vec<u8>>,
}

/// All files that were read; the last of them with what they held.
#[derive(Debug)]
pub(in crate::observe) struct KeptFiles<F> {
    /// Files without their bytes.
    old: Vec<KeptFile<F>>,
    new: VecDeque<KeptFile<F>>,
    bytes: usize,
    most: usize,
}

impl<F> Default for KeptFiles<F> {
    fn default() -> Self {
        Self { old: Vec::new(), new: VecDeque::new(), bytes: 0, most: KEPT_MAX }
    }
}

impl<F> KeptFiles<F> {
    pub(in crate::observe) fn add(&mut self, file: F, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.new.push_back(KeptFile { file, bytes: Some(bytes) });
        while self.bytes > self.most
            && let Some(mut oldest) = self.new.pop_front()
        {
            self.bytes -= oldest.bytes.take().map_or(0, |bytes| bytes.len());
            self.old.push(oldest);
        }
    }

    /// One that was there and is not held.
    pub(in crate::observe) fn add_unknown(&mut self, file: F) {
        self.old.push(KeptFile { file, bytes: None });
    }

    /// All of them.
    pub(in crate::observe) fn files(&self) -> impl Iterator<Item = &F> {
        self.old.iter().chain(&self.new).map(|kept| &kept.file)
    }

    /// Takes out those that are meant.
    pub(in crate::observe) fn take(&mut self, is_meant: impl Fn(&F) -> bool) -> Vec<KeptFile<F>> {
        let all = self.old.drain(..).chain(self.new.drain(..));
        let (taken, left): (Vec<_>, Vec<_>) = all.partition(|kept| is_meant(&kept.file));
        let size = |kept: &KeptFile<F>| kept.bytes.as_ref().map_or(0, Vec::len);
        self.bytes -= taken.iter().map(size).sum::<usize>();
        let (new, old): (Vec<_>, Vec<_>) = left.into_iter().partition(|kept| kept.bytes.is_some());
        (self.new, self.old) = (new.into(), old);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_files_are_kept_with_what_they_held() {
        let mut kept = KeptFiles { most: 25, ..KeptFiles::default() };
        (0..4_u8).for_each(|file| kept.add(file, vec![file; 10]));
        assert_eq!(kept.files().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
        let taken = kept.take(|file| [1, 2].contains(file));
        let taken: Vec<_> = taken.into_iter().map(|kept| (kept.file, kept.bytes)).collect();
        assert_eq!(taken, [(1, None), (2, Some(vec![2; 10]))]);
        // What was taken makes room.
        kept.add(4, vec![4; 10]);
        let left: Vec<_> = kept.take(|_| true).into_iter().map(|it| it.bytes.is_some()).collect();
        assert_eq!(left, [false, true, true]);
    }
}
