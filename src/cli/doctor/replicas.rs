//! The doctor's look at the replicas that are observed: do they answer, and is there room for slots?

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::cli::Refusal;
use crate::cli::observe::replicas;
use crate::cli::place::Place;
use crate::cli::wait::on_runtime;
use crate::doctor;
use crate::doctor::Check;
use crate::doctor::Demand;
use crate::observe::Source;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::Replica;
use crate::scenario::Scenario;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;

use super::APPLICATION;
use super::Report;

/// How long each may take to answer: all are asked at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// What is to be said of each.
pub(super) fn reports(scenario: &Scenario, place: &Place) -> Result<Vec<Report>, Refusal> {
    let mut asked = Vec::new();
    for observer in &scenario.observers {
        let ObserverKind::Replica(replica) = &observer.kind else { continue };
        let sources = replicas((scenario, place), observer, replica);
        let sources = sources.map_err(|error| Refusal::setup(&error))?;
        if !sources.is_empty() {
            asked.push(report(observer, replica, sources));
        }
    }
    let reports = on_runtime(async { Ok(join_all(asked).await) });
    reports.map_err(|error| Refusal::setup(&error))
}

async fn report(observer: &Observer, replica: &Replica, sources: Vec<Source>) -> Report {
    let name = observer.name.as_str();
    let looked = timeout(ANSWER_WITHIN, look(replica, &sources)).await;
    let checks = match looked {
        Ok(Ok(mut checks)) => {
            checks.insert(0, Check::replica(name, Ok(sources.len())));
            checks
        }
        Ok(Err(error)) => vec![Check::replica(name, Err(error.to_string()))],
        Err(_) => {
            let why = format!("no answer within {} s", ANSWER_WITHIN.as_secs());
            vec![Check::replica(name, Err(why))]
        }
    };
    let address = sources.first().map(|source| source.address.to_string()).unwrap_or_default();
    Report { subject: format!("replica {name} {address}"), checks }
}

/// Reaches each database; looks at the server where slots are to be read in them.
async fn look(replica: &Replica, sources: &[Source]) -> Result<Vec<Check>, SetupError> {
    let mut checks = Vec::new();
    for source in sources {
        // It is not tried again: there is time for one answer, and that is to be told.
        let client = control(&source.address, APPLICATION).await?;
        if checks.is_empty() && replica.every.is_none() {
            let slots = i64::try_from(sources.len()).unwrap_or(i64::MAX);
            let databases = sources.iter().map(|it| it.address.database().to_owned()).collect();
            let demand = Demand { slots, databases, ..Demand::default() };
            checks = doctor::server(&client, &demand).await?;
        }
    }
    Ok(checks)
}
