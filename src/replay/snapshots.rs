//! Rows of snapshots, which come among the changes and are none: each must be a version that its row has had.
//!
//! A connector reads a row between two marks in the log, and hands it over behind the changes that come before those. So it
//! is the version that these have left, or a later one that was under way before it came: an older one is stale, another
//! one wrong, and a row that never lived is made up. Where rows come in no order, as in files, none is stale: any version
//! will do that was under way before it came.

use std::collections::HashMap;

use crate::action::Catalog;
use crate::action::TableId;
use crate::ledger::Seen;
use crate::ledger::hash::half;
use crate::measure::Deviation;
use crate::measure::Example;
use crate::measure::First;
use crate::measure::Verification;
use crate::observe::cells::Owed;
use crate::observe::cells::show;
use crate::observe::cells::show_key;
use crate::replay::Followed;
use crate::replay::Replay;
use crate::replay::ReplayError;
use crate::replay::digest::Identity;
use crate::replay::horizon::When;
use crate::replay::lane::Walker;
use crate::replay::observed::Observations;
use crate::replay::observed::Set;
use crate::replay::observed::agrees;
use crate::scenario::Arrivals;
use crate::sink::postgres::replication::Lsn;

/// A row of a snapshot.
#[derive(Debug)]
struct SnapshotRow {
    seen: Seen,
    /// What it has not told of its row.
    owed: Owed,
    /// How many changes of its row came before it.
    behind: u32,
    /// When it came, in milliseconds.
    came: u32,
    /// Whether it is a version that it may be, or nobody can tell.
    is_right: bool,
}

/// A version of a row: its key, and all its values.
type Version = (Box<[u8]>, Box<[u8]>);

/// The versions of one row that came by a snapshot.
#[derive(Debug, Default)]
struct Versions {
    held: Vec<SnapshotRow>,
    /// How many changes it has had so far.
    count: u32,
    /// The last one that lived.
    last: Option<Version>,
}

/// Takes all versions of rows, while lanes are gone through again.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    rows: HashMap<u64, Versions>,
}

impl Snapshots {
    /// Those whose rows were as they should be otherwise.
    fn of(seen: &Observations, followed: &Followed) -> Self {
        let mut rows: HashMap<u64, Versions> = HashMap::new();
        for one in seen.snapshots().iter().filter(|it| !followed.odd.contains(&it.row)) {
            let is_before = |it: &&Seen| seen.arrivals != Arrivals::InNoOrder && it.at < one.at;
            let before = seen.of(one.row).1.iter().filter(is_before).count();
            let held = SnapshotRow {
                seen: *one,
                owed: seen.owed(one, Set::WHOLE),
                behind: u32::try_from(before).unwrap_or(u32::MAX),
                came: u32::try_from(one.at / 1_000_000).unwrap_or(u32::MAX),
                is_right: false,
            };
            rows.entry(one.row).or_default().held.push(held);
        }
        Self { rows }
    }

    /// A row that was seeded.
    pub(super) fn seeded(&mut self, identity: Identity, key: &[u8], row: &[u8]) {
        if let Some(versions) = self.rows.get_mut(&half(identity)) {
            versions.take((key, Some(row)), When::default());
        }
    }

    /// A row was changed, and is this now, or nothing.
    pub(super) fn changed(
        &mut self,
        identity: Identity,
        (key, row): (&[u8], Option<&[u8]>),
        (is_certain, when): (bool, When),
    ) {
        let Some(versions) = self.rows.get_mut(&half(identity)) else { return };
        versions.count += 1;
        if !is_certain {
            versions.held.iter_mut().for_each(|it| it.is_right = true);
        }
        versions.take((key, row), when);
    }
}

impl Versions {
    fn take(&mut self, (key, row): (&[u8], Option<&[u8]>), when: When) {
        let Some(row) = row else { return };
        for held in self.held.iter_mut().filter(|it| !it.is_right) {
            let is_in_time = held.behind <= self.count && when.sent <= held.came;
            held.is_right = is_in_time && agrees(Some(row), &held.seen, held.owed);
        }
        if self.held.iter().any(|it| !it.is_right) {
            self.last = Some((key.into(), row.into()));
        }
    }
}

