//! Transactions as a connector tells of them: what it says at the end of each is held against what was acknowledged,
//! and the first and the last row of each are timed.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::action::Mark;
use crate::action::TableId;
use crate::measure::Deviation;
use crate::measure::LagSummary;
use crate::observe::RowChange;
use crate::observe::judge::Times;
use crate::observe::table::Lags;

/// Transactions of which not everything is known yet, at most.
const OPEN_MAX: usize = 1 << 18;
/// Transactions that are remembered once they are judged, as a connector that begins again tells of them again; and as
/// many that have no rows here, or are others', whose messages and changes may come behind their ends.
const SETTLED_MAX: usize = 1 << 19;

/// A transaction: the number of its database, and its own there.
pub(super) type Transaction = (usize, u32);

/// What a connector says at the end of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// How many changes it had, by table; of tables that are ours.
    pub(super) counts: BTreeMap<TableId, u64>,
    /// How many it says that it had in all, and what those of all tables add up to.
    pub(super) all: u64,
    pub(super) sum: u64,
}

/// What an action did, or may have done.
#[derive(Debug)]
struct Made {
    counts: BTreeMap<TableId, u64>,
    times: Times,
    is_certain: bool,
}

/// What is known of a transaction.
#[derive(Debug, Default)]
struct OpenTransaction {
    marks: Option<Arc<[Mark]>>,
    end: Option<End>,
    /// The partition by which that came.
    partition: usize,
    /// Changes of it that have come: how many, and when the first and the last.
    came: u64,
    first: u64,
    last: u64,
}

/// What is not as it should be: a class, a table of the transaction, and what it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) class: Deviation,
    pub(super) table: TableId,
    pub(super) text: String,
}

/// The transactions that came last, of which nothing more is to be known.
#[derive(Debug, Default)]
struct Remembered {
    all: HashSet<Transaction>,
    order: VecDeque<Transaction>,
}

impl Remembered {
    fn add(&mut self, transaction: Transaction) {
        if !self.all.insert(transaction) {
            return;
        }
        self.order.push_back(transaction);
        if self.order.len() > SETTLED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }

    fn has(&self, transaction: Transaction) -> bool {
        self.all.contains(&transaction)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.order.len()
    }
}

/// Of one surface.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    made: HashMap<Mark, Made>,
    /// The transactions of actions.
    of: HashMap<Mark, Transaction>,
    open: HashMap<Transaction, OpenTransaction>,
    /// By the partition of their ends and the database, as several may share one: those whose messages did not come yet,
    /// in the order of the ends.
    unnamed: HashMap<(usize, usize), VecDeque<Transaction>>,
    /// How many were held against what was acknowledged.
    pub(super) judged: u64,
    settled: Remembered,
    /// Those that are known to have no rows here, or to be others'.
    passed: Remembered,
    /// There were more at once than are kept.
    is_beyond: bool,
    odd: Vec<Odd>,
    /// Of transactions of several rows: the first row, and the last.
    first: Lags,
    last: Lags,
}

