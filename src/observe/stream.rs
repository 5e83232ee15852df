//! What one slot sends, transaction by transaction: from the plugin's messages to changes of rows.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::Mark;
use crate::action::TableId;
use crate::action::message;
use crate::observe::RowChange;
use crate::observe::cells;
use crate::observe::judge::BYTES_MAX;
use crate::observe::judge::CHANGE_BYTES;
use crate::observe::judge::CHANGES_MAX;
use crate::observe::judge::Judge;
use crate::observe::notes::Arrival;
use crate::observe::whose::Whose;
use crate::observe::whose::is_told;
use crate::sink::postgres::replication::Lsn;
use crate::sink::postgres::replication::pgoutput::Cell;
use crate::sink::postgres::replication::pgoutput::Message;
use crate::sink::postgres::replication::pgoutput::Relation;
use crate::sink::postgres::replication::pgoutput::Tuple;
use crate::sink::postgres::replication::pgoutput::decode;

/// The transactions of one slot.
#[derive(Debug)]
pub(super) struct SlotStream {
    catalog: Arc<Catalog>,
    /// The domains of its database.
    domains: Vec<usize>,
    /// What the stream's numbers of tables mean; `None` for tables that are not ours.
    relations: HashMap<u32, Option<Columns>>,
    /// The changes of the transaction that is being read.
    changes: Vec<RowChange>,
    room: Room,
    /// How many bytes they take.
    held: usize,
    /// Values that cannot be compared, by table and column, since the last transaction.
    unknown: BTreeMap<(TableId, usize), u64>,
    truncated: Vec<TableId>,
    /// The run of which we are, if transactions tell theirs by messages; and what those of this one say.
    ours: Option<i64>,
    marks: Vec<Mark>,
    /// Of which run they say that it is.
    run: Option<i64>,
    /// What key and row of a change are put together in.
    bytes: Vec<u8>,
    state: State,
    /// Its number.
    transaction: u32,
    /// The last transaction that was read to its end: where it is committed, and where it ends.
    last: Lsn,
    end: Lsn,
    /// The connection was made again, and nothing came since that had not come before.
    was_restarted: bool,
    fence: String,
    is_past_fence: bool,
}

/// What is known of the transaction that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is none.
    Closed,
    /// All its changes are kept.
    Open,
    /// It has more than are kept, so none of them is.
    Beyond,
}

/// What is kept of a transaction until it is committed, at most.
#[derive(Debug, Clone, Copy)]
struct Room {
    changes: usize,
    bytes: usize,
}

/// A table of ours, and for each of its columns the place in the stream's tuples.
#[derive(Debug, Clone)]
struct Columns {
    table: TableId,
    places: Vec<Option<usize>>,
}

impl SlotStream {
    /// `has_messages` says whether those who wrote the log told of themselves by messages in it.
    pub(super) fn new(
        (catalog, has_messages): (Arc<Catalog>, bool),
        domains: Vec<usize>,
        fence: String,
    ) -> Self {
        let ours = has_messages.then_some(catalog.run);
        Self {
            catalog,
            domains,
            ours,
            marks: Vec::new(),
            run: None,
            relations: HashMap::new(),
            changes: Vec::new(),
            room: Room { changes: CHANGES_MAX, bytes: BYTES_MAX },
            held: 0,
            unknown: BTreeMap::new(),
            truncated: Vec::new(),
            bytes: Vec::new(),
            state: State::Closed,
            transaction: 0,
            last: Lsn::default(),
            end: Lsn::default(),
            was_restarted: false,
            fence,
            is_past_fence: false,
        }
    }

    /// Up to where everything was read and judged.
    pub(super) fn end(&self) -> Lsn {
        self.end
    }

    /// Where the last transaction that was read to its end is committed.
    pub(super) fn last(&self) -> Lsn {
        self.last
    }

    /// Whether all that was committed before the fence was read.
    pub(super) fn is_past_fence(&self) -> bool {
        self.is_past_fence
    }

    /// The connection was made again: what was not read to its end comes once more.
    pub(super) fn restart(&mut self) {
        self.forget();
        self.relations.clear();
        self.state = State::Closed;
        self.was_restarted = true;
    }

    /// Nothing of ours comes before this place any more.
    pub(super) fn idle_until(&mut self, end: Lsn) {
        if self.state == State::Closed {
            self.end = self.end.max(end);
        }
    }

    /// Takes a message that came at a time. `None` on nonsense.
    pub(super) fn take(&mut self, data: &[u8], at: u64, judge: &mut Judge) -> Option<()> {
        match decode(data)? {
            Message::Begin { xid } => {
                (self.state, self.transaction) = (State::Open, xid);
                self.marks.clear();
                self.run = None;
            }
            Message::Relation(relation) => {
                let columns = self.columns(&relation);
                self.relations.insert(relation.id, columns);
            }
            Message::Insert { relation, new } => {
                self.add(relation, Change::Insert, (None, &new), judge)?;
            }
            Message::Update { relation, old, new } => {
                self.add(relation, Change::Update, (old.as_ref(), &new), judge)?;
            }
            Message::Delete { relation, old } => {
                self.add(relation, Change::Delete, (Some(&old), &old), judge)?;
            }
            Message::Truncate { relations } => {
                let ours = relations.iter().filter_map(|id| self.relations.get(id)?.as_ref());
                let ours: Vec<_> = ours.map(|columns| columns.table).collect();
                for table in ours {
                    if self.has_room(table, 0, judge) {
                        self.truncated.push(table);
                    }
                }
            }
            Message::Commit { commit, end } => self.commit(commit, end, at, judge),
            Message::Note { prefix, content } if prefix == message::PREFIX => self.note(content),
            Message::Note { .. } | Message::Other => {}
        }
        Some(())
    }

