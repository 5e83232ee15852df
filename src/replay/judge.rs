//! Holds what rows must be against what stands in databases.

use std::collections::BTreeMap;
use std::collections::HashSet;

use tokio_postgres::Client;

use crate::action::Catalog;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::measure::Deviation;
use crate::measure::EXAMPLES_MAX;
use crate::measure::Example;
use crate::measure::First;
use crate::observe::cells::agree;
use crate::observe::cells::show;
use crate::observe::cells::show_key;
use crate::replay::Replay;
use crate::replay::Standing;
use crate::replay::TableVerdict;
use crate::replay::digest::Digest;
use crate::replay::digest::Identity;
use crate::replay::digest::identity;
use crate::replay::fold::Expected;
use crate::replay::fold::Selected;
use crate::replay::fold::fold;
use crate::replay::lane::key_of;
use crate::replay::rows::Row;
use crate::replay::source;
use crate::sink::postgres::provision::SetupError;

/// Rows that are looked at one by one, at most, where tables differ.
const HELD_MAX: u64 = 4_000_000;

/// A row that is not as it should be.
#[derive(Debug)]
struct Mismatch {
    class: Deviation,
    table: TableId,
    key: Vec<u8>,
    expected: Option<Box<[u8]>>,
    seen: Option<Box<[u8]>>,
}

/// The first mismatches of each class, in the order of tables and keys: a hash map decides no order, and there may be as many as rows.
#[derive(Debug, Default)]
struct Mismatches {
    some: Vec<Mismatch>,
}

impl Mismatches {
    fn add(&mut self, fault: Mismatch) {
        self.some.push(fault);
        if self.some.len() >= 8 * EXAMPLES_MAX {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.some.sort_by(|one, other| (one.table, &one.key).cmp(&(other.table, &other.key)));
        self.some = First::of(std::mem::take(&mut self.some), |it| it.class).all().collect();
    }

    fn first(mut self) -> Vec<Mismatch> {
        self.cut();
        self.some
    }
}

/// What is found, table by table.
pub(super) struct Judge<'a> {
    replay: &'a Replay,
    /// Sessions that see one snapshot, by domain.
    sessions: &'a BTreeMap<usize, Client>,
    verdicts: Vec<TableVerdict>,
    faults: Mismatches,
    /// Doubtful rows that were found.
    seen: HashSet<Identity>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(replay: &'a Replay, sessions: &'a BTreeMap<usize, Client>) -> Self {
        let tables = replay.world.table_count();
        let verdicts = vec![TableVerdict::default(); tables];
        Self { replay, sessions, verdicts, faults: Mismatches::default(), seen: HashSet::new() }
    }

