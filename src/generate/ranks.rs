//! Who the first rows of a table are, for whoever wants to know how often they are named.

use std::collections::BTreeMap;

use crate::action::Action;
use crate::action::TableId;
use crate::action::write_value;
use crate::generate::column::Filler;
use crate::generate::column::ParentRow;
use crate::generate::world::World;
use crate::pace::real;

/// The rows that seeded rows name by a reference, from the oldest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranks {
    /// Among how many each is picked.
    pub among: u64,
    /// In which share of the lanes there is one more.
    pub more: f64,
    /// Of the first of them the rank, from 0 on, by the text of what names them. Where a row names one of its
    /// own lane, each lane has one of each rank.
    pub first: BTreeMap<String, u64>,
}

impl World {
    /// The first `count` rows that a column's references name; `None` if it picks none of its own.
    pub fn ranks(&self, table: TableId, column: usize, count: u64) -> Option<Ranks> {
        let Filler::Reference { table: named, column: target, parent } =
            &self.table(table).columns[column].filler
        else {
            return None;
        };
        let is_dealt = match parent {
            ParentRow::Owner | ParentRow::Of { .. } => return None,
            ParentRow::Still { .. } => false,
            ParentRow::Decided(place) => self.has_children(&self.table(table).decided[*place]),
        };
        let of = self.table(*named);
        let lanes = (0..of.lanes * of.stride).filter(|lane| lane % of.stride == of.offset);
        let lane_count = u64::from(of.lanes);
        let (among, more) = if is_dealt {
            (of.seeded / lane_count, real(of.seeded % lane_count) / real(lane_count))
        } else {
            (of.seeded, 0.0)
        };
        let mut action = Action::default();
        let mut first = BTreeMap::new();
        for rank in 0..count.min(among) {
            let alike: Vec<u64> = if is_dealt {
                lanes.clone().map(|lane| self.ordinal(*named, lane, rank)).collect()
            } else {
                vec![rank]
            };
            for ordinal in alike {
                action.clear();
                let value = self.pure_value(*named, *target, ordinal, &mut action);
                let mut text = String::new();
                write_value(value, &action, &mut text);
                first.insert(text, rank);
            }
        }
        Some(Ranks { among, more, first })
    }
}
