//! What observers saw, as they have noted it: by row, in the order in which it came.

use std::path::Path;

use crate::action::Change;
use crate::ledger::Blocks;
use crate::ledger::Gaps;
use crate::ledger::OBSERVED;
use crate::ledger::SEEN;
use crate::ledger::Seen;
use crate::ledger::What;
use crate::observe::cells;
use crate::replay::ReplayError;

/// All that came at one surface.
#[derive(Debug, Default)]
pub struct Observations {
    /// Sorted by row; those of a row in the order in which they came.
    all: Vec<Seen>,
    /// Whether it was read to its end.
    pub is_complete: bool,
    /// What of the notes cannot be read.
    pub gaps: Gaps,
    /// Changes that came a second time: for no reason, and after a restart.
    pub(super) doubled: u64,
    pub(super) replayed: u64,
    pub(super) truncated: u64,
}

impl Observations {
    /// Reads what the observers of a run have noted, by the numbers of the surfaces, of which there are
    /// so many; `None` if they have noted nothing.
    pub fn read(folder: &Path, surfaces: usize) -> Result<Option<Vec<Self>>, ReplayError> {
        let mut found: Vec<Self> = (0..surfaces).map(|_| Self::default()).collect();
        let blocks = Blocks::read(folder, OBSERVED, |_, bytes| {
            for seen in bytes.chunks_exact(SEEN).filter_map(Seen::read) {
                if let Some(surface) = found.get_mut(usize::from(seen.surface)) {
                    surface.take(seen);
                }
            }
        });
        let failed = |error: std::io::Error| {
            ReplayError::Unreadable(folder.display().to_string(), error.to_string())
        };
        let Some(blocks) = blocks.map_err(failed)? else { return Ok(None) };
        for surface in &mut found {
            surface.gaps = blocks.gaps;
            // What is missing may be among what cannot be read.
            surface.is_complete &= blocks.gaps.lost == 0;
            surface.all.sort_by_key(|seen| seen.row);
        }
        Ok(Some(found))
    }

    fn take(&mut self, seen: Seen) {
        match seen.what {
            What::End => self.is_complete = true,
            What::Truncate => self.truncated += 1,
            _ if seen.is_replay => self.replayed += 1,
            _ if seen.is_again => self.doubled += 1,
            _ => self.all.push(seen),
        }
    }

    /// How many changes came, each counted once.
    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64 + self.truncated
    }

    /// What came of a row, and the place of the first among all.
    pub(super) fn of(&self, row: u64) -> (usize, &[Seen]) {
        let from = self.all.partition_point(|seen| seen.row < row);
        let count = self.all[from..].iter().take_while(|seen| seen.row == row).count();
        (from, &self.all[from..from + count])
    }

    pub(super) fn all(&self) -> &[Seen] {
        &self.all
    }
}

/// What a change is, as it is noted.
pub(super) fn what(change: Change) -> What {
    match change {
        Change::Insert => What::Insert,
        Change::Update => What::Update,
        Change::Delete => What::Delete,
    }
}

/// By how much what came of a row differs from what it had to become; the same for as long as the same
/// column has the same wrong value. `None` where that is not known.
pub(super) fn difference(row: Option<&[u8]>, seen: &Seen) -> Option<(u64, u64)> {
    let (sum, open) = cells::content(row?, seen.open);
    (open == seen.open).then(|| (seen.content.wrapping_sub(sum), open))
}

/// Whether what came of a row may be what it had to become. `None`: that is not known.
pub(super) fn agrees(row: Option<&[u8]>, seen: &Seen) -> bool {
    if seen.what == What::Delete {
        return true;
    }
    let Some(row) = row else { return true };
    let (sum, open) = cells::content(row, seen.open);
    // Of a column that is not known here, the other sum has something.
    open != seen.open || sum == seen.content
}
