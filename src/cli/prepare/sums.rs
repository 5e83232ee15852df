//! The sums of shared tables' columns: read before the load and after it.

use std::collections::BTreeMap;

use crate::action::TableId;
use crate::action::TableInfo;
use crate::cli::place::connector;
use crate::cli::prepare::NOTE_WITHIN;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::Turns;
use crate::cli::wait::on_runtime_within;
use crate::engine::Account;
use crate::measure::SharedPlace;
use crate::measure::SharedSum;
use crate::schema::ColumnType;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::statement::table_name;
use crate::units::Total;

/// Sums by table and column.
pub(in crate::cli) type Sums = BTreeMap<(TableId, usize), Total>;

impl Prepared {
    /// The sums that the servers have now. Where nothing is sent, there are none.
    pub(in crate::cli) fn sums(&self) -> Result<Sums, SetupError> {
        let mut sums = Sums::new();
        for domain in 0..self.scenario.domains.len() {
            self.sums_of(domain, &mut sums)?;
        }
        Ok(sums)
    }

    fn sums_of(&self, domain: usize, sums: &mut Sums) -> Result<(), SetupError> {
        let catalog = &self.world.catalog;
        let mut columns: Vec<(TableId, usize)> = self
            .world
            .additions()
            .iter()
            .filter(|addition| catalog.table(addition.table).domain == domain)
            .map(|addition| (addition.table, addition.column))
            .collect();
        columns.dedup();
        let place = &self.scenario.domains[domain];
        let Some(address) = self.place.domain(&self.scenario, place) else { return Ok(()) };
        if columns.is_empty() {
            return Ok(());
        }
        let connect = connector(address, self.application_name());
        let found = on_runtime_within((&self.stop, NOTE_WITHIN), async {
            let client = connect(None).await?;
            let mut found = Vec::new();
            for (table, column) in columns {
                let info = catalog.table(table);
                let name = identifier(&info.columns[column].0);
                let sql = format!("SELECT sum({name})::text FROM {}", table_name(info));
                let row = client.query_one(&sql, &[]).await;
                let row = row.map_err(|error| SetupError::Local(error.to_string()))?;
                let text: Option<String> = row.get(0);
                let total = Total::parse(text.as_deref().unwrap_or("0"), scale(info, column));
                found.extend(total.map(|total| ((table, column), total)));
            }
            Ok(found)
        });
        sums.extend(found?);
        Ok(())
    }

    /// What became of each sum. Of several shards, the first one in a domain has read it before the load,
    /// and the last one behind it.
    pub(in crate::cli) fn shared(
        &self,
        (before, after): (&Sums, Option<&Sums>),
        account: &Account,
        turns: &Turns,
    ) -> Vec<SharedSum> {
        let mut added: BTreeMap<(TableId, usize), Option<Total>> = BTreeMap::new();
        for addition in self.world.additions() {
            let info = self.world.catalog.table(addition.table);
            let zero = Total::zero(scale(info, addition.column));
            let sum = added.entry((addition.table, addition.column)).or_insert(Some(zero));
            let times = account.changed_by(addition.statement);
            *sum = sum.and_then(|sum| sum.plus(addition.amount, times));
        }
        let mut shared = Vec::new();
        for ((table, column), added) in added {
            let info = self.world.catalog.table(table);
            let at = (table, column);
            let Some((before, added)) = before.get(&at).copied().zip(added) else { continue };
            let place = SharedPlace {
                target: self.scenario.targets[info.target].name.clone(),
                database: self.database_of(info),
                table: format!("{}.{}", info.namespace, info.name),
                column: info.columns[column].0.clone(),
            };
            let is_alone = self.shard.is_none_or(|shard| shard.of == 1);
            let is_known = account.tables[usize::from(table.0)].unknown == 0 && is_alone;
            let before = Some(before).filter(|_| turns.is_first[info.domain]);
            let after = after.and_then(|after| after.get(&at).copied());
            let after = after.filter(|_| turns.is_last[info.domain]);
            shared.push(SharedSum::new(place, (before, after), added, is_known));
        }
        shared
    }
}

/// Digits after the point.
fn scale(table: &TableInfo, column: usize) -> u8 {
    match table.columns[column].1 {
        ColumnType::Numeric { scale, .. } => scale,
        _ => 0,
    }
}
