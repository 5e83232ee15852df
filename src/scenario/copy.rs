//! Domains that are several, and domains that are elsewhere.

use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;

/// One of several domains that are made from one. It has lanes of its own: those whose number leaves the
/// copy's when it is divided by how many copies there are. So no lane touches rows of two copies, and a copy
/// that is slow holds up no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// What the scenario calls all of them.
    pub of: String,
    /// Which one, from 0 on. They follow each other in [`Scenario::domains`].
    pub number: u32,
    /// How many there are.
    pub count: u32,
}

impl Copy {
    /// The one domain of a name.
    pub fn only(name: &str) -> Self {
        Self { of: name.to_owned(), number: 0, count: 1 }
    }
}

impl Scenario {
    /// Whether a domain's rows are kept by somebody else.
    pub fn is_external(&self, domain: &Domain) -> bool {
        let target = self.targets.get(domain.target);
        target.is_some_and(|target| matches!(target.kind, TargetKind::Elsewhere))
    }

    /// The first of the copies that a domain is one of: itself, where it is the only one.
    pub(crate) fn first_copy(&self, domain: usize) -> usize {
        domain.saturating_sub(self.domains[domain].copy.number as usize)
    }
}
