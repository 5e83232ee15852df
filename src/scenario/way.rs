//! Where a domain's rows are kept, and where its events go.

use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;

/// What goes from a domain to a target: rows, or events, or both where nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Index into [`Scenario::domains`].
    pub domain: usize,
    /// Index into [`Scenario::targets`].
    pub target: usize,
}

impl Scenario {
    /// Whether somebody keeps the rows of a domain's tables. Where only events are sent, rows are
    /// known to the lanes alone.
    pub fn is_stored(&self, domain: &Domain) -> bool {
        // What goes nowhere, or into files, may be rows, or events, and events may go elsewhere.
        let is_apart = !domain.events.is_empty() && !domain.events.contains(&domain.target);
        match self.targets.get(domain.target).map(|target| &target.kind) {
            Some(TargetKind::Kafka(_) | TargetKind::Firehose(_) | TargetKind::Elsewhere) => false,
            Some(TargetKind::Discard | TargetKind::Lines(_)) => {
                !domain.schema.has_events() || is_apart
            }
            Some(TargetKind::Postgres(_)) | None => true,
        }
    }

    /// All ways of a run: first that of each domain to its own target, in the order of domains, then those
    /// to the other targets that its events go to.
    pub fn ways(&self) -> Vec<Way> {
        let domains = self.domains.iter().enumerate();
        let own = domains.clone().map(|(domain, each)| Way { domain, target: each.target });
        let others = domains.flat_map(|(domain, each)| {
            let others = each.events.iter().filter(|target| **target != each.target);
            others.map(move |target| Way { domain, target: *target })
        });
        own.chain(others).collect()
    }

    /// The ways that the events of a domain go, by their numbers.
    pub fn event_ways(&self, domain: usize) -> Vec<usize> {
        let events = self.domains[domain].events.as_slice();
        if events.is_empty() {
            return vec![domain];
        }
        let ways = self.ways();
        let way =
            |target: &usize| ways.iter().position(|way| *way == Way { domain, target: *target });
        events.iter().filter_map(way).collect()
    }

    /// The events that are sent to a target, by name, with the domain of each.
    pub fn events_to(&self, target: usize) -> Vec<(String, &Domain)> {
        let ways = self.ways();
        let takes =
            |domain: usize| self.event_ways(domain).iter().any(|way| ways[*way].target == target);
        let domains = self.domains.iter().enumerate().filter(|(domain, _)| takes(*domain));
        let events = domains.flat_map(|(_, domain)| {
            let tables = domain.schema.tables.iter().filter(|table| table.event.is_some());
            tables.map(move |table| (table.name.clone(), domain))
        });
        events.collect()
    }
}
