//! What all rows must be: every lane gone through again, by several threads; only sums are kept of rows
//! that are known, and those themselves that may be one thing or another.

use std::panic::resume_unwind;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use crate::action::Catalog;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::observe::cells;
use crate::replay::Replay;
use crate::replay::ReplayError;
use crate::replay::digest::Digest;
use crate::replay::digest::Identity;
use crate::replay::lane::Walker;
use crate::replay::rows::ByIdentity;
use crate::replay::rows::Row;
use crate::replay::shared::Additions;

/// Seeded rows that one task goes through.
const CHUNK: u64 = 20_000;

/// What is gone through: lanes, and rows that no action changes.
#[derive(Debug, Clone, Copy)]
enum Task {
    Lane(usize, u32),
    Seeded(TableId, u64, u64),
}

/// By table: the parts of it whose rows are kept.
pub(super) type Selected = Vec<Vec<bool>>;

/// A row that is kept, and how many look like it.
#[derive(Debug, Clone)]
pub(super) struct CountedRow {
    pub(super) table: TableId,
    pub(super) row: Box<[u8]>,
    pub(super) count: u64,
}

/// What all rows of a run must be.
#[derive(Debug, Default)]
pub struct Expected {
    /// By table.
    pub(super) digests: Vec<Digest>,
    /// Rows that may be one thing or another, or of which some value is not known.
    pub(super) doubtful: ByIdentity<Row>,
    /// Rows of the parts that were selected.
    pub(super) held: ByIdentity<CountedRow>,
    /// Transactions of which the trace does not tell.
    pub(super) untold: u64,
}

impl Expected {
    fn new(tables: usize) -> Self {
        Self { digests: vec![Digest::default(); tables], ..Self::default() }
    }

    fn take(
        &mut self,
        catalog: &Catalog,
        (identity, row): (Identity, Row),
        selected: Option<&Selected>,
    ) {
        let number = usize::from(row.table.0);
        let info = catalog.table(row.table);
        match row.states.as_slice() {
            [Some(known)] if is_known(info, known) => {
                let identity = if info.key.is_empty() {
                    super::digest::identity(row.table, known)
                } else {
                    identity
                };
                let Some(selected) = selected else {
                    return self.digests[number].add(identity, known);
                };
                if selected[number].get(Digest::part(identity)).is_some_and(|is| *is) {
                    let held = CountedRow { table: row.table, row: known.clone(), count: 0 };
                    self.held.entry(identity).or_insert(held).count += 1;
                }
            }
            _ => {
                self.doubtful.insert(identity, row);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.digests.iter_mut().zip(&other.digests) {
            ours.merge(theirs);
        }
        self.doubtful.extend(other.doubtful);
        for (identity, held) in other.held {
            let count = held.count;
            self.held.entry(identity).or_insert(CountedRow { count: 0, ..held }).count += count;
        }
        self.untold += other.untold;
    }
}

/// Whether all is known of a row that a server can be asked for.
fn is_known(info: &TableInfo, row: &[u8]) -> bool {
    let columns = cells::pieces(row).zip(&info.columns);
    let mut open = columns.filter(|((_, cell), _)| cell.is_none());
    open.all(|(_, (_, kind))| !cells::is_compared(*kind))
}

/// Goes through a run again, on all its threads. With parts that are selected, only their rows are kept.
pub(super) fn fold(replay: &Replay, selected: Option<&Selected>) -> Result<Expected, ReplayError> {
    let world = &replay.world;
    let (mut still, mut shared) = (vec![true; world.table_count()], Vec::new());
    for table in (0..world.groups.len()).flat_map(|group| world.tables_of(group)) {
        still[usize::from(table.0)] = false;
    }
    let mut tasks: Vec<Task> =
        world.all_lanes().map(|(group, lane)| Task::Lane(group, lane)).collect();
    for number in (0..world.table_count()).filter(|number| replay.is_judged[*number]) {
        let table = TableId::of(number);
        let chunks = (0..world.seeded_rows(table)).step_by(usize::try_from(CHUNK).unwrap_or(1));
        let chunks = chunks.map(|from| Task::Seeded(table, from, from + CHUNK));
        if world.catalog.table(table).shared {
            shared.extend(chunks);
        } else if still[number] {
            tasks.extend(chunks);
        }
    }
    let (mut expected, additions) = all(replay, &tasks, selected, &Additions::default());
    // What was added to them is known when all lanes are.
    let (rest, _) = all(replay, &shared, selected, &additions);
    expected.merge(rest);
    replay.unless_halted(expected)
}

fn all(
    replay: &Replay,
    tasks: &[Task],
    selected: Option<&Selected>,
    added: &Additions,
) -> (Expected, Additions) {
    let (next, world) = (AtomicUsize::new(0), &replay.world);
    let work = || {
        let mut walker = Walker::new(replay, &replay.is_judged);
        let mut expected = Expected::new(world.table_count());
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            match *task {
                Task::Lane(group, lane) => {
                    for row in walker.walk(group, lane).drain() {
                        expected.take(&world.catalog, row, selected);
                    }
                }
                Task::Seeded(table, from, end) => {
                    let info = world.catalog.table(table);
                    for number in from..end.min(world.seeded_rows(table)) {
                        if !walker.goes_on() {
                            break;
                        }
                        walker.seeded(table, number, |identity, row| {
                            let row = if info.shared {
                                added.applied((table, identity), info, row)
                            } else {
                                row.to_vec()
                            };
                            let states = smallvec::smallvec![Some(row.into())];
                            let row = (identity, Row { table, states });
                            expected.take(&world.catalog, row, selected);
                        });
                    }
                }
            }
        }
        expected.untold = walker.untold;
        (expected, walker.additions)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..replay.workers.max(1)).map(|_| scope.spawn(work)).collect();
        let mut whole = (Expected::new(world.table_count()), Additions::default());
        for thread in threads {
            // What one that panicked had not looked at must not pass for judged.
            let (expected, additions) = thread.join().unwrap_or_else(|it| resume_unwind(it));
            whole.0.merge(expected);
            whole.1.merge(additions);
        }
        whole
    })
}
