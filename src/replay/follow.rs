//! Holds the changes that a run made against those that were observed, row by row, while its lanes are gone
//! through again. Only rows in which the two differ are looked at as a whole.

mod row;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::ledger::Seen;
use crate::ledger::What;
use crate::measure::Deviation;
use crate::measure::Example;
use crate::measure::First;
use crate::measure::NotCompared;
use crate::measure::Verification;
use crate::observe::Certainty;
use crate::observe::cells::show;
use crate::observe::cells::show_key;
use crate::replay::Followed;
use crate::replay::Replay;
use crate::replay::ReplayError;
use crate::replay::follow::row::Came;
use crate::replay::follow::row::row_by_row;
use crate::replay::horizon::Horizons;
use crate::replay::horizon::When;
use crate::replay::lane::Walker;
use crate::replay::observed::Observations;
use crate::replay::observed::Set;
use crate::replay::observed::agrees;
use crate::replay::observed::what;
use crate::scenario::Arrivals;

/// A change that was made, or may have been.
#[derive(Debug, Clone)]
pub(super) struct Made {
    table: TableId,
    key: Box<[u8]>,
    change: Change,
    /// What the row became, if that is known.
    row: Option<Box<[u8]>>,
    /// What of that it has set.
    set: Set,
    certainty: Certainty,
    when: When,
}

/// The rows that are looked at as a whole, and how far the surface got.
type Wanted<'a> = Option<(&'a BTreeSet<u64>, &'a Horizons)>;

/// Who follows one lane after the other.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    seen: &'a Observations,
    catalog: &'a Catalog,
    /// By the place of a row's first observation: 0 if nobody has changed the row, else 1 more than how many
    /// of its observations were found to be right.
    cursors: Vec<u32>,
    /// The places of the lane's rows.
    places: Vec<usize>,
    expected: u64,
    /// Rows in which something differs.
    odd: BTreeSet<u64>,
    /// Of rows that are looked at as a whole: all that was made of them.
    wanted: Wanted<'a>,
    made: BTreeMap<u64, Vec<Made>>,
    /// How far the surface got.
    horizons: Horizons,
    /// Of those that are only counted: how many of their changes had to come before something that came.
    overdue: BTreeMap<u64, u64>,
    /// Rows that several lanes change, or that look alike: how often they were changed for certain, and
    /// perhaps.
    counted: BTreeMap<u64, (Made, u64, u64)>,
    /// Transactions of which the trace does not tell.
    untold: u64,
}

impl<'a> Follower<'a> {
    fn new(seen: &'a Observations, catalog: &'a Catalog, wanted: Wanted<'a>) -> Self {
        Self {
            seen,
            catalog,
            cursors: vec![0; seen.all().len()],
            places: Vec::new(),
            expected: 0,
            odd: BTreeSet::new(),
            wanted,
            made: BTreeMap::new(),
            horizons: Horizons::none(catalog),
            overdue: BTreeMap::new(),
            counted: BTreeMap::new(),
            untold: 0,
        }
    }

    /// A row was changed, or may have been.
    pub(super) fn made(
        &mut self,
        (table, row): (TableId, u64),
        (change, certainty, when): (Change, Certainty, When),
        key: &[u8],
        (content, set): (Option<&[u8]>, Set),
    ) {
        if let Some((wanted, _)) = self.wanted {
            if wanted.contains(&row) {
                let (key, content) = (key.into(), content.map(Into::into));
                let made = Made { table, key, change, row: content, set, certainty, when };
                self.made.entry(row).or_default().push(made);
            }
            return;
        }
        self.expected += u64::from(certainty == Certainty::Certain);
        if certainty != Certainty::Certain {
            self.odd.insert(row);
        }
        let (from, seen) = self.seen.of(row);
        if seen.is_empty() {
            self.odd.insert(row);
            return;
        }
        let cursor = &mut self.cursors[from];
        if *cursor == 0 {
            *cursor = 1;
            self.places.push(from);
        }
        let next = seen.get(*cursor as usize - 1);
        let is_it =
            |it: &Seen| it.what == what(change) && agrees(content, it, self.seen.owed(it, set));
        if next.is_some_and(is_it) {
            *cursor += 1;
            if certainty == Certainty::Certain {
                self.horizons.came(self.catalog, table, when);
            }
        } else {
            self.odd.insert(row);
        }
    }

