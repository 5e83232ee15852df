//! What observers saw, as they have noted it: by row, in the order in which it came.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::ledger::Blocks;
use crate::ledger::Gaps;
use crate::ledger::OBSERVED;
use crate::ledger::RunFiles;
use crate::ledger::SEEN;
use crate::ledger::Seen;
use crate::ledger::What;
use crate::observe::cells;
use crate::observe::cells::Owed;
use crate::replay::ReplayError;
use crate::scenario::Arrivals;

/// Of so many changes the beginnings of their rows' numbers are told apart, or of up to twice as many.
const STARTS_EVERY: usize = 4;

/// By row, place and values: how often.
type Numbers = HashMap<(u64, u64, u64), u32>;

/// All that came at one surface.
#[derive(Debug, Default)]
pub struct Observations {
    /// Sorted by row; those of a row in the order in which they came.
    all: Vec<Seen>,
    /// What had come and was taken away.
    gone: Numbers,
    /// Where the rows begin whose numbers have the same highest bits; of how many bits they are without those.
    starts: Vec<usize>,
    shift: u32,
    /// Whether it was read to its end.
    pub is_complete: bool,
    /// In which order it came.
    pub arrivals: Arrivals,
    /// Whether what comes a second time comes from another place.
    pub has_own_log: bool,
    /// What of the notes cannot be read.
    pub gaps: Gaps,
    /// Changes that came a second time: for no reason, and after a restart; which, and how many.
    doubles: Numbers,
    replays: Numbers,
    pub(super) doubled: u64,
    pub(super) replayed: u64,
    pub(super) truncated: u64,
    /// Rows of snapshots.
    snapshots: Vec<Seen>,
    /// By row: how many of its changes may be held back.
    held: HashMap<u64, u64>,
    /// By row, place and values: what a change has not told of its row.
    owed: HashMap<(u64, u64, u64), Owed>,
    /// The same of the one that comes next, which is of this row.
    owed_next: Option<(u64, Owed)>,
    /// By table and column: how many values could not be compared.
    pub uncompared: BTreeMap<(TableId, usize), u64>,
}

impl Observations {
    /// Reads what the observers of a run have noted of the tables of a catalog, by the numbers of the surfaces, of
    /// which there are so many; `None` if they have noted nothing. An error if it is not of these tables.
    pub fn read(
        files: RunFiles<'_>,
        catalog: &Catalog,
        surfaces: usize,
    ) -> Result<Option<Vec<Self>>, ReplayError> {
        let mut found: Vec<Self> = (0..surfaces).map(|_| Self::default()).collect();
        // Whoever wrote those knew more than we do: as good as not there.
        let mut unread = 0;
        let tables = catalog.tables.len() + catalog.own.len();
        let mut unknown = None;
        let blocks = Blocks::read(files, OBSERVED, |_, bytes| {
            for seen in bytes.chunks_exact(SEEN) {
                let seen = Seen::read(seen);
                let is_unknown = |it: &Seen| usize::from(it.table) >= tables;
                unknown = unknown.or(seen.filter(is_unknown));
                let surface = seen.and_then(|it| found.get_mut(usize::from(it.surface)));
                match seen.zip(surface) {
                    Some((seen, surface)) => surface.take(seen),
                    None => unread += 1,
                }
            }
        });
        let failed = |error: std::io::Error| {
            ReplayError::Unreadable(files.folder.display().to_string(), error.to_string())
        };
        let Some(blocks) = blocks.map_err(failed)? else { return Ok(None) };
        if let Some(Seen { table, .. }) = unknown {
            let why = format!(
                "a change was observed of the table of the number {table}, and the scenario has {tables}, from 0 on: \
                 what is there was noted by another run, or somebody has altered it"
            );
            return Err(ReplayError::Unreadable(files.folder.display().to_string(), why));
        }
        for surface in &mut found {
            surface.gaps = Gaps { lost: blocks.gaps.lost + unread, ..blocks.gaps };
            // What is missing may be among what cannot be read.
            surface.is_complete &= surface.gaps.lost == 0;
            surface.sort();
        }
        Ok(Some(found))
    }

    fn take(&mut self, seen: Seen) {
        if let Some((_, owed)) = self.owed_next.take().filter(|it| it.0 == seen.row) {
            self.owed.insert((seen.row, seen.lsn, seen.content), owed);
        }
        match seen.what {
            What::Owed => {
                self.owed_next = Some((seen.row, Owed { unsent: seen.open, absent: seen.content }));
            }
            What::Uncompared => {
                let column = usize::try_from(seen.row).unwrap_or(usize::MAX);
                *self.uncompared.entry((TableId(seen.table), column)).or_default() += seen.content;
            }
            What::End => self.is_complete = true,
            What::Truncate => self.truncated += 1,
            What::Snapshot => self.snapshots.push(seen),
            What::Held => *self.held.entry(seen.row).or_default() += 1,
            What::Gone => count(&mut self.gone, &seen),
            _ if seen.is_replay => count(&mut self.replays, &seen),
            _ if seen.is_again => count(&mut self.doubles, &seen),
            _ => self.all.push(seen),
        }
    }

