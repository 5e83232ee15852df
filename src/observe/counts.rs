//! What was expected and what came, of the domains' tables and of our own: who judges later knows nothing of ours.

use crate::measure::Verification;

/// The counts of a surface.
#[derive(Debug, Default)]
pub(super) struct Counts {
    domains: Verification,
    own: Verification,
}

impl Counts {
    /// Those of our own tables, or of the domains'.
    pub(super) fn of(&mut self, is_own: bool) -> &mut Verification {
        if is_own { &mut self.own } else { &mut self.domains }
    }

    /// All of them, and those of our own tables alone.
    pub(super) fn end(self) -> (Verification, Verification) {
        let Self { domains, own } = self;
        (Verification::sum(&[&domains, &own]), own)
    }
}
