//! A run judged again, long after it: its decisions are taken again, its trace says what became of them, and
//! so what each row must be.
//!
//! ```text
//!   scenario, seed ── lanes again ──┐
//!                                   ├── fold: what each row must be ──┐
//!   trace ── what became of each ───┘                                 ├── judge: lost, wrong, made up
//!                              databases ── all rows, one snapshot ───┘
//! ```
//!
//! A row is the fold of its changes that were acknowledged. Rows live in one lane, so lanes are gone through
//! one by one, and of their rows only sums are kept; where the sums of a part of a table differ, that part is
//! looked at row by row.

mod digest;
mod evaluate;
mod fold;
mod follow;
mod horizon;
mod judge;
mod lane;
mod observed;
mod past;
mod rows;
mod shared;
mod snapshots;
mod source;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use tokio_postgres::Client;

use crate::action::TableId;
use crate::engine::stop::Halt;
use crate::generate::World;
use crate::measure::Example;
use crate::measure::Verification;
use crate::sink::postgres::provision::SetupError;

pub use fold::Expected;
pub use observed::Observations;
pub use past::ACCOUNT;
pub use past::Past;
pub use snapshots::SnapshotVerdict;

/// Why a run cannot be judged again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing was noted.
    #[error(
        "`{0}` has no trace: a run keeps one if something observes changes of rows, or with `--trace`"
    )]
    NoTrace(String),
    /// Its process lives.
    #[error("the run in `{0}` is still going on")]
    GoesOn(String),
    /// A signal came.
    #[error("a signal ended it before it was done")]
    Halted,
    /// It cannot be read.
    #[error("cannot read the ledger in `{0}`: {1}")]
    Unreadable(String, String),
}

impl From<ReplayError> for SetupError {
    fn from(error: ReplayError) -> Self {
        Self::Local(error.to_string())
    }
}

/// A run that is to be judged again.
#[derive(Debug)]
pub struct Replay {
    /// What was sent.
    pub world: Arc<World>,
    /// What became of it.
    pub past: Past,
    /// By table: whether its rows can be judged.
    pub is_judged: Vec<bool>,
    /// By table: whether others had rows there before the run, which cannot be told from rows that were made up.
    pub has_others: Vec<bool>,
    /// By table: database, PostgreSQL schema and name.
    pub names: Vec<String>,
    /// How many threads go through it.
    pub workers: usize,
    /// Ends it early.
    pub halt: Halt,
}

/// How the rows of databases stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// All that were judged.
    pub tables: Vec<TableVerdict>,
    /// The first hundred rows that are not as they should be, of each kind some.
    pub examples: Vec<Example>,
    /// Transactions of which the trace does not tell: their rows may be as if they had been made, or not.
    pub untold: u64,
}

/// The rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableVerdict {
    /// Database, PostgreSQL schema and name.
    pub table: String,
    /// How many there must be.
    pub expected: u64,
    /// How many there are.
    pub found: u64,
    /// Must be there, and are not.
    pub lost: u64,
    /// Are there with other values.
    pub wrong: u64,
    /// Are there, and nobody has made them.
    pub phantom: u64,
    /// Are there, and nobody can tell what they must be.
    pub unjudged: u64,
    /// Must be there, and lie in parts of the table in which too many others differ to be looked at.
    pub unexamined: u64,
}

/// What came at a surface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// What was expected there, and what came.
    pub verification: Verification,
    /// Transactions of which the trace does not tell.
    pub untold: u64,
    /// Rows in which something differs, or is not certain.
    odd: BTreeSet<u64>,
}

impl TableVerdict {
    /// Whether nothing is wrong with it.
    pub fn holds(&self) -> bool {
        self.lost + self.wrong + self.phantom + self.unexamined == 0
    }
}

impl Standing {
    /// Whether nothing is wrong with any table.
    pub fn holds(&self) -> bool {
        self.tables.iter().all(TableVerdict::holds)
    }
}

impl Replay {
    /// What a table is called that was read of: by its database as it is meant, where no other name is known.
    fn name_of(&self, table: TableId) -> String {
        let name = self.names.get(usize::from(table.0)).cloned();
        name.unwrap_or_else(|| {
            let info = self.world.catalog.table(table);
            format!("{}.{}.{}", info.database, info.namespace, info.name)
        })
    }

    /// Holds the rows of databases against what they must be. Sessions are by domain, and see one snapshot
    /// of its database each.
    pub async fn judge(&self, sessions: &BTreeMap<usize, Client>) -> Result<Standing, SetupError> {
        judge::Judge::new(self, sessions).judge(&self.expected()?).await
    }

    /// What all rows must be, to hold rows against it more than once; for that every lane is gone through.
    pub fn expected(&self) -> Result<Expected, ReplayError> {
        fold::fold(self, None)
    }

    /// As [`Replay::judge`], but ends at the first table that is not as it must be: `None`, then.
    pub async fn judge_if_it_holds(
        &self,
        expected: &Expected,
        sessions: &BTreeMap<usize, Client>,
    ) -> Result<Option<Standing>, SetupError> {
        judge::Judge::new(self, sessions).judge_if_it_holds(expected).await
    }

    /// Holds what observers saw against what was sent. `is_observed` says of which tables they see changes.
    pub fn follow(
        &self,
        surface: &str,
        seen: &Observations,
        is_observed: &[bool],
    ) -> Result<Followed, ReplayError> {
        let mut followed = follow::judge(self, surface, (seen, is_observed))?;
        let of_snapshots = snapshots::judge(self, surface, (seen, is_observed), &followed)?;
        let found = [&followed.verification, &of_snapshots.verification];
        followed.verification = Verification::sum(&found);
        Ok(followed)
    }

    /// What is to be said of the rows of snapshots alone.
    pub fn snapshots(
        &self,
        surface: &str,
        seen: &Observations,
        is_observed: &[bool],
    ) -> Result<SnapshotVerdict, ReplayError> {
        let followed = follow::judge(self, surface, (seen, is_observed))?;
        snapshots::judge(self, surface, (seen, is_observed), &followed)
    }

    /// What was found by going through lanes, if all were gone through.
    fn unless_halted<T>(&self, found: T) -> Result<T, ReplayError> {
        if self.halt.is_told() { Err(ReplayError::Halted) } else { Ok(found) }
    }
}
