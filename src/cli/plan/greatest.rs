//! How big the greatest row of each table is, as a message of it would be: names and values as text.

use crate::action::Action;
use crate::action::Change;
use crate::action::Operation;
use crate::action::write_value;
use crate::generate::World;

/// What stands around a name and its value in a message.
const AROUND: usize = "\"\":\"\",".len();

/// The greatest of what was seen, by table.
#[derive(Debug)]
pub(super) struct Greatest {
    /// Bytes of its names, and of what stands around them.
    names: Vec<usize>,
    /// Bytes of the values of a new row, at most.
    made: Vec<usize>,
    /// Bytes of the values that an update sets, at most.
    set: Vec<usize>,
    buffer: String,
}

impl Greatest {
    pub(super) fn of(world: &World) -> Self {
        let names = world.catalog.tables.iter().map(|table| {
            let name = |(name, _): &(String, _)| name.len() + AROUND;
            table.columns.iter().map(name).sum()
        });
        let names: Vec<usize> = names.collect();
        let none = vec![0; names.len()];
        Self { names, made: none.clone(), set: none, buffer: String::new() }
    }

    /// Looks at what an operation writes.
    pub(super) fn note(&mut self, operation: &Operation, action: &Action) {
        let all = match operation.change {
            Change::Insert => &mut self.made,
            Change::Update => &mut self.set,
            Change::Delete => return,
        };
        self.buffer.clear();
        for value in action.values(operation) {
            write_value(*value, action, &mut self.buffer);
        }
        let greatest = &mut all[usize::from(operation.table.0)];
        *greatest = (*greatest).max(self.buffer.len());
    }

    /// Of a row of a table that has the greatest of all; 0 where none was seen.
    pub(super) fn bytes(&self, table: usize) -> u64 {
        let values = self.made[table] + self.set[table];
        if values == 0 { 0 } else { (values + self.names[table]) as u64 }
    }
}