/// What was found of the rows of snapshots at a surface.
#[derive(Debug, Default, Clone)]
pub struct SnapshotVerdict {
    /// How many were judged, and how many of them were not: of rows in which something else is amiss, or of which not all
    /// is known.
    pub judged: u64,
    /// See there.
    pub left: u64,
    /// What is wrong with them.
    pub verification: Verification,
}

/// Judges the rows of snapshots that came at a surface.
pub(super) fn judge(
    replay: &Replay,
    surface: &str,
    (seen, is_observed): (&Observations, &[bool]),
    followed: &Followed,
) -> Result<SnapshotVerdict, ReplayError> {
    let all = seen.snapshots().len() as u64;
    let is_unsure = replay.past.gaps.lost > 0 || followed.untold > 0 || seen.gaps.lost > 0;
    if all == 0 || is_unsure {
        return Ok(SnapshotVerdict { left: all, ..SnapshotVerdict::default() });
    }
    let snapshots = walk(replay, is_observed, Snapshots::of(seen, followed))?;
    let held = snapshots.rows.values().map(|it| it.held.len() as u64);
    let mut left = all - held.sum::<u64>();
    let has_others = |it: &SnapshotRow| {
        replay.has_others.get(usize::from(it.seen.table)).copied().unwrap_or(false)
    };
    let mut odd: Vec<(&SnapshotRow, &Versions)> = Vec::new();
    for versions in snapshots.rows.values() {
        let wrong = versions.held.iter().filter(|it| !it.is_right);
        let is_ours = |it: &&SnapshotRow| versions.last.is_some() || !has_others(it);
        let (ours, others): (Vec<_>, Vec<_>) = wrong.partition(is_ours);
        odd.extend(ours.into_iter().map(|it| (it, versions)));
        left += others.len() as u64;
    }
    odd.sort_by_key(|(held, _)| (held.seen.at, held.seen.row));
    let mut verdict = SnapshotVerdict { judged: all - left, left, ..SnapshotVerdict::default() };
    let mut first = First::default();
    for (held, versions) in odd {
        let found = &mut verdict.verification;
        found.observed += 1;
        let has_lived = versions.last.is_some();
        found.expected += u64::from(has_lived);
        let class = if has_lived { Deviation::Wrong } else { Deviation::Phantom };
        *found.of(class) += 1;
        first.add(class, || example(replay, surface, class, (held, versions)));
    }
    verdict.verification.examples = first.all().collect();
    Ok(verdict)
}

/// Goes through all versions of all rows.
fn walk(
    replay: &Replay,
    is_observed: &[bool],
    snapshots: Snapshots,
) -> Result<Snapshots, ReplayError> {
    let world = &replay.world;
    let mut walker = Walker::new(replay, is_observed);
    walker.snapshots = Some(snapshots);
    let mut changing = vec![false; world.table_count()];
    for group in 0..world.groups.len() {
        for table in world.tables_of(group) {
            changing[usize::from(table.0)] = true;
        }
    }
    for (group, lane) in world.all_lanes() {
        let _ = walker.walk(group, lane);
    }
    let mut snapshots = walker.snapshots.take().unwrap_or_default();
    for number in (0..world.table_count()).filter(|it| is_observed[*it] && !changing[*it]) {
        let table = TableId::of(number);
        let info = world.catalog.table(table);
        for row in 0..world.seeded_rows(table) {
            if !walker.goes_on() {
                break;
            }
            walker.seeded(table, row, |identity, row| {
                snapshots.seeded(identity, &super::lane::key_of(info, row), row);
            });
        }
    }
    replay.unless_halted(snapshots)
}

fn example(
    replay: &Replay,
    surface: &str,
    class: Deviation,
    (held, versions): (&SnapshotRow, &Versions),
) -> Example {
    let catalog: &Catalog = &replay.world.catalog;
    let info = catalog.table(TableId(held.seen.table));
    let last = versions.last.as_ref();
    Example {
        class,
        surface: surface.to_owned(),
        table: replay.name_of(TableId(held.seen.table)),
        // Of what nobody has made, only a hash of the key was noted.
        key: last.map_or_else(String::new, |(key, _)| show_key(key, info)),
        operation: "snapshot",
        expected: last.map(|(_, row)| show(row, &info.columns, true)),
        seen: Some("a row that is no version which it may be then".to_owned()),
        lsn: Some(Lsn(held.seen.lsn).to_string()),
    }
}