    /// Brings what came of each row together, and notes where to look for it: rows' numbers are hashes, so
    /// that there are few of each beginning.
    fn sort(&mut self) {
        let gone = &mut self.gone;
        // Copies go first.
        for copies in [&mut self.doubles, &mut self.replays] {
            for (number, gone) in gone.iter_mut() {
                let Some(copies) = copies.get_mut(number) else { continue };
                let taken = (*copies).min(*gone);
                (*copies, *gone) = (*copies - taken, *gone - taken);
            }
        }
        let sum = |copies: Numbers| copies.into_values().map(u64::from).sum();
        self.doubled = sum(std::mem::take(&mut self.doubles));
        self.replayed = sum(std::mem::take(&mut self.replays));
        self.all.retain(|seen| match gone.get_mut(&(seen.row, seen.lsn, seen.content)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        self.all.sort_by_key(|seen| seen.row);
        let bits = (self.all.len() / STARTS_EVERY).max(1).ilog2();
        self.shift = u64::BITS - bits;
        self.starts = Vec::with_capacity((1 << bits) + 1);
        for (place, seen) in self.all.iter().enumerate() {
            self.starts.resize(self.starts.len().max(self.beginning(seen.row) + 1), place);
        }
        self.starts.resize((1 << bits) + 1, self.all.len());
    }

    /// The highest bits of a row's number.
    fn beginning(&self, row: u64) -> usize {
        usize::try_from(row.checked_shr(self.shift).unwrap_or(0)).unwrap_or(0)
    }

    /// How many changes came, each counted once.
    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64 + self.truncated
    }

    /// What came of a row, and the place of the first among all.
    pub(super) fn of(&self, row: u64) -> (usize, &[Seen]) {
        let start = |place: usize| self.starts.get(place).copied().unwrap_or(self.all.len());
        let (first, end) = (start(self.beginning(row)), start(self.beginning(row) + 1));
        let from = first + self.all[first..end].partition_point(|seen| seen.row < row);
        let count = self.all[from..].iter().take_while(|seen| seen.row == row).count();
        (from, &self.all[from..from + count])
    }

    /// What a change that came has not told of its row, of the columns that it has set.
    pub(super) fn owed(&self, seen: &Seen, set: Set) -> Owed {
        let number = (seen.row, seen.lsn, seen.content);
        let owed = if self.owed.is_empty() { None } else { self.owed.get(&number) };
        owed.map_or_else(Owed::default, |owed| owed.of(set.all, set.told))
    }

    /// How many of a row's changes may be held back.
    pub(super) fn held(&self, row: u64) -> u64 {
        self.held.get(&row).copied().unwrap_or(0)
    }

    /// The rows of snapshots, in the order in which they came.
    pub(super) fn snapshots(&self) -> &[Seen] {
        &self.snapshots
    }

    pub(super) fn all(&self) -> &[Seen] {
        &self.all
    }
}

fn count(numbers: &mut Numbers, seen: &Seen) {
    *numbers.entry((seen.row, seen.lsn, seen.content)).or_default() += 1;
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
    let row = row.filter(|_| !seen.is_nameless)?;
    let (sum, open) = cells::content(row, seen.open);
    (open == seen.open).then(|| (seen.content.wrapping_sub(sum), open))
}

/// The columns that a change has set, as bits, and of which of them it is known to what without the row as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) all: u64,
    pub(super) told: u64,
}

impl Set {
    /// All of a new row.
    pub(super) const WHOLE: Self = Self { all: u64::MAX, told: u64::MAX };

    /// Those of an update, and its key.
    pub(super) fn by(assignments: &[Assignment], key: &[usize]) -> Self {
        let bit = |column: usize| cells::bit(u32::try_from(column).unwrap_or(u32::MAX));
        let key = key.iter().fold(0, |all, column| all | bit(*column));
        let mut set = Self { all: key, told: key };
        for Assignment { column, how, .. } in assignments {
            set.all |= bit(*column);
            set.told |= if matches!(how, Assign::Value) { bit(*column) } else { 0 };
        }
        set
    }
}

