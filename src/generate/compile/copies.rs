//! Domains of which there are several copies: each lane works on one of them.

use crate::generate::compile::Names;
use crate::scenario::MixEntry;
use crate::scenario::Scenario;

/// What lanes mix: as many mixes as it takes until all copies have had their turn.
pub(super) fn mixes(
    scenario: &Scenario,
    names: &Names<'_>,
    all: &[MixEntry],
) -> Vec<Vec<(u16, f64)>> {
    let copy = |entry: &MixEntry| &scenario.domains[entry.domain].copy;
    let turns = all.iter().map(|entry| copy(entry).count).fold(1, common_multiple);
    let mix = |turn: u32| {
        let own = all.iter().filter(|entry| turn % copy(entry).count == copy(entry).number);
        // A copy's share of the weight, times all copies.
        let own = own.map(|entry| (entry, entry.weight * f64::from(copy(entry).count)));
        let total: f64 = own.clone().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let mix = own.map(|(entry, weight)| {
            sum += weight;
            let action = names.action(entry.domain, entry.action);
            (u16::try_from(action).unwrap_or(u16::MAX), sum / total)
        });
        mix.collect()
    };
    (0..turns).map(mix).collect()
}

/// The least number that both divide; both are above 0.
fn common_multiple(one: u32, other: u32) -> u32 {
    let (mut divisor, mut rest) = (one, other);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    one / divisor * other
}

/// By action: the same one of the first copy of its domain.
pub(super) fn firsts(scenario: &Scenario, names: &Names<'_>) -> Vec<u16> {
    let domains = scenario.domains.iter().enumerate();
    let all = domains.flat_map(|(domain, each)| {
        let first = names.action(scenario.first_copy(domain), 0);
        first..first + each.schema.actions.len()
    });
    all.map(|action| u16::try_from(action).unwrap_or(u16::MAX)).collect()
}
