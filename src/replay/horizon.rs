//! How far a surface got by the end of a run that was killed: what had to come before something that came is
//! lost, and not under way.
//!
//! A slot hands transactions over in the order in which they were committed. What was acknowledged before
//! another was sent was committed before it: so it comes before it.

use crate::action::Catalog;
use crate::action::TableId;

/// What was acknowledged so long before another was sent came before it for certain, whatever was rounded.
const MARGIN_MS: u32 = 1_000;

/// When a transaction was last sent, and when it was settled, in milliseconds on the run's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct When {
    pub(super) sent: u32,
    pub(super) settled: u32,
}

impl When {
    /// From nanoseconds: sent not later, and settled not before it was so. After seven weeks both are the end
    /// of time.
    pub(super) fn of(sent: u64, settled: u64) -> Self {
        let short = |milliseconds: u64| u32::try_from(milliseconds).unwrap_or(u32::MAX);
        Self { sent: short(sent / 1_000_000), settled: short(settled.div_ceil(1_000_000)) }
    }
}

/// By domain: when the last transaction of which something came was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Horizons(Vec<u32>);

impl Horizons {
    /// Of a catalog's domains, from which nothing has come.
    pub(super) fn none(catalog: &Catalog) -> Self {
        let domains = catalog.tables.iter().map(|info| info.domain + 1).max();
        Self(vec![0; domains.unwrap_or(0)])
    }

    /// Something of a transaction came.
    pub(super) fn came(&mut self, catalog: &Catalog, table: TableId, when: When) {
        if let Some(horizon) = self.0.get_mut(catalog.table(table).domain) {
            *horizon = (*horizon).max(when.sent);
        }
    }

    /// Whether what was settled then had to come before something that came.
    pub(super) fn is_past(&self, catalog: &Catalog, table: TableId, when: When) -> bool {
        let horizon = self.0.get(catalog.table(table).domain).copied().unwrap_or(0);
        when.settled.saturating_add(MARGIN_MS) < horizon
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            *ours = (*ours).max(*theirs);
        }
    }
}
