//! The records that came last, and how far in the log those go that are not remembered any more.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

use crate::action::TableId;
use crate::sink::postgres::replication::Lsn;

/// Records that are remembered: eight bytes and a place in a set each.
pub(in crate::observe) const REMEMBERED: usize = 1 << 20;
/// So many are forgotten at a time.
const PART: usize = 1 << 16;

/// The way by which records of a table come, in the order of their commits: a partition.
type Way = (TableId, usize);

/// Records by their numbers. What comes again is not remembered anew, so a long log that comes again pushes nothing out.
#[derive(Debug, Default)]
pub(super) struct Known {
    all: HashSet<u64>,
    parts: VecDeque<Part>,
    /// By way: the last place of what is forgotten.
    forgotten: HashMap<Way, Lsn>,
}

/// Records that came one after the other.
#[derive(Debug, Default)]
struct Part {
    numbers: Vec<u64>,
    /// By way: the last place of them.
    last: HashMap<Way, Lsn>,
}

/// What is known of a record that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    New,
    /// It came before.
    Known,
    /// It is from before what is remembered, and may have come before.
    Doubtful,
}

impl Known {
    pub(super) fn standing(&self, number: u64, (way, lsn): (Way, Lsn)) -> Standing {
        if self.all.contains(&number) {
            return Standing::Known;
        }
        // Where no place in the log is told, nothing lies before another.
        let is_before = |last: &Lsn| lsn != Lsn::default() && lsn <= *last;
        if self.forgotten.get(&way).is_some_and(is_before) {
            return Standing::Doubtful;
        }
        Standing::New
    }

    /// It came, and is remembered for as long as there is room.
    pub(super) fn add(&mut self, number: u64, (way, lsn): (Way, Lsn)) {
        if !self.all.insert(number) {
            return;
        }
        if self.parts.back().is_none_or(|part| part.numbers.len() >= PART) {
            self.begin_part();
        }
        let Some(part) = self.parts.back_mut() else { return };
        part.numbers.push(number);
        let last = part.last.entry(way).or_default();
        *last = lsn.max(*last);
    }

    /// It may come again, and is another one then.
    pub(super) fn forget(&mut self, number: u64) {
        self.all.remove(&number);
    }

    fn begin_part(&mut self) {
        self.parts.push_back(Part::default());
        if self.parts.len() <= REMEMBERED / PART {
            return;
        }
        let Some(oldest) = self.parts.pop_front() else { return };
        for number in oldest.numbers {
            self.all.remove(&number);
        }
        for (way, lsn) in oldest.last {
            let last = self.forgotten.entry(way).or_default();
            *last = lsn.max(*last);
        }
    }
}
