//! Looks whether all that is observed can be, before anything is seeded.

use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::observe::replicas;
use crate::cli::observe::sources;
use crate::cli::place::Place;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::observe::Source;
use crate::observe::before;
use crate::observe::before::Way;
use crate::scenario::Confirms;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;

/// How long one database may be looked at.
const LOOK_WITHIN: Duration = Duration::from_secs(30);

/// Refuses a run whose observers could not begin, once the tables are there.
pub(in crate::cli) fn look_ahead(
    prepared: &Prepared,
    (feed, stop): (&Feed, &Stop),
) -> Result<(), Refusal> {
    let about = (&*prepared.world.catalog, prepared.scenario.cdc.publication.as_str());
    let at = (&*prepared.scenario, &prepared.place);
    for observer in &prepared.scenario.observers {
        let read = read(at, observer).map_err(|error| Refusal::setup(&error))?;
        let Some((sources, way)) = read else { continue };
        for source in &sources {
            let application = prepared.application_name();
            let looked = before::look(about, (source, way), &application);
            let note = on_runtime_within((stop, LOOK_WITHIN), looked);
            note.map_err(|error| Refusal::setup(&error))?.iter().for_each(|it| feed.message(it));
        }
    }
    Ok(())
}

/// The databases of an observer's whose changes must come by others, and by no connector that a run registers.
pub(in crate::cli) fn of_others(at: (&Scenario, &Place), observer: &Observer) -> Vec<Source> {
    match read(at, observer) {
        Ok(Some((sources, Way::Others))) => sources,
        _ => Vec::new(),
    }
}

/// The databases that an observer reads, and how; none of those that connectors of ours have yet to read.
fn read(
    at: (&Scenario, &Place),
    observer: &Observer,
) -> Result<Option<(Vec<Source>, Way)>, SetupError> {
    let registers = at.0.cdc.connect.url.is_some();
    Ok(match &observer.kind {
        ObserverKind::Slot { confirms, .. } => Some((sources(at, observer, *confirms), Way::Slot)),
        ObserverKind::Replica(replica) => {
            let way = if replica.every.is_some() { Way::Tables } else { Way::Slot };
            Some((replicas(at, observer, replica)?, way))
        }
        ObserverKind::Kafka { .. } | ObserverKind::Lake(_) | ObserverKind::Records(_) => {
            (!registers).then(|| (sources(at, observer, Confirms::All), Way::Others))
        }
        ObserverKind::Events(_) => None,
    })
}
