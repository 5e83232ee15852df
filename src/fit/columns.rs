//! The columns of seeded rows, held against what their fills declare.

use std::collections::BTreeMap;

use crate::action::Action;
use crate::action::TableId;
use crate::action::Value;
use crate::action::write_value;
use crate::fit::Finding;
use crate::fit::fan_out::FanOut;
use crate::fit::law::DAY_US;
use crate::fit::law::Law;
use crate::fit::statistics::kinds;
use crate::fit::tally::Seen;
use crate::fit::tally::Tally;
use crate::fit::tally::VALUES_MIN;
use crate::fit::tally::finding;
use crate::generate::World;
use crate::scenario::Scenario;
use crate::schema::Column;
use crate::schema::Owner;

/// A seeded row.
struct SeededRow<'a> {
    number: u64,
    values: &'a [Value],
    action: &'a Action,
}

impl Seen for SeededRow<'_> {
    fn row(&self) -> u64 {
        self.number
    }

    fn text(&self, column: usize) -> Option<String> {
        let value = self.values[column];
        let mut text = String::new();
        write_value(value, self.action, &mut text);
        (value != Value::Null).then_some(text)
    }

    #[expect(clippy::cast_precision_loss, reason = "a few microseconds do not matter here")]
    fn number(&self, column: usize) -> Option<f64> {
        match self.values[column] {
            Value::Null => None,
            Value::Int(value) | Value::Timestamp(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            Value::Date(day) => Some((f64::from(day) + 0.5) * DAY_US),
            _ => self.text(column)?.parse().ok(),
        }
    }
}

/// What is looked at of a column.
struct Watch {
    place: String,
    at: usize,
    /// How often it is NULL, if that is declared.
    null_rate: Option<f64>,
    nulls: [u64; 2],
    tally: Option<Tally>,
    fan_out: Option<FanOut>,
}

/// Looks at up to `rows` seeded rows of each table, evenly over all, and judges their columns by what
/// `declared` says of them: the scenario itself, or another that has the same tables.
pub fn columns(world: &World, declared: &Scenario, rows: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in 0..world.table_count() {
        let (id, info) = (TableId::of(at), &world.catalog.tables[at]);
        let domain = &declared.domains[info.domain];
        let Some(table) = domain.schema.table(&info.name) else { continue };
        let table = &domain.schema.tables[table];
        let watches = table.columns.iter().enumerate().map(|(at, column)| {
            let place = format!("{}.{}.{}", domain.schema.name, table.name, column.name);
            let law = Law::of(column, table.states.as_ref());
            let fan_out = FanOut::of(world, id, (&table.columns, at));
            Watch { fan_out, ..Watch::new(place, at, column, law) }
        });
        let mut watches: Vec<Watch> = watches.collect();
        let lines = look(world, id, rows, &mut watches);
        for watch in &mut watches {
            watch.judge(&mut findings);
        }
        if let Some(owner) = &table.owner {
            let place = format!("{}.{}", domain.schema.name, table.name);
            findings.extend(per_owner(&place, owner, &lines));
        }
    }
    findings
}

/// Looks at rows, and tells how many there were at once: as many as their owner has.
fn look(world: &World, table: TableId, rows: u64, watches: &mut [Watch]) -> BTreeMap<String, u64> {
    let seeded = world.seeded_rows(table);
    let count = seeded.min(rows);
    let mut lines = BTreeMap::new();
    let mut action = Action::default();
    for step in 0..count {
        let number = u64::try_from(u128::from(step) * u128::from(seeded) / u128::from(count));
        world.render_seeded(table, number.unwrap_or(step), &mut action);
        *lines.entry(action.operations().len().to_string()).or_default() += 1;
        for operation in action.operations() {
            let values = action.values(operation);
            let row = SeededRow { number: number.unwrap_or(step), values, action: &action };
            for watch in &mut *watches {
                watch.take(&row);
            }
        }
    }
    lines
}

/// How many rows owners have: each number between both ends as often.
fn per_owner(place: &str, owner: &Owner, seen: &BTreeMap<String, u64>) -> Option<Finding> {
    let count = seen.values().sum::<u64>();
    let share = 1.0 / f64::from(owner.max - owner.min + 1);
    let shares = (owner.min..=owner.max).map(|number| (number.to_string(), share)).collect();
    let law = format!("{} to {} rows of one owner", owner.min, owner.max);
    (count >= VALUES_MIN as u64).then(|| finding(place, law, count, kinds(&shares, seen)))
}

impl Watch {
    fn new(place: String, at: usize, column: &Column, law: Option<Law>) -> Self {
        // Where NULL is allowed and no rate is given, a fill may make it.
        let is_declared = column.null_rate > 0.0 || !column.nullable;
        Self {
            place,
            at,
            null_rate: is_declared.then_some(column.null_rate),
            nulls: [0; 2],
            tally: law.map(|law| Tally::new(law, at)),
            fan_out: None,
        }
    }

    fn take(&mut self, row: &SeededRow<'_>) {
        let is_null = row.values[self.at] == Value::Null;
        self.nulls[usize::from(is_null)] += 1;
        if let Some(tally) = &mut self.tally {
            tally.take(row);
        }
        if let Some(fan_out) = &mut self.fan_out {
            fan_out.take(row);
        }
    }

    fn judge(&mut self, findings: &mut Vec<Finding>) {
        let [filled, nulls] = self.nulls;
        if let Some(rate) = self.null_rate
            && filled + nulls > 0
        {
            let distance = kinds(&both(rate, 1.0 - rate), &both(nulls, filled));
            let law = if rate > 0.0 { "share of NULL" } else { "never NULL" };
            findings.push(finding(&self.place, law.to_owned(), filled + nulls, distance));
        }
        findings.extend(self.fan_out.as_ref().and_then(|fan_out| fan_out.judge(&self.place)));
        if let Some(tally) = &mut self.tally {
            tally.judge(&self.place, findings);
        }
    }
}

/// Of NULL and of all else, what is not nothing.
fn both<T: PartialOrd + Default>(null: T, filled: T) -> BTreeMap<String, T> {
    let both = [("NULL".to_owned(), null), ("a value".to_owned(), filled)];
    both.into_iter().filter(|(_, of)| *of > T::default()).collect()
}
