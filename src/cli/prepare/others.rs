//! Rows of others, in tables that we did not make: how many there are, and which numbers are left.

use std::time::Duration;

use chrono::Utc;

use crate::action::TableId;
use crate::cli::Refusal;
use crate::cli::place::connector;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::measure::Feed;
use crate::sink::postgres::existing::Others;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::Servers;
use crate::units::format_count;

/// Where rows have no numbers to look at (their keys are UUIDs), ours are the time in
/// sixteenths of a microsecond: runs that follow each other have numbers apart, unless one makes
/// sixteen rows in each microsecond of its life.
const NUMBERS_A_US: u64 = 16;

/// How long the server may take to count them, however many there are.
pub(super) const COUNT_WITHIN: Duration = Duration::from_hours(6);

impl Prepared {
    /// Counts the rows of others, and finds where our numbers may begin.
    pub(super) fn look_for_others(&mut self, feed: &Feed) -> Result<(), Refusal> {
        self.before = vec![0; self.world.table_count()];
        self.taken = Vec::new();
        for domain in 0..self.scenario.domains.len() {
            let tables: Vec<TableId> = self.tables_of(domain).collect();
            for (table, others) in tables.into_iter().zip(self.others(domain)?) {
                self.note(table, others, feed);
            }
        }
        Ok(())
    }

    fn others(&self, domain: usize) -> Result<Vec<Others>, Refusal> {
        let domain = &self.scenario.domains[domain];
        let Some(address) = self.place.address(domain.target).cloned() else {
            return Ok(Vec::new());
        };
        let connect = connector(address, self.application_name());
        let servers = Servers::new(&connect);
        match Provisioner::new(&self.scenario, domain.target, servers) {
            Some(provisioner) => {
                on_runtime_within((&self.stop, COUNT_WITHIN), provisioner.others(domain))
            }
            None => Ok(Vec::new()),
        }
        .map_err(|error| Refusal::setup(&error))
    }

    fn note(&mut self, table: TableId, others: Others, feed: &Feed) {
        if others.rows == 0 {
            return;
        }
        let number = usize::from(table.0);
        let by_time = || u64::try_from(Utc::now().timestamp_micros()).unwrap_or(0) * NUMBERS_A_US;
        self.taken.resize(self.world.table_count(), 0);
        self.taken[number] = others.numbers.unwrap_or_else(by_time);
        self.before[number] = others.rows;
        let info = self.world.catalog.table(table);
        let (rows, name) = (format_count(others.rows), &info.name);
        feed.message(format!("`{}.{name}` holds {rows} rows; they are left alone", info.namespace));
    }

    /// Numbers behind those of others may not fit into the key's type, or be more than a unique
    /// column has values.
    pub(super) fn refuse_overflow(&self) -> Result<(), Refusal> {
        for number in 0..self.taken.len() {
            let table = TableId::of(number);
            let info = self.world.catalog.table(table);
            let end = self.world.numbers_end(table);
            if self.taken[number] > 0
                && let Some(room) = self.world.unique_room(table).filter(|room| end > *room)
            {
                return Err(Refusal::setup(&format!(
                    "a unique column of `{}.{}` has {} different values, and behind the rows that \
                     are there this run needs {}: use a table with fewer rows, or a fill with \
                     more values",
                    info.namespace,
                    info.name,
                    format_count(room),
                    format_count(end)
                )));
            }
            let room = info.key.iter().find_map(|column| info.columns[*column].1.integer_range());
            let (Some(key_max), Some((_, greatest))) = (self.world.key_max(table), room) else {
                continue;
            };
            if self.taken[number] > 0 && key_max > greatest {
                return Err(Refusal::setup(&format!(
                    "the keys that `{}.{}` holds leave no room for those of this run, which may \
                     reach {key_max}: use a table with fewer rows, or a larger type",
                    info.namespace, info.name
                )));
            }
        }
        Ok(())
    }
}
