//! Which change is whose, where the messages of transactions come by a topic of their own.
//!
//! A connector hands over what it reads in the order of commits, and all messages of a database come by one
//! partition. So a change whose message is not there yet waits, and all of its partition behind it; and once a later
//! one of the partition has its message, those before it that have none will never have one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::action::Mark;
use crate::action::TableId;
use crate::action::message::Said;
use crate::observe::RowChange;
use crate::observe::debezium::record::LogPosition;
use crate::observe::transactions::Transaction;
use crate::observe::whose::Whose;

/// Transactions whose messages are remembered: the messages' topic may be read long before the others.
const REMEMBERED: usize = 1 << 20;
/// Changes that wait for their messages, at most.
const WAITING_MAX: usize = 1 << 17;

/// A change whose message may be still to come.
#[derive(Debug)]
pub(in crate::observe) struct Waiting {
    pub(in crate::observe) partition: usize,
    pub(in crate::observe) change: RowChange,
    pub(in crate::observe) origin: LogPosition,
    pub(in crate::observe) at: u64,
}

/// What the messages of a transaction say.
#[derive(Debug, Clone)]
pub(in crate::observe) enum Run {
    /// Of this one: these actions.
    Ours(Arc<[Mark]>),
    /// Another run's.
    Foreign,
}

/// Joins changes with messages. What it gives back is in the order of its partition, and without those of other runs.
#[derive(Debug)]
pub(in crate::observe) struct Named {
    run: i64,
    /// The databases of the tables that are told.
    databases: BTreeMap<TableId, usize>,
    /// With their numbers, in the order in which they were told.
    told: HashMap<Transaction, (u64, Run)>,
    order: VecDeque<Transaction>,
    /// How many of them are not remembered any more: those with the least numbers.
    forgotten: u64,
    /// What is said so far of transactions with several messages.
    parts: HashMap<Transaction, Vec<Mark>>,
    /// Databases of which messages came, and of which changes of this run had to have them.
    heard: BTreeSet<usize>,
    asked: BTreeSet<usize>,
    /// By partition: what waits, and the number of the last transaction that had its message.
    queues: Vec<VecDeque<Waiting>>,
    passed: Vec<u64>,
    /// The partitions in which changes of a transaction wait.
    waiting: HashMap<Transaction, SmallVec<[usize; 2]>>,
    held: usize,
    /// Changes of other runs, and changes of which it is not known whether they have a message.
    pub(in crate::observe) foreign: u64,
    pub(in crate::observe) untold: u64,
}

impl Named {
    pub(in crate::observe) fn new(run: i64, databases: BTreeMap<TableId, usize>) -> Self {
        Self {
            run,
            databases,
            told: HashMap::new(),
            order: VecDeque::new(),
            parts: HashMap::new(),
            forgotten: 0,
            heard: BTreeSet::new(),
            asked: BTreeSet::new(),
            queues: Vec::new(),
            passed: Vec::new(),
            waiting: HashMap::new(),
            held: 0,
            foreign: 0,
            untold: 0,
        }
    }

    /// Whether changes of a table are told by messages.
    pub(in crate::observe) fn tells(&self, table: TableId) -> bool {
        self.databases.contains_key(&table)
    }

    fn transaction(&self, waiting: &Waiting) -> Option<Transaction> {
        let database = self.databases.get(&waiting.change.table)?;
        Some((*database, waiting.origin.transaction))
    }

