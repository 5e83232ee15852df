//! Where an earlier run stopped, lane by lane: what a run needs to know that goes on from there.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;

use crate::engine::account::ExceptionKind;
use crate::engine::account::LaneAccount;
use crate::generate::World;

/// How far a lane got.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LaneMark {
    /// How often the timetable was begun.
    pub rounds: u32,
    /// Whether it came to its end each time.
    pub is_complete: bool,
    /// What was decided, and what of it did not take effect.
    #[serde(flatten)]
    pub account: LaneAccount,
}

/// How far all lanes got.
#[derive(Debug, Clone, Default)]
pub struct Resume {
    lanes: HashMap<(usize, u32), LaneMark>,
}

impl Resume {
    /// Of these lanes. Of two marks of a lane, the later one stands.
    pub fn new(marks: Vec<LaneMark>) -> Self {
        let lanes = marks.into_iter().map(|mark| ((mark.account.group, mark.account.lane), mark));
        Self { lanes: lanes.collect() }
    }

    /// How far a lane of a group got; `None` if it is at its beginning.
    pub(super) fn lane(&self, group: usize, lane: u32) -> Option<&LaneAccount> {
        self.lanes.get(&(group, lane)).map(|mark| &mark.account)
    }

    /// All marks, in the order of their lanes.
    pub fn marks(&self) -> Vec<&LaneMark> {
        let mut marks: Vec<_> = self.lanes.values().collect();
        marks.sort_by_key(|mark| (mark.account.group, mark.account.lane));
        marks
    }

    /// How often the timetable was begun.
    pub fn rounds(&self) -> u32 {
        self.lanes.values().map(|mark| mark.rounds).max().unwrap_or(1).max(1)
    }

    /// How often it is begun with the run that goes on: once more if it came to its end.
    pub fn next_rounds(&self) -> u32 {
        self.rounds() + u32::from(self.is_complete())
    }

    /// Whether it came to its end in every lane.
    pub fn is_complete(&self) -> bool {
        !self.lanes.is_empty() && self.lanes.values().all(|mark| mark.is_complete)
    }

    /// When the last decision of all was planned, in nanoseconds since the warm-up began.
    pub fn planned_ns(&self) -> u64 {
        self.lanes.values().map(|mark| mark.account.planned_ns).max().unwrap_or(0)
    }

    /// How many lanes of a world it does not know.
    pub fn missing(&self, world: &World) -> usize {
        let groups = 0..world.groups.len();
        let lanes = groups.flat_map(|group| (0..world.lanes_of(group)).map(move |it| (group, it)));
        lanes.filter(|lane| !self.lanes.contains_key(lane)).count()
    }

    /// Why nobody can go on from there, if so.
    pub fn obstacle(&self) -> Option<String> {
        let accounts = || self.lanes.values().map(|mark| &mark.account);
        let forgotten: u64 = accounts().map(|account| account.more).sum();
        if forgotten > 0 {
            return Some(format!(
                "{forgotten} actions more did not take effect than its books have room for"
            ));
        }
        let unknown: usize = accounts().map(unknown).sum();
        (unknown > 0).then(|| format!("nobody can tell what became of {unknown} of its actions"))
    }
}

/// How many of a lane's actions are unknown and leave nothing by which one could find out.
fn unknown(account: &LaneAccount) -> usize {
    let under_way = account.doubt.map(|doubt| (doubt.stream, doubt.slot));
    let unknown = account.exceptions.iter().filter(|it| it.fate == ExceptionKind::Unknown);
    unknown.filter(|it| Some((it.stream, it.slot)) != under_way).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::account::Doubt;
    use crate::engine::account::Exception;

    fn mark(lane: u32, rounds: u32, is_complete: bool) -> LaneMark {
        let account = LaneAccount { lane, planned_ns: u64::from(lane), ..LaneAccount::default() };
        LaneMark { rounds, is_complete, account }
    }

    #[test]
    fn the_later_mark_of_a_lane_stands() {
        let resume = Resume::new(vec![mark(0, 2, true), mark(1, 2, true), mark(0, 3, false)]);
        assert_eq!((resume.rounds(), resume.is_complete(), resume.planned_ns()), (3, false, 1));
        assert!(Resume::new(vec![mark(0, 2, true)]).is_complete());
        assert!(!Resume::default().is_complete());
    }

    #[test]
    fn what_is_unknown_is_an_obstacle_unless_one_can_find_out() {
        let unknown = Exception { stream: 1, parts: 0, slot: 5, fate: ExceptionKind::Unknown };
        let mut lost = mark(0, 1, false);
        lost.account.exceptions.push(unknown);
        let obstacle = Resume::new(vec![lost.clone()]).obstacle().unwrap();
        assert_eq!(obstacle, "nobody can tell what became of 1 of its actions");
        lost.account.doubt = Some(Doubt {
            stream: 1,
            slot: 5,
            part: 0,
            horizon: 0,
            is_numbered: true,
            number: None,
            is_doubtful: false,
            seen: 0,
        });
        assert_eq!(Resume::new(vec![lost.clone()]).obstacle(), None);
        lost.account.more = 1;
        assert!(Resume::new(vec![lost]).obstacle().is_some());
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mut mark = mark(3, 2, true);
        mark.account.next = vec![Some(9), None];
        let text = serde_json::to_string(&mark).unwrap();
        let read: LaneMark = serde_json::from_str(&text).unwrap();
        assert_eq!((read.rounds, read.account.lane, read.account.next), (2, 3, mark.account.next));
    }
}
