//! What is kept of each transaction.

/// What is kept of each transaction in the run's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLimits {
    /// Whether what became of each transaction is kept; `None`: if something is observed.
    pub trace: Option<bool>,
    /// How many bytes it may have.
    pub bytes: u64,
}

impl LedgerLimits {
    /// How many bytes it may have where the scenario does not say.
    pub const BYTES: u64 = 8 << 30;
}