    /// A message of a transaction came. Returns the changes that need not wait any more.
    pub(in crate::observe) fn said(
        &mut self,
        transaction: Transaction,
        said: Said,
    ) -> Vec<Waiting> {
        self.heard.insert(transaction.0);
        let is_ours = said.run == self.run;
        let marks = self.parts.entry(transaction).or_default();
        // After a restart a connector may say once more what it has said.
        let new: Vec<_> = said.marks.into_iter().filter(|it| !marks.contains(it)).collect();
        marks.extend(new);
        if said.goes_on {
            return Vec::new();
        }
        let marks = self.parts.remove(&transaction).unwrap_or_default();
        let told = if is_ours { Run::Ours(marks.into()) } else { Run::Foreign };
        if !self.told.contains_key(&transaction) {
            self.order.push_back(transaction);
            let number = self.forgotten + self.order.len() as u64;
            self.told.insert(transaction, (number, told));
        }
        if self.order.len() > REMEMBERED {
            self.forgotten += 1;
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.told.remove(&oldest));
        }
        let mut free = Vec::new();
        for partition in self.waiting.remove(&transaction).unwrap_or_default() {
            let is_its = |it: &Waiting| self.transaction(it) == Some(transaction);
            let queue = &self.queues[partition];
            let Some(first) = queue.iter().position(is_its) else { continue };
            // Those of a transaction follow each other.
            let count = first + queue.iter().skip(first).take_while(|it| is_its(it)).count();
            self.free(partition, count, false, &mut free);
        }
        free
    }

    /// Whose a transaction is, if it has said so.
    pub(in crate::observe) fn run(&self, transaction: Transaction) -> Option<&Run> {
        self.told.get(&transaction).map(|it| &it.1)
    }

    /// A change of a table that is told came. Returns what need not wait any more.
    pub(in crate::observe) fn came(&mut self, waiting: Waiting) -> Vec<Waiting> {
        let (mut free, partition) = (Vec::new(), waiting.partition);
        let Some(transaction) = self.transaction(&waiting) else { return vec![waiting] };
        self.asked.insert(transaction.0);
        if self.queues.len() <= partition {
            self.queues.resize_with(partition + 1, VecDeque::new);
            self.passed.resize(partition + 1, 0);
        }
        let is_known = self.told.contains_key(&transaction);
        self.queues[partition].push_back(waiting);
        self.held += 1;
        if !is_known {
            let partitions = self.waiting.entry(transaction).or_default();
            if !partitions.contains(&partition) {
                partitions.push(partition);
            }
        }
        if is_known || self.held > WAITING_MAX {
            // What nobody could wait for is told by its values alone.
            let count = self.queues[partition].len();
            self.free(partition, count, !is_known, &mut free);
        }
        free
    }

    /// Nothing more comes. Returns what has waited until now, and the databases of which no message came at all.
    pub(in crate::observe) fn end(&mut self) -> (Vec<Waiting>, Vec<usize>) {
        let silent: Vec<usize> = self.asked.difference(&self.heard).copied().collect();
        let mut free = Vec::new();
        for partition in 0..self.queues.len() {
            let count = self.queues[partition].len();
            self.free(partition, count, !silent.is_empty(), &mut free);
        }
        (free, silent)
    }

    /// The first ones of a partition wait no more; if they are cut short, their messages may still come.
    fn free(&mut self, partition: usize, count: usize, are_cut: bool, free: &mut Vec<Waiting>) {
        self.held -= count;
        for mut one in self.queues[partition].drain(..count).collect::<Vec<_>>() {
            let transaction = self.transaction(&one);
            let told = transaction.and_then(|it| self.told.get(&it));
            match (told, transaction) {
                (Some((number, _)), _) => self.passed[partition] = *number,
                (None, Some(transaction)) => {
                    if let Entry::Occupied(mut waiting) = self.waiting.entry(transaction) {
                        waiting.get_mut().retain(|it| *it != partition);
                        if waiting.get().is_empty() {
                            waiting.remove();
                        }
                    }
                }
                (None, None) => {}
            }
            one.change.whose = match told {
                Some((_, Run::Foreign)) => {
                    self.foreign += 1;
                    continue;
                }
                Some((_, Run::Ours(marks))) => Whose::Of(Arc::clone(marks)),
                // Behind one that is remembered comes none that is forgotten.
                None if are_cut || self.passed[partition] < self.forgotten => {
                    self.untold += 1;
                    Whose::Untold
                }
                None => Whose::Nobody,
            };
            free.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Change;
    use crate::sink::postgres::replication::Lsn;

    const TABLE: TableId = TableId(0);

    fn named() -> Named {
        Named::new(7, BTreeMap::from([(TABLE, 0)]))
    }

    fn change(partition: usize, transaction: u32) -> Waiting {
        let (key, row, whose) = (Box::default(), Box::default(), Whose::Untold);
        let change = RowChange { table: TABLE, change: Change::Insert, key, row, whose };
        let origin = LogPosition { lsn: Lsn(u64::from(transaction)), transaction };
        Waiting { partition, change, origin, at: 0 }
    }

    fn said(run: i64, action: u64, goes_on: bool) -> Said {
        Said { run, marks: vec![Mark { action, part: 0 }], goes_on }
    }

    fn shown(free: &[Waiting]) -> Vec<(u32, bool)> {
        free.iter().map(|it| (it.origin.transaction, it.change.whose != Whose::Nobody)).collect()
    }

    #[test]
    fn a_change_waits_for_its_message_and_what_is_behind_it_waits_too() {
        let mut named = named();
        assert!(named.came(change(0, 1)).is_empty());
        assert!(named.said((0, 2), said(7, 20, false)).is_empty());
        assert_eq!(shown(&named.said((0, 1), said(7, 10, false))), [(1, true)]);
        assert_eq!(shown(&named.came(change(0, 2))), [(2, true)]);
        // Of another database it is another one.
        assert!(named.said((1, 3), said(7, 30, false)).is_empty());
        assert!(named.came(change(0, 3)).is_empty());
    }

    #[test]
    fn one_without_a_message_is_nobodys_once_a_later_one_has_its_own() {
        let mut named = named();
        assert!(named.came(change(0, 1)).is_empty());
        assert!(named.came(change(1, 9)).is_empty());
        assert!(named.said((0, 2), said(7, 20, false)).is_empty());
        assert_eq!(shown(&named.came(change(0, 2))), [(1, false), (2, true)]);
        assert!(!named.waiting.contains_key(&(0, 1)), "it is kept for nothing");
        assert_eq!(shown(&named.end().0), [(9, false)]);
    }

    #[test]
    fn a_transaction_that_waits_in_two_partitions_goes_on_in_both() {
        let mut named = named();
        for (partition, transaction) in [(1, 1), (0, 1), (0, 2), (1, 2)] {
            assert!(named.came(change(partition, transaction)).is_empty());
        }
        assert_eq!(shown(&named.said((0, 1), said(7, 10, false))), [(1, true), (1, true)]);
        assert_eq!(shown(&named.said((0, 2), said(7, 20, false))), [(2, true), (2, true)]);
        assert!(named.waiting.is_empty());
    }

    #[test]
    fn several_messages_of_a_transaction_are_one_and_other_runs_are_left_out() {
        let mut named = named();
        assert!(named.came(change(0, 1)).is_empty());
        assert!(named.said((0, 1), said(7, 10, true)).is_empty());
        let free = named.said((0, 1), said(7, 11, false));
        let marks = [10, 11].map(|action| Mark { action, part: 0 });
        assert_eq!(free[0].change.whose, Whose::Of(marks.into()));
        assert!(named.came(change(0, 2)).is_empty());
        assert!(named.said((0, 2), said(8, 1, false)).is_empty());
        assert_eq!(named.foreign, 1);
    }

    #[test]
    fn what_a_connector_says_once_more_after_a_restart_is_said_once() {
        let mut named = named();
        assert!(named.came(change(0, 1)).is_empty());
        for _ in 0..2 {
            assert!(named.said((0, 1), said(7, 10, true)).is_empty());
        }
        let free = named.said((0, 1), said(7, 11, false));
        let marks = [10, 11].map(|action| Mark { action, part: 0 });
        assert_eq!(free[0].change.whose, Whose::Of(marks.into()));
    }

    #[test]
    fn messages_that_were_forgotten_excuse_only_what_was_before_them() {
        let mut named = named();
        let last = u32::try_from(REMEMBERED).unwrap() + 2;
        for transaction in 1..=last {
            assert!(named.said((0, transaction), said(7, 10, false)).is_empty());
        }
        // The first two are forgotten. One that is not theirs, behind the first that is remembered, has no message.
        assert!(named.came(change(0, 1)).is_empty());
        let missing = last + 1;
        assert!(named.came(change(1, missing)).is_empty());
        assert_eq!(shown(&named.came(change(0, 3))), [(1, true), (3, true)]);
        assert!(named.came(change(0, missing)).is_empty());
        assert_eq!(shown(&named.came(change(0, 4))), [(missing, false), (4, true)]);
        assert_eq!(named.untold, 1);
    }

    #[test]
    fn what_nobody_could_wait_for_excuses_nothing_behind_it() {
        let mut named = named();
        for _ in 0..WAITING_MAX {
            assert!(named.came(change(0, 1)).is_empty());
        }
        assert_eq!(named.came(change(0, 2)).len(), WAITING_MAX + 1);
        assert_eq!(named.untold, WAITING_MAX as u64 + 1);
        assert!(named.said((0, 4), said(7, 10, false)).is_empty());
        assert!(named.came(change(0, 3)).is_empty());
        assert_eq!(shown(&named.came(change(0, 4))), [(3, false), (4, true)]);
    }

    #[test]
    fn where_no_message_comes_at_all_nobody_is_to_blame() {
        let mut named = named();
        assert!(named.came(change(0, 1)).is_empty());
        let (free, silent) = named.end();
        assert_eq!((shown(&free), silent), (vec![(1, true)], vec![0]));
    }
}
