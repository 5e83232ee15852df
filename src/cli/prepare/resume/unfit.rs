//! Why a scenario cannot be continued: what must be so always, what if its run was killed, and what if its
//! timetable is to be played once more.

use crate::pace::Pacing;
use crate::pace::Plan;
use crate::scenario::Brokers;
use crate::scenario::FirehoseEndpoint;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::Server;
use crate::scenario::Stream;
use crate::scenario::Target;
use crate::scenario::TargetKind;

/// Whatever was left of it.
pub(in crate::cli) fn always(scenario: &Scenario) -> Option<String> {
    let of_target = |target: &Target| {
        Some(format!("the target `{}` {}", target.name, unfit_target(&target.kind)?))
    };
    if let Some(why) = scenario.targets.iter().find_map(of_target) {
        return Some(why);
    }
    if !scenario.targets.iter().any(|target| matches!(target.kind, TargetKind::Postgres(_))) {
        let why =
            "there are no books to go on from: only a scenario with a PostgreSQL server keeps any";
        return Some(why.to_owned());
    }
    let has_warmup = !scenario.load.warmup.is_zero();
    scenario.load.streams.iter().find_map(|stream| {
        let name = &stream.name;
        match stream.pacing {
            Pacing::Closed { .. } => Some(format!(
                "the stream `{name}` is closed: how far its sessions get is a matter of the clock"
            )),
            Pacing::Unlimited { .. } if stream.limit.is_some() && has_warmup => Some(format!(
                "how much of the limit of the stream `{name}` was warm-up is not known; leave `warmup` out"
            )),
            Pacing::Unlimited { .. } | Pacing::Open(_) => None,
        }
    })
}

fn unfit_target(target: &TargetKind) -> Option<&'static str> {
    match target {
        TargetKind::Postgres(PostgresTarget { server: Server::Embedded(_), .. }) => {
            Some("is an embedded server, which is fresh each time; name one that stays")
        }
        TargetKind::Postgres(PostgresTarget { provision: Provision::Nothing, .. }) => {
            Some("has tables that loadgen did not make, so there are no books to go on from")
        }
        TargetKind::Kafka(kafka) if matches!(kafka.brokers, Brokers::Embedded) => {
            Some("is an embedded broker, which is fresh each time; name one that stays")
        }
        TargetKind::Firehose(firehose)
            if matches!(firehose.endpoint, FirehoseEndpoint::Embedded(_)) =>
        {
            Some("is an embedded stand-in, which is fresh each time; name an endpoint that stays")
        }
        TargetKind::Lines(_) => Some("writes files, which one run writes from beginning to end"),
        _ => None,
    }
}

/// If its run was killed, so that it noted nothing at its end.
pub(in crate::cli) fn killed(scenario: &Scenario) -> Option<String> {
    if let Some(stream) = scenario.load.streams.iter().find(|stream| stream.batch.is_some()) {
        return Some(format!(
            "nobody can tell which batches of the stream `{}` were under way",
            stream.name
        ));
    }
    scenario.targets.iter().find_map(|target| {
        let why = match &target.kind {
            TargetKind::Postgres(postgres) if postgres.is_pooled => {
                "is behind a pooler, which may still be at work for it"
            }
            TargetKind::Postgres(_) | TargetKind::Elsewhere => return None,
            TargetKind::Kafka(_) | TargetKind::Firehose(_) => {
                "takes events, and nobody can tell which of them were under way"
            }
            TargetKind::Discard | TargetKind::Lines(_) => {
                "keeps nothing by which one could tell what was under way"
            }
        };
        Some(format!("the target `{}` {why}", target.name))
    })
}

/// If its timetable is to be played once more.
pub(super) fn again(scenario: &Scenario) -> Option<String> {
    let is_open = |stream: &&Stream| matches!(stream.pacing, Pacing::Open(_));
    let open = || scenario.load.streams.iter().filter(is_open);
    let depends = |stream: &&Stream| match &stream.pacing {
        Pacing::Open(profile) => profile.depends_on_its_end(),
        _ => false,
    };
    if let Some(stream) = open().find(depends) {
        return Some(format!(
            "the arrivals of the stream `{}` are drawn for a whole profile; with `arrival: {{ poisson: \
             {{ count: drawn }} }}` they go on",
            stream.name
        ));
    }
    let warmup = scenario.load.warmup;
    let mut lengths: Vec<_> = open()
        .filter_map(|stream| Plan::new(&stream.pacing, warmup, stream.limit).measured())
        .collect();
    if lengths.iter().any(|length| *length < warmup) {
        return Some("the warm-up is longer than the profile".to_owned());
    }
    lengths.dedup();
    (lengths.len() > 1)
        .then(|| "the streams last differently long; give `--for` to all runs".to_owned())
}