/// Whether what came of a row may be what it had to become. `None`: that is not known. What nobody has told of is not, nor
/// what has not told all that it was `owed` to tell.
pub(super) fn agrees(row: Option<&[u8]>, seen: &Seen, owed: Owed) -> bool {
    if seen.is_nameless || row.is_some_and(|row| owed.is_amiss(row)) {
        return false;
    }
    if seen.what == What::Delete {
        return true;
    }
    let Some(row) = row else { return true };
    let (sum, open) = cells::content(row, seen.open);
    // Of a column that is not known here, the other sum has something.
    open != seen.open || sum == seen.content
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::action::TableInfo;
    use crate::ledger::Writing;
    use crate::measure::Feed;

    fn seen(row: u64, at: u64) -> Seen {
        Seen {
            surface: 0,
            table: 0,
            what: What::Update,
            is_again: false,
            is_replay: false,
            is_nameless: false,
            is_loose: false,
            transaction: 0,
            row,
            content: 0,
            open: 0,
            lsn: 0,
            at,
        }
    }

    /// What another run has noted is whole, and of other tables.
    #[test]
    fn what_names_a_table_that_is_not_there_is_an_error() {
        let read = |table: u16| {
            let folder = tempfile::tempdir().unwrap();
            let files = RunFiles::of(folder.path(), "run", "");
            let writing = Writing::start(files, OBSERVED, 1 << 20, Feed::default()).unwrap();
            let mut out = writing.ledger().out();
            for table in [0, table] {
                out.add_next(&Seen { table, ..seen(u64::from(table), 0) }.bytes());
            }
            drop(out);
            writing.finish();
            let tables = ["one", "other"].map(|name| TableInfo::with_columns(name, &[]));
            let catalog = Catalog { tables: tables.into(), ..Catalog::default() };
            let found = Observations::read(files, &catalog, 1);
            found.map(|found| found.unwrap()[0].all().len()).map_err(|error| error.to_string())
        };
        assert_eq!(read(1), Ok(2));
        let refused = read(2).unwrap_err();
        assert!(
            refused.contains("of the number 2, and the scenario has 2, from 0 on"),
            "{refused}"
        );
        assert!(read(u16::MAX).is_err());
    }

    /// In whatever order they were noted.
    #[test]
    fn copies_go_before_what_they_are_of() {
        let of = |what, is_again| Seen { what, is_again, ..seen(1, 0) };
        let (came, again, gone) =
            (of(What::Update, false), of(What::Update, true), of(What::Gone, false));
        for (all, expected) in [
            (vec![came, again, gone], (1, 0)),
            (vec![came, gone, again], (1, 0)),
            (vec![came, again, gone, gone], (0, 0)),
            (vec![came, again, again, gone], (1, 1)),
            (vec![came, gone], (0, 0)),
        ] {
            let mut found = Observations::default();
            for seen in all {
                found.take(seen);
            }
            found.sort();
            assert_eq!((found.count(), found.doubled), expected);
        }
    }

    /// What a change has not told stands before it, and counts where the change has set it.
    #[test]
    fn what_a_change_has_not_told_is_asked_for_where_it_has_set_it() {
        let cell = |text: &str| {
            let mut cell = Vec::new();
            cells::push(crate::schema::ColumnType::Text, text.as_bytes(), &mut cell);
            cell
        };
        let row = ["key", "a", "b"].map(cell).concat();
        let (content, open) = cells::content(&row, 0b110);
        let owed = Seen { what: What::Owed, open: 0b110, ..seen(1, 0) };
        let (came, other) = (Seen { content, open, ..seen(1, 1) }, Seen { lsn: 7, ..seen(2, 2) });
        let set = |bits: u64| Set { all: bits, told: bits };
        for (all, is_owed) in [
            (vec![owed, came], true),
            // Of another change, or of none that can be read.
            (vec![owed, other, came], false),
            (vec![came], false),
        ] {
            let mut found = Observations::default();
            for seen in all {
                found.take(seen);
            }
            for (bits, is_set) in [(0b001, false), (0b010, true), (0b101, true), (u64::MAX, true)] {
                let owed = found.owed(&came, set(bits));
                assert_eq!(agrees(Some(&row), &came, owed), !(is_owed && is_set), "{bits:b}");
            }
            assert!(agrees(None, &came, found.owed(&came, Set::WHOLE)), "nobody knows the row");
        }
    }

    proptest! {
        /// What came of a row is found, in its order, and of others nothing; whatever their numbers are.
        #[test]
        fn what_came_of_a_row_is_found(
            rows in prop::collection::vec(prop_oneof![any::<u64>(), 0..9_u64, u64::MAX - 9..=u64::MAX], 0..200),
            others in prop::collection::vec(any::<u64>(), 0..20),
        ) {
            let all = (0..).zip(&rows).map(|(at, row)| seen(*row, at)).collect();
            let mut found = Observations { all, ..Observations::default() };
            found.sort();
            for row in rows.iter().chain(&others) {
                let expected: Vec<u64> =
                    (0..).zip(&rows).filter(|(_, it)| *it == row).map(|(at, _)| at).collect();
                let (from, came) = found.of(*row);
                prop_assert_eq!(came.iter().map(|seen| seen.at).collect::<Vec<_>>(), expected);
                prop_assert!(found.all()[..from].iter().all(|seen| seen.row < *row));
            }
        }
    }
}