    /// A message of ours: the fence, or what a transaction says of itself.
    fn note(&mut self, content: &[u8]) {
        self.is_past_fence |= content == self.fence.as_bytes();
        let Some(said) = message::read(content).filter(|_| self.ours.is_some()) else { return };
        self.run = Some(said.run);
        self.marks.extend(said.marks);
    }

    /// Says of the transaction's changes whose they are.
    fn tell(&mut self) {
        if self.ours.is_none() {
            return;
        }
        let is_nobodys = self.marks.is_empty();
        let whose =
            if is_nobodys { Whose::Nobody } else { Whose::Of(self.marks.as_slice().into()) };
        for change in &mut self.changes {
            if is_told(&self.catalog, change.table) {
                change.whose = whose.clone();
            }
        }
    }

    fn commit(&mut self, commit: Lsn, end: Lsn, at: u64, judge: &mut Judge) {
        self.state = State::Closed;
        self.held = 0;
        self.end = self.end.max(end);
        self.tell();
        let arrival = Arrival { transaction: self.transaction, lsn: end, at, is_loose: false };
        if self.run.is_some() && self.run != self.ours {
            // Another run's changes are none of ours, however often they come.
            self.changes.clear();
            self.unknown.clear();
        }
        if commit <= self.last {
            for change in &self.changes {
                judge.notes.change(change, arrival, Some(self.was_restarted));
            }
            judge.repeated(&self.changes, self.was_restarted, end);
            return self.forget();
        }
        // What comes again from here on was not asked for.
        (self.last, self.was_restarted) = (commit, false);
        judge.leaves_open(&std::mem::take(&mut self.unknown));
        for change in self.changes.drain(..) {
            judge.notes.change(&change, arrival, None);
            judge.see(change, at, end);
        }
        for table in self.truncated.drain(..) {
            judge.notes.truncated(table, arrival);
            judge.truncated(table, end);
        }
    }

    /// Keeps nothing of what the transaction has changed.
    fn forget(&mut self) {
        self.changes.clear();
        self.unknown.clear();
        self.truncated.clear();
        self.held = 0;
    }

    /// Whether one more change can be kept, which takes so many bytes beside what is the same for all. If not, what was
    /// kept goes as well: of a transaction all is judged, or nothing.
    fn has_room(&mut self, table: TableId, bytes: usize, judge: &mut Judge) -> bool {
        if self.state == State::Beyond {
            return false;
        }
        self.held += bytes + CHANGE_BYTES;
        let count = self.changes.len() + self.truncated.len();
        if count < self.room.changes && self.held <= self.room.bytes {
            return true;
        }
        self.forget();
        self.changes = Vec::new();
        self.state = State::Beyond;
        judge.passes_over(self.transaction, table, (self.room.changes, self.room.bytes));
        false
    }

    fn columns(&self, relation: &Relation) -> Option<Columns> {
        let mut ours = self.catalog.all().filter(|(_, table)| {
            self.domains.contains(&table.domain)
                && table.namespace == relation.namespace
                && table.name == relation.name
        });
        let (id, table) = ours.next()?;
        let place = |name: &String| relation.columns.iter().position(|column| column == name);
        let places = table.columns.iter().map(|(name, _)| place(name)).collect();
        Some(Columns { table: id, places })
    }

    /// `old` is what tells which row it was, where that is not what it is now.
    fn add(
        &mut self,
        relation: u32,
        change: Change,
        (old, new): (Option<&Tuple>, &Tuple),
        judge: &mut Judge,
    ) -> Option<()> {
        let Some(columns) = self.relations.get(&relation)? else { return Some(()) };
        if self.state == State::Beyond {
            return Some(());
        }
        let table = self.catalog.table(columns.table);
        let is_own = self.catalog.is_own(columns.table);
        // Returns whether it is known what it is.
        let push = |column: usize, tuple: &Tuple, out: &mut Vec<u8>| {
            let kind = table.columns[column].1;
            match columns.places[column].and_then(|place| tuple.get(place)) {
                Some(Cell::Null) => cells::push_null(out),
                Some(Cell::Binary(bytes)) => cells::push(kind, bytes, out),
                // A column of our own that is not there holds nothing.
                None if is_own => cells::push_null(out),
                // Nor is it told of a column of our own whether an update has set it.
                Some(Cell::Unchanged) if !is_own => cells::push_unsent(out),
                Some(Cell::Text(_) | Cell::Unchanged) | None => {
                    cells::push_open(out);
                    return is_own || !cells::is_compared(kind);
                }
            }
            true
        };
        let bytes = &mut self.bytes;
        bytes.clear();
        for column in &table.key {
            push(*column, old.unwrap_or(new), bytes);
        }
        let key_bytes = bytes.len();
        for column in 0..table.columns.len() {
            if !push(column, new, bytes) && change != Change::Delete {
                *self.unknown.entry((columns.table, column)).or_default() += 1;
            }
        }
        let (key, row) = bytes.split_at(key_bytes);
        let key = if table.key.is_empty() { row } else { key };
        let row = if change == Change::Delete { &[] } else { row };
        let (key, row, whose) = (key.into(), row.into(), Whose::Untold);
        let change = RowChange { table: columns.table, change, key, row, whose };
        // Another run may change as much at once as it likes.
        if !judge.is_foreign(&change)
            && self.has_room(change.table, change.key.len() + change.row.len(), judge)
        {
            self.changes.push(change);
        }
        Some(())
    }
}
