//! Which events have a fault, and which: drawn for each from its number, so that whoever sends it, and
//! whenever, sends it with the same one.

use crate::action::Fault;
use crate::action::FaultClass;
use crate::action::TableInfo;
use crate::generate::Decision;
use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::lane::Turn;
use crate::generate::world::Step;
use crate::scenario::Faults;

/// What may be wrong with the events of a table.
#[derive(Debug)]
pub(super) struct TableFaults {
    /// Classes with cumulated shares; beyond the last, nothing is wrong.
    shares: Vec<(FaultClass, f64)>,
    /// How late, at least and at most, in nanoseconds.
    late_ns: (u64, u64),
    /// The columns that are sent.
    sent: Vec<u16>,
    /// The one that says of what type the event is.
    kind: Option<u16>,
}

impl TableFaults {
    /// Of an event's table, as its domain says.
    pub(super) fn of(faults: &Faults, table: &TableInfo) -> Self {
        let narrow = |column: usize| u16::try_from(column).unwrap_or(u16::MAX);
        let mut sum = 0.0;
        let shares = FaultClass::ALL.into_iter().map(|class| {
            sum += faults.share(class);
            (class, sum)
        });
        let shares = shares.collect();
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
        let sent = (0..names.len()).filter(|column| !table.hidden.contains(column));
        let sent = sent.map(narrow).collect();
        let kind = faults.type_column(&names).map(narrow);
        Self { shares, late_ns: faults.late_ns, sent, kind }
    }

    fn draw(&self, draw: &mut Draw) -> Option<Fault> {
        let unit = draw.unit();
        // Beyond a share of 0 there is nothing to hit.
        let (class, _) = self.shares.iter().find(|(_, share)| unit < *share)?;
        let mut column = || {
            let place = draw.below(self.sent.len() as u64);
            self.sent.get(usize::try_from(place).unwrap_or(0)).copied()
        };
        match class {
            FaultClass::Late => {
                let (least, most) = self.late_ns;
                Some(Fault::Late(least + draw.below((most - least).saturating_add(1))))
            }
            FaultClass::OutOfOrder => Some(Fault::OutOfOrder),
            FaultClass::Doubled => Some(Fault::Doubled),
            FaultClass::Malformed => Some(Fault::Malformed(draw.bits())),
            FaultClass::MissingField => column().map(Fault::MissingField),
            FaultClass::WrongType => column().map(Fault::WrongType),
            FaultClass::UnknownType => self.kind.map(Fault::UnknownType),
        }
    }
}

impl World {
    /// What is wrong with the event of a step, if anything is.
    pub(super) fn fault_of(&self, step: &Step, decision: &Decision) -> Option<Fault> {
        let faults = self.table(step.table).faults.as_ref()?;
        let number = self.number(step.table, decision.pick(step.at));
        faults.draw(&mut Draw::new(key(self.seed, step.table.0, Purpose::Fault, number)))
    }

    /// Whether an event of a decision waits, because of a fault, before it is sent.
    pub fn holds_back(&self, decision: &Decision) -> bool {
        let steps = &self.actions[usize::from(decision.action)].steps;
        let waits = |step: &Step| self.fault_of(step, decision).is_some_and(Fault::holds_back);
        decision.turn != Turn::Skip && steps.iter().any(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(shares: [f64; 7]) -> TableFaults {
        let mut sum = 0.0;
        let cumulated = FaultClass::ALL.into_iter().zip(shares).map(|(class, share)| {
            sum += share;
            (class, sum)
        });
        let shares = cumulated.collect();
        TableFaults { shares, late_ns: (5, 9), sent: vec![1, 3, 4], kind: Some(3) }
    }

    fn drawn(faults: &TableFaults, count: u64) -> Vec<Fault> {
        (0..count).filter_map(|seed| faults.draw(&mut Draw::new(seed.wrapping_mul(7919)))).collect()
    }

    #[test]
    fn each_class_is_drawn_as_often_as_its_share_says() {
        let shares = [0.05, 0.04, 0.03, 0.02, 0.01, 0.06, 0.07];
        let all = drawn(&faults(shares), 200_000);
        for (class, share) in FaultClass::ALL.into_iter().zip(shares) {
            let count = all.iter().filter(|fault| fault.class() == class).count();
            let expected = 200_000.0 * share;
            let differs = (crate::pace::real(count as u64) - expected).abs();
            assert!(differs < 5.0 * libm::sqrt(expected), "{class:?}: {count} and not {expected}");
        }
        for fault in all {
            match fault {
                Fault::Late(by) => assert!((5..=9).contains(&by)),
                Fault::MissingField(at) | Fault::WrongType(at) => assert!([1, 3, 4].contains(&at)),
                Fault::UnknownType(at) => assert_eq!(at, 3),
                Fault::OutOfOrder | Fault::Doubled | Fault::Malformed(_) => {}
            }
        }
    }

    #[test]
    fn shares_of_nothing_and_of_all_are_kept_exactly() {
        assert!(drawn(&faults([0.0; 7]), 10_000).is_empty());
        let only = drawn(&faults([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 10_000);
        assert_eq!(only, vec![Fault::Doubled; 10_000]);
    }
}
