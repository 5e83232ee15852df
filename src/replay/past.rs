//! What the folder of a run says of each lane: how far it got, and what became of its transactions.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;

use crate::engine::account::LaneAccount;
use crate::engine::journal::Journal;
use crate::engine::journal::JournalError;
use crate::generate::World;
use crate::ledger::Blocks;
use crate::ledger::Fate;
use crate::ledger::Gaps;
use crate::ledger::RECORD;
use crate::ledger::Record;
use crate::ledger::RunFiles;
use crate::ledger::TRACE;
use crate::replay::ReplayError;
use crate::replay::horizon::When;

/// What a run that came to its end has left.
pub const ACCOUNT: &str = "account.json";
/// Of a killed run that left no notes of how far it was: so many decisions of a lane behind the last that is
/// in its trace may have been sent.
const BEHIND: u64 = 4_096;

/// What is known of a run.
#[derive(Debug)]
pub struct Past {
    /// By the lane's number over all groups.
    lanes: Vec<LanePast>,
    /// By lane, decision and part: what statements changed another number of rows, and how many.
    shortfalls: HashMap<(u32, u32, u8), Vec<(u32, u32)>>,
    /// How many transactions the trace tells of.
    pub transactions: u64,
    /// What of the trace cannot be read.
    pub gaps: Gaps,
    /// Whether the run was killed: it has left no account.
    pub was_killed: bool,
}

#[derive(Debug, Default)]
struct LanePast {
    notes: Vec<Note>,
    /// Decisions that it took.
    decided: u64,
}

/// What became of a part of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note {
    number: u32,
    pub(super) part: u8,
    pub(super) fate: Fate,
    pub(super) when: When,
}

/// What is read of a run's account.
#[derive(Debug, Deserialize)]
struct Accounted {
    lanes: Vec<LaneAccount>,
}

impl Past {
    /// Reads what a run of this world has kept.
    pub fn read(files: RunFiles<'_>, world: &World) -> Result<Self, ReplayError> {
        let lanes = world.all_lanes().map(|_| LanePast::default()).collect();
        let shortfalls = HashMap::new();
        let (gaps, was_killed) = (Gaps::default(), false);
        let mut past = Self { lanes, shortfalls, transactions: 0, gaps, was_killed };
        let mut strange = 0_u64;
        let blocks = Blocks::read(files, TRACE, |base, bytes| {
            for bytes in bytes.chunks_exact(RECORD) {
                match Record::read(bytes, base) {
                    Some(record) => past.take(record),
                    None => strange += 1,
                }
            }
        });
        let shown = files.folder.display().to_string();
        let blocks =
            blocks.map_err(|error| ReplayError::Unreadable(shown.clone(), error.to_string()))?;
        let Some(blocks) = blocks else { return Err(ReplayError::NoTrace(shown)) };
        past.gaps = blocks.gaps;
        past.gaps.lost += strange;
        for lane in &mut past.lanes {
            // What became of it last stands last.
            lane.notes.sort_by_key(|note| note.number);
        }
        past.find_ends(files.folder, world)?;
        Ok(past)
    }

    fn take(&mut self, record: Record) {
        let Some(lane) = self.lanes.get_mut(record.lane as usize) else { return };
        if record.fate == Fate::Shortfall {
            let Some(last) = lane.notes.last() else { return };
            let place = (record.lane, last.number, record.part);
            self.shortfalls.entry(place).or_default().push((record.number, record.transaction));
            return;
        }
        self.transactions += u64::from(record.fate != Fate::Nothing);
        let when = When::of(record.settled.saturating_sub(record.service), record.settled);
        let Record { number, part, fate, .. } = record;
        lane.notes.push(Note { number, part, fate, when });
    }

    /// How far each lane got: by the account, or by what a killed run has noted, or by its trace.
    fn find_ends(&mut self, folder: &Path, world: &World) -> Result<(), ReplayError> {
        let unreadable = |why: String| ReplayError::Unreadable(folder.display().to_string(), why);
        let account = match fs::read_to_string(folder.join(ACCOUNT)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(format!("`{ACCOUNT}`: {error}"))),
        };
        let accounts = if let Some(text) = account {
            let accounted: Accounted = serde_json::from_str(&text)
                .map_err(|error| unreadable(format!("`{ACCOUNT}`: {error}")))?;
            accounted.lanes
        } else {
            self.was_killed = true;
            match Journal::read(folder) {
                Ok(marks) => marks.into_iter().map(|mark| mark.account).collect(),
                Err(JournalError::Locked) => {
                    return Err(ReplayError::GoesOn(folder.display().to_string()));
                }
                Err(_) => Vec::new(),
            }
        };
        for account in &accounts {
            let (group, lane) = (account.group, account.lane);
            if group >= world.groups.len() || lane >= world.lanes_of(group) {
                return Err(unreadable(format!(
                    "it tells of the lane {lane} of the streams' group {group}, which the scenario does not have: it is \
                     of another run, or somebody has altered it"
                )));
            }
            let number = world.lane_number(group, lane) as usize;
            if let Some(lane) = self.lanes.get_mut(number) {
                lane.decided = account.decided;
            }
        }
        if accounts.is_empty() {
            for lane in &mut self.lanes {
                let last = lane.notes.last().map_or(0, |note| u64::from(note.number) + 1);
                lane.decided = last + BEHIND;
            }
        }
        Ok(())
    }

    /// How many decisions a lane took, or may have taken.
    pub(super) fn decided(&self, lane: u32) -> u64 {
        self.lanes.get(lane as usize).map_or(0, |lane| lane.decided)
    }

    /// What is noted of a lane's decisions, in their order.
    pub(super) fn notes(&self, lane: u32) -> Notes<'_> {
        Notes { left: self.lanes.get(lane as usize).map_or(&[], |lane| lane.notes.as_slice()) }
    }

    /// Which statements of a part changed another number of rows.
    pub(super) fn shortfalls(&self, (lane, number, part): (u32, u32, u8)) -> &[(u32, u32)] {
        self.shortfalls.get(&(lane, number, part)).map_or(&[], Vec::as_slice)
    }
}

/// The notes of a lane that were not asked for yet.
#[derive(Debug, Clone)]
pub(super) struct Notes<'a> {
    left: &'a [Note],
}

impl<'a> Notes<'a> {
    /// Those of a decision; decisions are asked for in order.
    pub(super) fn of(&mut self, number: u32) -> &'a [Note] {
        let before = self.left.iter().take_while(|note| note.number < number).count();
        let rest = &self.left[before..];
        let own = rest.iter().take_while(|note| note.number == number).count();
        let (own, left) = rest.split_at(own);
        self.left = left;
        own
    }
}