    fn catalog(&self) -> &'a Catalog {
        &self.replay.world.catalog
    }

    /// The tables that are judged, each with a session of its database.
    fn tables(&self) -> Vec<(TableId, &'a TableInfo, &'a Client)> {
        let all = self.catalog().tables.iter().enumerate().take(self.replay.world.table_count());
        let judged = all.filter(|(number, _)| self.replay.is_judged[*number]);
        judged
            .filter_map(|(number, info)| {
                Some((TableId::of(number), info, self.sessions.get(&info.domain)?))
            })
            .collect()
    }

    /// Sums all up, table by table, as long as each is as it must be.
    pub(super) async fn judge_if_it_holds(
        mut self,
        expected: &Expected,
    ) -> Result<Option<Standing>, SetupError> {
        for (table, info, client) in self.tables() {
            let number = usize::from(table.0);
            let found = self.first_look((table, info), client, expected).await?;
            let must = &expected.digests[number];
            self.verdicts[number].expected += must.rows();
            if must.unlike(&found).next().is_some() || !self.verdicts[number].holds() {
                return Ok(None);
            }
        }
        self.missing(expected);
        let holds = self.verdicts.iter().all(TableVerdict::holds);
        Ok(holds.then(|| self.standing(expected)))
    }

    pub(super) async fn judge(mut self, expected: &Expected) -> Result<Standing, SetupError> {
        let mut selected: Selected = vec![Vec::new(); self.replay.world.table_count()];
        let (mut held, mut is_any) = (0, false);
        for (table, info, client) in self.tables() {
            let number = usize::from(table.0);
            let found = self.first_look((table, info), client, expected).await?;
            let must = &expected.digests[number];
            self.verdicts[number].expected += must.rows();
            for (part, rows) in must.unlike(&found) {
                if held + rows > HELD_MAX {
                    self.verdicts[number].unexamined += rows;
                    continue;
                }
                held += rows;
                is_any = true;
                let parts = &mut selected[number];
                parts.resize(parts.len().max(part + 1), false);
                parts[part] = true;
            }
        }
        self.missing(expected);
        if is_any {
            let rows = fold(self.replay, Some(&selected))?;
            self.second_look(rows, expected, &selected).await?;
        }
        Ok(self.standing(expected))
    }

    /// Sums a table up, and judges its doubtful rows.
    async fn first_look(
        &mut self,
        (table, info): (TableId, &TableInfo),
        client: &Client,
        expected: &Expected,
    ) -> Result<Digest, SetupError> {
        let mut digest = Digest::default();
        let (verdict, faults, seen) =
            (&mut self.verdicts[usize::from(table.0)], &mut self.faults, &mut self.seen);
        source::read(client, info, |row| {
            verdict.found += 1;
            let key = key_of(info, row);
            let identity = identity(table, &key);
            let Some(doubtful) = expected.doubtful.get(&identity) else {
                return digest.add(identity, row);
            };
            seen.insert(identity);
            let mut states = doubtful.states.iter().flatten();
            if doubtful.states.is_empty() {
                verdict.unjudged += 1;
            } else if !states.any(|state| agree(state, row)) {
                verdict.wrong += 1;
                let state = doubtful.states.iter().flatten().last().cloned();
                let class = if state.is_some() { Deviation::Wrong } else { Deviation::Phantom };
                let seen = Some(row.into());
                faults.add(Mismatch { class, table, key, expected: state, seen });
            }
        })
        .await?;
        Ok(digest)
    }

    /// Doubtful rows that are not there, and had to be.
    fn missing(&mut self, expected: &Expected) {
        for (identity, row) in &expected.doubtful {
            let Row { table, states } = row;
            let verdict = &mut self.verdicts[usize::from(table.0)];
            let must_be = !states.is_empty() && states.iter().all(Option::is_some);
            verdict.expected += u64::from(must_be || self.seen.contains(identity));
            if must_be && !self.seen.contains(identity) {
                verdict.lost += 1;
                let state = states.iter().flatten().last().cloned();
                let info = self.replay.world.catalog.table(*table);
                let key = state.as_deref().map(|row| key_of(info, row)).unwrap_or_default();
                let fault = Mismatch {
                    class: Deviation::Lost,
                    table: *table,
                    key,
                    expected: state,
                    seen: None,
                };
                self.faults.add(fault);
            }
        }
    }

    /// Looks at the rows of parts that differ, one by one.
    async fn second_look(
        &mut self,
        mut rows: Expected,
        expected: &Expected,
        selected: &Selected,
    ) -> Result<(), SetupError> {
        for (table, info, client) in self.tables() {
            let number = usize::from(table.0);
            if selected[number].is_empty() {
                continue;
            }
            let (verdict, faults) = (&mut self.verdicts[number], &mut self.faults);
            source::read(client, info, |row| {
                let key = key_of(info, row);
                let identity = identity(table, &key);
                let is_selected = selected[number].get(Digest::part(identity));
                if !is_selected.is_some_and(|is| *is) || expected.doubtful.contains_key(&identity) {
                    return;
                }
                let held = rows.held.get_mut(&identity).filter(|held| held.count > 0);
                let (class, must) = if let Some(held) = held {
                    held.count -= 1;
                    if agree(&held.row, row) {
                        return;
                    }
                    verdict.wrong += 1;
                    (Deviation::Wrong, Some(held.row.clone()))
                } else {
                    verdict.phantom += 1;
                    (Deviation::Phantom, None)
                };
                let seen = Some(row.into());
                faults.add(Mismatch { class, table, key, expected: must, seen });
            })
            .await?;
        }
        for held in rows.held.into_values().filter(|held| held.count > 0) {
            let info = self.replay.world.catalog.table(held.table);
            self.verdicts[usize::from(held.table.0)].lost += held.count;
            let key = key_of(info, &held.row);
            let expected = Some(held.row);
            let fault =
                Mismatch { class: Deviation::Lost, table: held.table, key, expected, seen: None };
            self.faults.add(fault);
        }
        Ok(())
    }

    fn standing(mut self, expected: &Expected) -> Standing {
        let faults = std::mem::take(&mut self.faults).first();
        let catalog = self.catalog();
        let examples = faults.iter().map(|fault| {
            let info = catalog.table(fault.table);
            let values = |row: &Option<Box<[u8]>>| Some(show(row.as_deref()?, &info.columns, true));
            Example {
                class: fault.class,
                surface: String::new(),
                table: self.replay.name_of(fault.table),
                key: show_key(&fault.key, info),
                operation: "row",
                expected: values(&fault.expected),
                seen: values(&fault.seen),
                lsn: None,
            }
        });
        let examples = examples.collect();
        let names = self.replay.names.iter().zip(self.verdicts);
        let judged = names.zip(&self.replay.is_judged).filter(|(_, is_judged)| **is_judged);
        let tables = judged
            .map(|((name, verdict), _)| TableVerdict { table: name.clone(), ..verdict })
            .collect();
        Standing { tables, examples, untold: expected.untold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_table_full_of_rows_that_nobody_made_the_first_are_kept_and_no_more() {
        let mut faults = Mismatches::default();
        for number in (0..20_000_u32).rev() {
            let class = if number == 19_999 { Deviation::Lost } else { Deviation::Phantom };
            let key = number.to_be_bytes().to_vec();
            faults.add(Mismatch { class, table: TableId(0), key, expected: None, seen: None });
            assert!(faults.some.len() < 8 * EXAMPLES_MAX, "as many as there are rows");
        }
        let first = faults.first();
        let keys: Vec<_> = first.iter().map(|it| it.key.clone()).collect();
        // The one that is lost has its turn.
        let expected = [19_999_u32].into_iter().chain(0..99).map(|it| it.to_be_bytes().to_vec());
        assert_eq!(keys, expected.collect::<Vec<_>>());
    }
}
