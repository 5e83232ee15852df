//! `clean`: what carries our mark goes, and nothing else.

use crate::cli::Refusal;
use crate::cli::complain;
use crate::cli::connector;
use crate::cli::connector::Removal;
use crate::cli::lines;
use crate::cli::output::Output;
use crate::cli::place::Place;
use crate::cli::place::connector as connector_to;
use crate::cli::place::destinations_of;
use crate::cli::read;
use crate::cli::wait::on_runtime;
use crate::engine::stop::Stop;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::sink::firehose::setup::Endpoint;
use crate::sink::firehose::setup::FirehoseAddress;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::marks;
use crate::sink::postgres::clean::OwnSlots;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::Servers;
use crate::sink::postgres::provision::SetupError;

/// `loadgen clean`.
pub(super) fn clean(scenario: &str, connect: Option<&str>, overrides: &Overrides) -> u8 {
    match try_clean(scenario, connect, overrides) {
        Ok(code) => code,
        Err(refusal) => refusal.report(),
    }
}

fn try_clean(scenario: &str, connect: Option<&str>, overrides: &Overrides) -> Result<u8, Refusal> {
    let scenario = read(scenario, overrides)?;
    let place = Place::find(&scenario)?;
    let url = match (connect, &scenario.cdc.connect.url) {
        (Some(text), _) => Some(connector::url(text, &scenario)?),
        (None, url) => url.clone(),
    };
    let slots = connector::own_slots(&scenario, &place, url.as_deref());
    look(&scenario, &place, &slots)?;
    let mut output = Output::default();
    // First of all: a connector whose slot goes makes it again.
    let Removal { removed, kept } = clean_connectors(&scenario, &place, url.as_deref())?;
    let (mut is_nothing, mut has_kept) = (removed.is_empty() && kept.is_empty(), !kept.is_empty());
    for what in &removed {
        output.say(&format!("removed {what}\n"));
    }
    for what in &kept {
        complain(&format!("kept {what}"));
    }
    for target in 0..scenario.targets.len() {
        let cleaned = if let Some(address) = place.endpoint(target) {
            Some(clean_streams(&scenario, (target, address))?)
        } else if let Some(cluster) = place.cluster(target) {
            Some(clean_topics(&scenario, (target, cluster))?)
        } else {
            None
        };
        if let Some((removed, kept)) = cleaned {
            is_nothing &= removed.is_empty() && kept.is_empty();
            has_kept |= !kept.is_empty();
            for what in &removed {
                output.say(&format!("removed {what}\n"));
            }
            for what in &kept {
                complain(&format!("kept {what}"));
            }
            continue;
        }
        let (removed, kept) = lines::clean(&scenario, target)?;
        is_nothing &= removed.is_empty() && kept.is_empty();
        has_kept |= !kept.is_empty();
        for what in &removed {
            output.say(&format!("removed {what}\n"));
        }
        for what in &kept {
            complain(&format!("kept {what}"));
        }
        let Some(address) = place.address(target).cloned() else { continue };
        let connect = connector_to(address, "loadgen/clean".to_owned());
        let Some(provisioner) = Provisioner::new(&scenario, target, Servers::new(&connect)) else {
            continue;
        };
        let provisioner = provisioner.with_slots(slots.clone());
        let cleaned = on_runtime(provisioner.clean()).map_err(|error| Refusal::setup(&error))?;
        is_nothing &= cleaned.is_nothing();
        has_kept |= !cleaned.kept.is_empty();
        cleaned.removed.iter().for_each(|what| output.say(&format!("removed {what}\n")));
        cleaned.kept.iter().for_each(|what| complain(&format!("kept {what}")));
    }
    if is_nothing {
        output.say("nothing to clean\n");
    }
    Ok(output.end(if has_kept { 4 } else { 0 }))
}

/// Looks whether something of others is in the way on any server, before anything is removed.
fn look(scenario: &Scenario, place: &Place, slots: &OwnSlots) -> Result<(), Refusal> {
    for target in 0..scenario.targets.len() {
        let Some(address) = place.address(target).cloned() else { continue };
        let connect = connector_to(address, "loadgen/clean".to_owned());
        let provisioner = Provisioner::new(scenario, target, Servers::new(&connect));
        let Some(provisioner) = provisioner.map(|it| it.with_slots(slots.clone())) else {
            continue;
        };
        on_runtime(provisioner.look_before_clean()).map_err(|error| Refusal::setup(&error))?;
    }
    Ok(())
}

/// Removes the connectors that loadgen has registered for the scenario, where a Kafka Connect is named.
fn clean_connectors(
    scenario: &Scenario,
    place: &Place,
    url: Option<&str>,
) -> Result<Removal, Refusal> {
    let Some(url) = url else { return Ok(Removal::default()) };
    // A signal ends this process: nobody listens.
    connector::remove(scenario, place, url, &Stop::default())
}

/// Removes the topics of a target that loadgen has made. Returns what was removed, and what was kept and
/// why. With `create: false` none was made.
fn clean_topics(
    scenario: &Scenario,
    (target, cluster): (usize, &Cluster),
) -> Result<(Vec<String>, Vec<String>), Refusal> {
    match &scenario.targets[target].kind {
        TargetKind::Kafka(kafka) if kafka.creates => {}
        _ => return Ok((Vec::new(), Vec::new())),
    }
    let topics = destinations_of(scenario, target);
    let (removed, kept) = on_runtime(async {
        let cleaned = marks::clean(cluster, &topics).await;
        cleaned.map_err(|error| SetupError::Local(error.to_string()))
    })
    .map_err(|error| Refusal::setup(&error))?;
    let at = &cluster.brokers;
    let name = |topic: &String| format!("the topic `{topic}` at `{at}`");
    let removed = removed.iter().map(name).collect();
    let kept =
        kept.iter().map(|topic| format!("{}, which is not one that loadgen has made", name(topic)));
    Ok((removed, kept.collect()))
}

/// Removes the streams of a target that loadgen has made. Returns what was removed, and what was kept
/// and why. Where `create` is not said none was made.
fn clean_streams(
    scenario: &Scenario,
    (target, address): (usize, &FirehoseAddress),
) -> Result<(Vec<String>, Vec<String>), Refusal> {
    match &scenario.targets[target].kind {
        TargetKind::Firehose(firehose) if firehose.create.is_some() => {}
        _ => return Ok((Vec::new(), Vec::new())),
    }
    let streams = destinations_of(scenario, target);
    let cleaned = async {
        let endpoint = Endpoint::find(address).await?;
        endpoint.clean(&streams).await
    };
    on_runtime(async { cleaned.await.map_err(|error| SetupError::Local(error.to_string())) })
        .map_err(|error| Refusal::setup(&error))
}