impl Transactions {
    /// What became of a part of an action; without `is_certain` nobody knows how much it changed.
    pub(super) fn made<'a>(
        &mut self,
        mark: Mark,
        (times, is_certain): (Times, bool),
        changes: impl Iterator<Item = &'a RowChange>,
    ) {
        let mut counts = BTreeMap::new();
        changes.for_each(|change| *counts.entry(change.table).or_default() += 1);
        // What does not come here is nothing to wait for.
        if counts.is_empty() || self.is_full(self.made.len()) {
            return;
        }
        self.made.insert(mark, Made { counts, times, is_certain });
        if let Some(transaction) = self.of.get(&mark).copied() {
            self.settle(transaction, false);
        }
    }

    /// A crash took it back.
    pub(super) fn taken_back(&mut self, mark: Mark) {
        self.made.remove(&mark);
    }

    /// Which actions a transaction is.
    pub(super) fn told(&mut self, transaction: Transaction, marks: Arc<[Mark]>) {
        if self.is_over(transaction) {
            return;
        }
        // After a restart a connector says it once more.
        if self.open.get(&transaction).is_some_and(|it| it.marks.is_none()) {
            self.pass_before(transaction);
        }
        self.of.extend(marks.iter().map(|mark| (*mark, transaction)));
        self.open.entry(transaction).or_default().marks = Some(marks);
        self.settle(transaction, false);
    }

    /// A change of a transaction came.
    pub(super) fn came(&mut self, transaction: Transaction, at: u64) {
        if self.is_over(transaction) {
            return;
        }
        let known = self.open.entry(transaction).or_default();
        known.first = if known.came == 0 { at } else { known.first.min(at) };
        known.last = known.last.max(at);
        known.came += 1;
        self.settle(transaction, false);
    }

    /// What is said at its end came, by a partition.
    pub(super) fn ended(&mut self, transaction: Transaction, (partition, end): (usize, End)) {
        // What others did with tables of others is nothing to wait for.
        if end.counts.is_empty() {
            return self.pass(transaction);
        }
        if self.is_over(transaction) {
            return;
        }
        let known = self.open.entry(transaction).or_default();
        let (is_again, is_named) = (known.end.is_some(), known.marks.is_some());
        (known.end, known.partition) = (Some(end), partition);
        if !is_again {
            self.unnamed.entry((partition, transaction.0)).or_default().push_back(transaction);
            if is_named {
                self.pass_before(transaction);
            }
        }
        self.settle(transaction, false);
    }

    /// A transaction has no rows here, or is another run's or client's: nothing of it is waited for, and its end, its
    /// changes or its message, which come by other topics, may still come.
    pub(super) fn pass(&mut self, transaction: Transaction) {
        let known = self.open.remove(&transaction);
        for mark in known.and_then(|it| it.marks).iter().flat_map(|it| it.iter()) {
            self.of.remove(mark);
        }
        self.passed.add(transaction);
    }

    /// Another run's message of a transaction came.
    pub(super) fn is_foreign(&mut self, transaction: Transaction) {
        self.pass_before(transaction);
        self.pass(transaction);
    }

    /// The first message of a transaction has come. Messages come in the order of commits, and so do the ends of a partition:
    /// those that ended there before it and have no message by now have none.
    fn pass_before(&mut self, transaction: Transaction) {
        let Some(known) = self.open.get(&transaction).filter(|it| it.end.is_some()) else { return };
        let way = (known.partition, transaction.0);
        while let Some(first) = self.unnamed.get_mut(&way).and_then(VecDeque::pop_front) {
            if first == transaction {
                return;
            }
            if self.open.get(&first).is_some_and(|it| it.marks.is_none()) {
                self.pass(first);
            }
        }
    }

    /// Whether nothing more is to be known of a transaction, or kept of any.
    fn is_over(&mut self, transaction: Transaction) -> bool {
        let is_known = self.settled.has(transaction) || self.passed.has(transaction);
        is_known || self.is_full(self.open.len())
    }

    fn is_full(&mut self, open: usize) -> bool {
        if open >= OPEN_MAX {
            self.is_beyond = true;
            self.made.clear();
            self.of.clear();
            self.open.clear();
            self.unnamed.clear();
        }
        self.is_beyond
    }

    /// Judges a transaction if all is known of it; behind the end of all, as far as it is.
    fn settle(&mut self, transaction: Transaction, is_over: bool) {
        let Some(known) = self.open.get(&transaction) else { return };
        let Some(marks) = &known.marks else { return };
        let Some(made): Option<Vec<&Made>> = marks.iter().map(|it| self.made.get(it)).collect()
        else {
            return;
        };
        let mut must: BTreeMap<TableId, u64> = BTreeMap::new();
        for (table, count) in made.iter().flat_map(|it| &it.counts) {
            *must.entry(*table).or_default() += count;
        }
        let rows: u64 = must.values().sum();
        if !is_over && (known.end.is_none() || known.came < rows) {
            return;
        }
        let is_certain = made.iter().all(|it| it.is_certain);
        if let Some(of) = made.first().filter(|_| is_certain && rows > 1 && known.came == rows) {
            self.first.come(&of.times, known.first);
            self.last.come(&of.times, known.last);
        }
        if let Some(table) = must.keys().next().filter(|_| is_certain && known.came > 0) {
            self.judged += 1;
            let odd = odd(transaction.1, &must, known.end.as_ref());
            self.odd.extend(odd.map(|(class, text)| Odd { class, table: *table, text }));
        }
        let known = self.open.remove(&transaction);
        for mark in known.and_then(|it| it.marks).iter().flat_map(|it| it.iter()) {
            self.made.remove(mark);
            self.of.remove(mark);
        }
        self.settled.add(transaction);
    }

    /// Nothing more comes. What is left is judged, and all that was not as it should be is handed over; of what was not
    /// read to its end nothing is said.
    pub(super) fn end(&mut self, is_complete: bool) -> Vec<Odd> {
        let mut left: Vec<Transaction> = self.open.keys().copied().collect();
        left.sort_unstable();
        if is_complete && !self.is_beyond {
            for transaction in left {
                self.settle(transaction, true);
            }
        }
        std::mem::take(&mut self.odd)
    }

    /// For people.
    pub(super) fn note(&self, surface: &str) -> String {
        format!(
            "at the observer `{surface}`, the ends of {} transactions were held against what was acknowledged",
            self.judged
        )
    }

    /// Why ends may be wrong of which nobody heard.
    pub(super) fn doubt(&self, surface: &str) -> Option<String> {
        self.is_beyond.then(|| {
            format!(
                "at the observer `{surface}`, more than {OPEN_MAX} transactions waited at once for what is still to come of \
                 them: their changes, their messages, or what is told at their ends, each of which comes by a topic of its \
                 own; no more are kept, so the ends of the others were not judged. Either one of these topics is far behind \
                 the others, or others write as much without a message of the run into tables that are observed: let them \
                 not, or leave `transactions` out"
            )
        })
    }

    /// How late first and last rows came.
    pub(super) fn lags(&self, surface: &str) -> impl Iterator<Item = LagSummary> {
        let both = [("first row", &self.first), ("last row", &self.last)];
        let lag = |(operation, lags): (&'static str, &Lags)| {
            lags.summary(surface, ("transactions of several rows", operation))
        };
        both.map(lag).into_iter().flatten()
    }
}

/// What is wrong with what was said at the end of a transaction, if something is.
fn odd(
    number: u32,
    must: &BTreeMap<TableId, u64>,
    end: Option<&End>,
) -> Option<(Deviation, String)> {
    let shown = |counts: &BTreeMap<TableId, u64>| {
        let all = counts.values().map(u64::to_string).collect::<Vec<_>>();
        all.join(" + ")
    };
    let Some(end) = end else {
        return Some((Deviation::Lost, format!("the end of transaction {number} was not told")));
    };
    if end.counts != *must {
        let (told, must) = (shown(&end.counts), shown(must));
        let text = format!(
            "the end of transaction {number} tells of {told} changes, and {must} were made"
        );
        return Some((Deviation::Wrong, text));
    }
    (end.all != end.sum).then(|| {
        let (all, sum) = (end.all, end.sum);
        (
            Deviation::Wrong,
            format!(
                "the end of transaction {number} tells of {all} events, and of {sum} one by one"
            ),
        )
    })
}

#[cfg(test)]
mod tests;
