//! Tables that lose all their rows at once: whether they had to.

use std::collections::BTreeMap;

use crate::action::TableId;
use crate::sink::postgres::replication::Lsn;

/// Of all tables.
#[derive(Debug, Default)]
pub(super) struct Truncations {
    tables: BTreeMap<TableId, Truncated>,
}

/// Of one table.
#[derive(Debug, Default)]
pub(super) struct Truncated {
    /// Those that must come.
    pub(super) certain: usize,
    /// Those that may.
    pub(super) unknown: usize,
    /// Those that came.
    pub(super) seen: Vec<Lsn>,
}

impl Truncations {
    /// One was acknowledged, or may have been made.
    pub(super) fn expect(&mut self, table: TableId, is_known: bool) {
        let table = self.tables.entry(table).or_default();
        *(if is_known { &mut table.certain } else { &mut table.unknown }) += 1;
    }

    /// One has come.
    pub(super) fn came(&mut self, table: TableId, lsn: Lsn) {
        self.tables.entry(table).or_default().seen.push(lsn);
    }

    /// For each table: how many came that nobody was sure of, how many that had to come did not, and those that
    /// nobody had sent.
    pub(super) fn odd(self) -> impl Iterator<Item = (TableId, usize, usize, Vec<Lsn>)> {
        self.tables.into_iter().map(|(table, Truncated { certain, unknown, mut seen })| {
            let missing = certain.saturating_sub(seen.len());
            let unsure = seen.len().saturating_sub(certain).min(unknown);
            (table, unsure, missing, seen.split_off(seen.len().min(certain + unknown)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_to_come_is_told_from_what_nobody_sent() {
        let mut truncations = Truncations::default();
        let tables = [TableId(0), TableId(1), TableId(2)];
        truncations.expect(tables[0], true);
        truncations.came(tables[1], Lsn(7));
        truncations.expect(tables[2], true);
        truncations.expect(tables[2], false);
        truncations.came(tables[2], Lsn(8));
        truncations.came(tables[2], Lsn(9));
        let odd: Vec<_> = truncations.odd().collect();
        let expected =
            [(tables[0], 0, 1, vec![]), (tables[1], 0, 0, vec![Lsn(7)]), (tables[2], 1, 0, vec![])];
        assert_eq!(odd, expected);
    }
}