    /// A row was changed, or may have been, that others may change as well: only how often is known.
    pub(super) fn counts(
        &mut self,
        (table, row): (TableId, u64),
        (change, certainty, when): (Change, Certainty, When),
        key: &[u8],
    ) {
        if let Some((wanted, horizons)) = self.wanted {
            let is_overdue =
                certainty == Certainty::Certain && horizons.is_past(self.catalog, table, when);
            if is_overdue && wanted.contains(&row) {
                *self.overdue.entry(row).or_default() += 1;
            }
            return;
        }
        self.expected += u64::from(certainty == Certainty::Certain);
        let made = || {
            let (key, row, set) = (key.into(), None, Set::default());
            Made { table, key, change, row, set, certainty, when }
        };
        let (_, certain, perhaps) = self.counted.entry(row).or_insert_with(|| (made(), 0, 0));
        *(if certainty == Certainty::Certain { certain } else { perhaps }) += 1;
    }

    /// A lane was gone through: no other has its rows.
    fn end_lane(&mut self) {
        for from in std::mem::take(&mut self.places) {
            let came = &self.seen.all()[from..];
            let Some(first) = came.first() else { continue };
            // One behind those that were found to be right.
            let next = came.get(self.cursors[from] as usize - 1);
            if next.is_some_and(|next| next.row == first.row) {
                self.odd.insert(first.row);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.expected += other.expected;
        self.untold += other.untold;
        self.odd.extend(other.odd);
        self.horizons.merge(&other.horizons);
        for (row, overdue) in other.overdue {
            *self.overdue.entry(row).or_default() += overdue;
        }
        for (ours, theirs) in self.cursors.iter_mut().zip(&other.cursors) {
            *ours = (*ours).max(*theirs);
        }
        for (row, (made, certain, perhaps)) in other.counted {
            let ours = self.counted.entry(row).or_insert((made, 0, 0));
            (ours.1, ours.2) = (ours.1 + certain, ours.2 + perhaps);
        }
        for (row, made) in other.made {
            self.made.entry(row).or_default().extend(made);
        }
    }
}

/// Judges what came of a run at a surface. `is_observed` says of which tables.
pub(super) fn judge(
    replay: &Replay,
    surface: &str,
    (seen, is_observed): (&Observations, &[bool]),
) -> Result<Followed, ReplayError> {
    let found = walk(replay, (seen, is_observed), None)?;
    let mut verification = Verification {
        expected: found.expected,
        observed: seen.count(),
        doubled: seen.doubled,
        replayed: seen.replayed,
        phantom: seen.truncated,
        ..Verification::default()
    };
    let mut odd = found.odd;
    let mut faults = Vec::new();
    let mut from = 0;
    while let Some(first) = seen.all().get(from) {
        let came = seen.of(first.row).1;
        if found.cursors[from] == 0 && !found.counted.contains_key(&first.row) {
            // Nobody has changed it.
            odd.insert(first.row);
        }
        from += came.len();
    }
    let mut wanted = odd.clone();
    let counted = found.counted.iter().filter(|(row, it)| it.1 > seen.of(**row).1.len() as u64);
    wanted.extend(counted.map(|(row, _)| *row));
    // Where a surface hands over what comes in no order, or its end is known, nothing follows from what came.
    let is_cut =
        replay.past.was_killed && seen.arrivals == Arrivals::AsCommitted && seen.gaps.lost == 0;
    let catalog = &replay.world.catalog;
    let horizons = if is_cut { found.horizons } else { Horizons::none(catalog) };
    let whole =
        (!wanted.is_empty()).then(|| walk(replay, (seen, is_observed), Some((&wanted, &horizons))));
    let whole = whole.transpose()?;
    for (row, (made, certain, perhaps)) in &found.counted {
        let came = seen.of(*row).1.len() as u64;
        verification.expected += came.clamp(*certain, certain + perhaps) - certain;
        let (missing, phantom) =
            (certain.saturating_sub(came), came.saturating_sub(certain + perhaps));
        verification.phantom += phantom;
        let overdue = whole.as_ref().and_then(|it| it.overdue.get(row)).copied().unwrap_or(0);
        let held = seen.held(*row);
        let lost = if seen.is_complete { missing } else { overdue.saturating_sub(came) };
        let lost = lost.saturating_sub(held);
        verification.lost += lost;
        verification.pending += missing - lost;
        let all = [
            (Deviation::Lost, lost),
            (Deviation::Pending, missing - lost),
            (Deviation::Phantom, phantom),
        ];
        let class = all.iter().find(|(_, count)| *count > 0);
        faults.extend(class.map(|(class, _)| (*class, Some(made), None)));
    }
    let is_lost =
        |made: &Made| seen.is_complete || horizons.is_past(catalog, made.table, made.when);
    for (row, whole) in odd.iter().zip(std::iter::repeat(&whole)) {
        let made = whole.as_ref().and_then(|it| it.made.get(row)).map_or(&[][..], Vec::as_slice);
        let came = Came { all: seen, seen: seen.of(*row).1, held: seen.held(*row) };
        row_by_row(made, came, is_lost, &mut verification, &mut faults);
    }
    verification.not_compared = not_compared(replay, surface, &seen.uncompared);
    verification.examples = examples(replay, surface, faults);
    Ok(Followed { verification, untold: found.untold, odd })
}

/// What the run could not compare, as it has noted it.
fn not_compared(
    replay: &Replay,
    surface: &str,
    uncompared: &BTreeMap<(TableId, usize), u64>,
) -> Vec<NotCompared> {
    let of = |((table, column), values): (&(TableId, usize), &u64)| {
        let name = replay.names.get(usize::from(table.0))?.clone();
        let column = replay.world.catalog.table(*table).columns.get(*column)?.0.clone();
        Some(NotCompared { surface: surface.to_owned(), table: name, column, values: *values })
    };
    uncompared.iter().filter_map(of).collect()
}

/// What is not as it should be: class, what was made, what came.
type ChangeDiscrepancy<'a> = (Deviation, Option<&'a Made>, Option<&'a Seen>);

fn examples(
    replay: &Replay,
    surface: &str,
    mut faults: Vec<ChangeDiscrepancy<'_>>,
) -> Vec<Example> {
    let order = |it: &ChangeDiscrepancy<'_>| {
        let table = it.1.map(|made| made.table.0).or(it.2.map(|seen| seen.table));
        (table, it.1.map(|made| made.key.clone()), it.2.map(|seen| seen.lsn))
    };
    faults.sort_by_cached_key(order);
    let catalog = &replay.world.catalog;
    let example = |(class, made, seen): ChangeDiscrepancy<'_>| {
        let table = made.map(|made| made.table.0).or(seen.map(|seen| seen.table)).unwrap_or(0);
        let info = catalog.table(TableId(table));
        let came = seen.map(|seen| match seen.what {
            What::Insert => "insert",
            What::Update => "update",
            What::Delete => "delete",
            What::Truncate
            | What::End
            | What::Gone
            | What::Snapshot
            | What::Held
            | What::Owed
            | What::Uncompared => "truncate",
        });
        let operation = made.map(|made| match made.change {
            Change::Insert => "insert",
            Change::Update => "update",
            Change::Delete => "delete",
        });
        let values = |made: &Made| made.row.as_deref().map(|row| show(row, &info.columns, true));
        Example {
            class,
            surface: surface.to_owned(),
            table: replay.name_of(TableId(table)),
            // Of what nobody has made, only a hash of the key was noted.
            key: made.map_or_else(String::new, |made| show_key(&made.key, info)),
            operation: operation.or(came).unwrap_or(""),
            expected: made.and_then(values).or(operation.map(str::to_owned)),
            seen: came.map(str::to_owned),
            lsn: seen.map(|seen| crate::sink::postgres::replication::Lsn(seen.lsn).to_string()),
        }
    };
    First::of(faults, |it| it.0).all().map(example).collect()
}

/// Goes through all lanes, on all threads.
fn walk<'a>(
    replay: &'a Replay,
    (seen, is_observed): (&'a Observations, &'a [bool]),
    wanted: Wanted<'a>,
) -> Result<Follower<'a>, ReplayError> {
    let lanes: Vec<_> = replay.world.all_lanes().collect();
    let next = AtomicUsize::new(0);
    let catalog = &replay.world.catalog;
    let work = || {
        let mut walker = Walker::new(replay, is_observed);
        walker.follower = Some(Follower::new(seen, catalog, wanted));
        while let Some((group, lane)) = lanes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _ = walker.walk(*group, *lane);
            walker.follower.iter_mut().for_each(Follower::end_lane);
        }
        let untold = walker.untold;
        walker.follower.map(|follower| Follower { untold, ..follower })
    };
    let whole = thread::scope(|scope| {
        let threads: Vec<_> = (0..replay.workers.max(1)).map(|_| scope.spawn(work)).collect();
        let mut whole = Follower::new(seen, catalog, wanted);
        // What one that panicked had not looked at must not pass for seen.
        let done =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|it| resume_unwind(it)));
        let done = done.flatten();
        done.for_each(|follower| whole.merge(follower));
        whole
    });
    replay.unless_halted(whole)
}
