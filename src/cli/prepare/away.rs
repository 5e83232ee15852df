//! A server that does not answer, and what it is missed for.

use crate::cli::Refusal;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;

/// Why a target cannot be used. Where it is one of several and was not reached, also by which name the
/// scenario calls it, and which domains are on it.
pub(super) fn refusal(scenario: &Scenario, target: usize, error: &SetupError) -> Refusal {
    let SetupError::Connect(reason) = error else { return Refusal::setup(error) };
    let domains = scenario.domains.iter().filter(|domain| domain.target == target);
    let domains: Vec<String> = domains.map(|domain| format!("`{}`", domain.schema.name)).collect();
    if domains.is_empty() || domains.len() == scenario.domains.len() {
        return Refusal::setup(reason);
    }
    let name = &scenario.targets[target].name;
    let domains = domains.join(", ");
    Refusal::setup(&format!("{reason} (it is the target `{name}`, for {domains})"))
}
