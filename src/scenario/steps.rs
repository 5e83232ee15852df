//! What happens once in a run, beside its streams.

use std::time::Duration;

use super::Domain;
use super::ObserverKind;
use super::Provision;
use super::Scenario;
use super::TargetKind;
use super::pattern;
use crate::schema::beside;

/// A step of a run: something that those who capture changes find hard.
#[derive(Debug, Clone, PartialEq)]
pub struct StressStep {
    /// When it begins, in the measured part.
    pub at: Duration,
    /// The domain in whose database it happens, as an index into [`Scenario::domains`].
    pub domain: usize,
    /// What it does.
    pub kind: StressKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StressKind {
    /// A transaction inserts rows and stays open.
    HoldOpen {
        /// So many rows.
        rows: u64,
        /// For how long.
        length: Duration,
        /// Whether it is committed.
        commits: bool,
    },
    /// Transactions, one after the other, insert rows: between so many and so many, drawn by the logarithm.
    Transactions {
        /// How many transactions.
        count: u32,
        /// The least and the greatest number of rows.
        rows: (u64, u64),
    },
    /// Some of several transactions are rolled back.
    Rollbacks {
        /// How many transactions.
        count: u32,
        /// Rows of each.
        rows: u64,
        /// The share that is rolled back.
        share: f64,
    },
    /// A transaction with savepoints.
    Savepoints {
        /// How many.
        count: u32,
        /// Rows behind each.
        rows: u64,
    },
    /// Keys of so many rows change.
    ChangeKeys(u64),
    /// So many rows have a value of so many bytes, which stays while others change.
    UnchangedToast(u64, u64),
    /// So many rows are deleted and inserted again.
    Reinsert(u64),
    /// So many rows are truncated.
    Truncate(u64),
    /// A column is added and dropped, and so many rows are written each time.
    Columns(u64),
    /// The replica identity changes, and so many rows are written each time.
    ReplicaIdentity(u64),
    /// Readers of slots lose their connections.
    TerminateWalsenders,
    /// A connector is asked for a snapshot.
    Snapshot {
        /// The names of the tables, without that of their PostgreSQL schema.
        tables: Vec<String>,
        /// How long it may take until it begins.
        within: Duration,
    },
    /// A command, and how long it may take.
    Run(Vec<String>, Duration),
}

impl StressKind {
    /// Its word in scenarios.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HoldOpen { .. } => "hold_open",
            Self::Transactions { .. } => "transactions",
            Self::Rollbacks { .. } => "rollbacks",
            Self::Savepoints { .. } => "savepoints",
            Self::ChangeKeys(_) => "change_keys",
            Self::UnchangedToast(..) => "unchanged_toast",
            Self::Reinsert(_) => "reinsert",
            Self::Truncate(_) => "truncate",
            Self::Columns(_) => "columns",
            Self::ReplicaIdentity(_) => "replica_identity",
            Self::TerminateWalsenders => "terminate_walsenders",
            Self::Snapshot { .. } => "snapshot",
            Self::Run(..) => "run",
        }
    }

    /// Whether it works on rows.
    pub fn has_rows(&self) -> bool {
        !matches!(self, Self::TerminateWalsenders | Self::Snapshot { .. } | Self::Run(..))
    }

    /// Whether it needs tables beside the domain's: its own, or that of signals.
    pub fn needs_tables(&self) -> bool {
        self.has_rows() || matches!(self, Self::Snapshot { .. })
    }

    /// What is asked of a connector, for tables of this PostgreSQL schema: the data of a signal. Its names are
    /// patterns.
    pub fn signal(&self, namespace: &str) -> Option<String> {
        let Self::Snapshot { tables, .. } = self else { return None };
        let name = |table: &String| {
            serde_json::Value::String(format!("{}\\.{}", pattern(namespace), pattern(table)))
        };
        let names: Vec<_> = tables.iter().map(name).collect();
        Some(serde_json::json!({ "data-collections": names, "type": "incremental" }).to_string())
    }

    /// Whether it needs the table for itself: it takes a lock that waits for all others.
    pub fn is_alone(&self) -> bool {
        matches!(self, Self::Truncate(_) | Self::Columns(_) | Self::ReplicaIdentity(_))
    }
}

/// A table of our own in a domain's database, beside the domain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnTable {
    /// That of the steps.
    Stress,
    /// The one whose row changes again and again.
    Canary,
}

impl OwnTable {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Stress, Self::Canary];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stress => beside::STRESS,
            Self::Canary => beside::CANARY,
        }
    }
}

impl Scenario {
    /// The tables of our own that a domain's PostgreSQL schema has.
    pub fn own_tables(&self, domain: &Domain) -> Vec<OwnTable> {
        let place = |it: &Domain| (it.target, it.database.clone(), it.namespace.clone());
        let is_here = |step: &StressStep| {
            step.kind.has_rows() && place(&self.domains[step.domain]) == place(domain)
        };
        let has_steps = self.load.steps.iter().any(is_here);
        let has_canary = self
            .domains
            .iter()
            .enumerate()
            .any(|(number, it)| place(it) == place(domain) && self.has_canary(number));
        let has = |own: &OwnTable| match own {
            OwnTable::Stress => has_steps,
            OwnTable::Canary => has_canary,
        };
        OwnTable::ALL.into_iter().filter(has).collect()
    }

    /// The tables of a domain whose changes are captured, ours included: their names, without the schema's.
    pub fn captured_tables(&self, domain: &Domain) -> Vec<String> {
        let own = self.own_tables(domain).into_iter().map(|own| own.name().to_owned());
        domain.schema.stored().iter().map(|table| table.name.clone()).chain(own).collect()
    }

    /// Whether a step empties a table of a domain's database at once.
    pub fn truncates(&self, domain: usize) -> bool {
        let is_it = |step: &StressStep| {
            step.domain == domain && matches!(step.kind, StressKind::Truncate(_))
        };
        self.load.steps.iter().any(is_it)
    }

    /// Whether there is a canary in the database of a domain: it is observed, and not to be idle.
    fn has_canary(&self, number: usize) -> bool {
        let domain = &self.domains[number];
        let is_made = match &self.targets[domain.target].kind {
            TargetKind::Postgres(target) => target.provision != Provision::Nothing,
            _ => false,
        };
        let is_observed = self.observers.iter().any(|it| it.domains.contains(&number));
        let is_idle = self.cdc.idle.contains(&number);
        // A subscription stands still at a change of a table that its own server has not.
        let has_replica = self
            .observers
            .iter()
            .any(|it| matches!(it.kind, ObserverKind::Replica(_)) && it.domains.contains(&number));
        let is_wanted = self.cdc.canary.is_some_and(|it| it.is_asked_for || !has_replica);
        is_wanted && is_made && is_observed && !is_idle
    }
}
