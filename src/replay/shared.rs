//! Rows that all lanes add to: what was added to each is summed up over the lanes.

use std::collections::BTreeMap;

use crate::action::Assignment;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::action::Value;
use crate::observe::cells;
use crate::replay::digest::Identity;
use crate::replay::evaluate::number;
use crate::sink::postgres::encode::encode;
use crate::units::Decimal;

/// What was added to shared rows.
#[derive(Debug, Default)]
pub(super) struct Additions {
    /// By row and column; `None` where it is not known.
    all: BTreeMap<(TableId, Identity, usize), Option<Decimal>>,
}

impl Additions {
    /// Adds to a row, or may have.
    pub(super) fn add(
        &mut self,
        (table, identity): (TableId, Identity),
        set: &[Assignment],
        values: &[Value],
        is_certain: bool,
    ) {
        for (assignment, value) in set.iter().zip(values) {
            let amount = match value {
                Value::Int(whole) => Some(Decimal::from(*whole)),
                Value::Decimal(number) => Some(*number),
                _ => None,
            };
            self.sum((table, identity, assignment.column), amount.filter(|_| is_certain));
        }
    }

    fn sum(&mut self, place: (TableId, Identity, usize), amount: Option<Decimal>) {
        let sum = self.all.entry(place).or_insert(Some(Decimal::default()));
        *sum = sum.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
    }

    /// Adds what others have found.
    pub(super) fn merge(&mut self, other: Self) {
        for (place, amount) in other.all {
            self.sum(place, amount);
        }
    }

    /// What a seeded row of a shared table has become.
    pub(super) fn applied(
        &self,
        (table, identity): (TableId, Identity),
        info: &TableInfo,
        row: &[u8],
    ) -> Vec<u8> {
        let columns = (table, identity, 0)..=(table, identity, usize::MAX);
        let sums: BTreeMap<usize, Option<Decimal>> =
            self.all.range(columns).map(|((_, _, column), sum)| (*column, *sum)).collect();
        let mut out = Vec::with_capacity(row.len());
        for (column, (piece, cell)) in cells::pieces(row).enumerate() {
            let Some(sum) = sums.get(&column) else {
                out.extend_from_slice(piece);
                continue;
            };
            let kind = info.columns[column].1;
            let old = cell.flatten().and_then(|bytes| number(kind, bytes));
            let new = old.zip(*sum).and_then(|(old, sum)| old.checked_add(sum));
            let value = new.map(|new| match kind.integer_range() {
                Some(_) => Value::Int(new.unscaled),
                None => Value::Decimal(new),
            });
            match value {
                None => cells::push_open(&mut out),
                Some(value) => {
                    let mut field = Vec::new();
                    encode(value, kind, &crate::action::Action::default(), &mut field);
                    cells::push_field(kind, &field, &mut out);
                }
            }
        }
        out
    }
}
