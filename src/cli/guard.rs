//! The slot guard set up: which servers it watches, and where heartbeats go.

use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::engine::GuardedServer;
use crate::engine::Guarding;
use crate::engine::OnGuard;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::scenario::TargetKind;
use crate::sink::postgres::address::Address;

/// How long the first heartbeat of all databases may take.
const HEARTBEATS_WITHIN: Duration = Duration::from_mins(1);

/// Sets it to work, once the tables are made.
pub(super) fn guard(prepared: &Prepared, (feed, stop): (&Feed, &Stop)) -> Result<OnGuard, Refusal> {
    let guarding = guarding(prepared);
    on_runtime_within((stop, HEARTBEATS_WITHIN), guarding.try_heartbeats())
        .map_err(|error| Refusal::setup(&error))?;
    OnGuard::start(guarding, feed, stop).map_err(|error| Refusal::setup(&error))
}

/// All servers that a run writes rows to. The scenario's own login asks and writes, not that of the load.
fn guarding(prepared: &Prepared) -> Guarding {
    let scenario = &prepared.scenario;
    let targets = scenario.targets.iter().enumerate();
    let servers = targets.filter_map(|(number, target)| {
        if !matches!(target.kind, TargetKind::Postgres(_)) {
            return None;
        }
        let domains = scenario.domains.iter().enumerate();
        let domains: Vec<_> = domains.filter(|(_, it)| it.target == number).collect();
        let address = prepared.place.address(number)?.clone();
        let mut beats: Vec<(Address, String)> = Vec::new();
        for (_, domain) in &domains {
            let address = prepared.place.domain(scenario, domain)?;
            let is_known = |known: &(Address, String)| {
                known.0.database() == address.database() && known.1 == domain.namespace
            };
            if !beats.iter().any(is_known) {
                beats.push((address, domain.namespace.clone()));
            }
        }
        let domains: Vec<_> = domains.into_iter().map(|(domain, _)| domain).collect();
        let (target, application) = (target.name.clone(), prepared.application_name());
        let is_used = !domains.is_empty();
        is_used.then_some(GuardedServer { target, address, application, domains, beats })
    });
    let (wal_limit, heartbeat) = (scenario.cdc.wal_limit, scenario.cdc.heartbeat);
    Guarding { servers: servers.collect(), wal_limit, heartbeat }
}
