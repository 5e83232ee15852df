//! When the slots of a run come, and what that needs: rates, segments, connections, lanes.

use std::time::Duration;

use crate::cli::plan::content::Content;
use crate::cli::plan::facts::ActionOutlook;
use crate::cli::plan::facts::DatabaseNeeds;
use crate::cli::plan::facts::LanesNeeded;
use crate::cli::plan::facts::SegmentOutlook;
use crate::cli::plan::facts::StreamOutlook;
use crate::generate::World;
use crate::pace::Pacing;
use crate::pace::Profile;
use crate::pace::Sessions;
use crate::pace::nanoseconds;
use crate::pace::real;
use crate::pace::whole;
use crate::scenario::Scenario;
use crate::scenario::Stream;
use crate::scenario::TargetKind;

/// Parts of a profile that are shown.
const PARTS: u64 = 60;
/// Moments at which the rate is looked at, to find its peak.
const LOOKS: u64 = 6_000;

/// A stream, by its number.
pub(super) fn stream(
    scenario: &Scenario,
    (world, number): (&World, usize),
    content: &Content,
) -> StreamOutlook {
    let stream = &scenario.load.streams[number];
    let plan = world.plan(number);
    let measured = plan.measured();
    let seen = &content.streams[number];
    let slots = plan.slots();
    let share = |part: u64| slots.map(|slots| scaled(part, slots, seen.slots));
    let (profile, segments, peak_rate) = match (&stream.pacing, measured) {
        (Pacing::Open(profile), Some(measured)) => {
            let peak = peak(profile.as_ref(), measured);
            (parts(profile.as_ref(), measured), segments(stream, profile.as_ref()), Some(peak))
        }
        _ => (Vec::new(), Vec::new(), None),
    };
    let mean_rate = match (peak_rate, measured, plan.measured_slots()) {
        (Some(_), Some(measured), Some(slots)) if !measured.is_zero() => {
            Some(real(slots) / measured.as_secs_f64())
        }
        _ => None,
    };
    StreamOutlook {
        name: stream.name.clone(),
        slots,
        warmup_slots: plan.warmup_slots(),
        measured_slots: plan.measured_slots(),
        measured_ns: measured.map(nanoseconds),
        skipped: share(seen.skipped),
        peak_rate,
        mean_rate,
        sessions: plan.sessions().map(Sessions::most),
        profile,
        segments,
        actions: actions(scenario, stream, slots),
    }
}

/// `part` of what was seen, of all.
fn scaled(part: u64, all: u64, seen: u64) -> u64 {
    if seen == 0 { 0 } else { whole((real(part) * real(all) / real(seen)).round()) }
}

fn actions(scenario: &Scenario, stream: &Stream, slots: Option<u64>) -> Vec<ActionOutlook> {
    let sum: f64 = stream.mix.iter().map(|entry| entry.weight).sum();
    // Copies of a domain are told of as one.
    let firsts = stream.mix.iter().filter(|entry| scenario.domains[entry.domain].copy.number == 0);
    let entries = firsts.map(|entry| {
        let domain = &scenario.domains[entry.domain];
        let share = entry.weight * f64::from(domain.copy.count) / sum;
        ActionOutlook {
            action: format!("{}.{}", domain.copy.of, domain.schema.actions[entry.action].name),
            share,
            slots: slots.map(|slots| whole((real(slots) * share).round())),
        }
    });
    entries.collect()
}

/// The mean rates of equal parts of a profile.
fn parts(profile: &dyn Profile, measured: Duration) -> Vec<f64> {
    let length = nanoseconds(measured);
    let at = |part: u64| u128::from(length) * u128::from(part) / u128::from(PARTS);
    let at = |part: u64| u64::try_from(at(part)).unwrap_or(length);
    let rates = (0..PARTS).map(|part| mean(profile, at(part), at(part + 1)));
    rates.collect()
}

fn mean(profile: &dyn Profile, from_ns: u64, to_ns: u64) -> f64 {
    let slots = profile.expected(to_ns) - profile.expected(from_ns);
    if to_ns > from_ns { slots.max(0.0) / (real(to_ns - from_ns) / 1e9) } else { 0.0 }
}

/// The highest rate of so long a part of a profile.
fn peak(profile: &dyn Profile, measured: Duration) -> f64 {
    let length = nanoseconds(measured);
    let at = |look: u64| u128::from(length) * u128::from(look) / u128::from(LOOKS);
    let at = |look: u64| u64::try_from(at(look)).unwrap_or(length);
    let rates =
        (0..LOOKS).map(|look| profile.rate(at(look)).max(mean(profile, at(look), at(look + 1))));
    // A profile's rate just before its end is the end of its last ramp.
    let end = profile.rate(length.saturating_sub(1));
    rates.fold(end, f64::max)
}

fn segments(stream: &Stream, profile: &dyn Profile) -> Vec<SegmentOutlook> {
    let limit = stream.limit.map_or(f64::INFINITY, real);
    let named = stream.segments.iter().map(|segment| {
        let (from_ns, to_ns) = (nanoseconds(segment.from), nanoseconds(segment.to));
        let until = |at: u64| whole(profile.expected(at).min(limit).ceil());
        SegmentOutlook {
            name: segment.name.clone(),
            from_ns,
            to_ns,
            slots: until(to_ns).saturating_sub(until(from_ns)),
            mean_rate: mean(profile, from_ns, to_ns),
        }
    });
    named.collect()
}

/// What each database needs at the peak, by Little's law. Streams without a schedule need what
/// they get.
pub(super) fn connections(
    scenario: &Scenario,
    streams: &[StreamOutlook],
    service: Duration,
) -> Vec<DatabaseNeeds> {
    let domains = scenario.domains.iter().enumerate();
    let needs = domains.filter_map(|(number, domain)| {
        let target = &scenario.targets[domain.target];
        let TargetKind::Postgres(postgres) = &target.kind else { return None };
        let peak_rate: f64 = scenario
            .load
            .streams
            .iter()
            .zip(streams)
            .map(|(stream, outlook)| {
                let all: f64 = stream.mix.iter().map(|entry| entry.weight).sum();
                let here = stream.mix.iter().filter(|entry| entry.domain == number);
                outlook.peak_rate.unwrap_or(0.0) * here.map(|entry| entry.weight).sum::<f64>() / all
            })
            .sum();
        Some(DatabaseNeeds {
            target: target.name.clone(),
            database: domain.database.clone(),
            peak_rate,
            service_ns: nanoseconds(service),
            needed: peak_rate * service.as_secs_f64(),
            connections: postgres.connections,
            in_flight: scenario.in_flight(domain.target, postgres),
        })
    });
    needs.collect()
}

/// What each group of streams needs at the peak: a lane has one action under way.
pub(super) fn lanes(
    scenario: &Scenario,
    world: &World,
    (streams, service): (&[StreamOutlook], Duration),
) -> Vec<LanesNeeded> {
    let groups = world.groups.iter().map(|group| {
        let rates = group.iter().map(|stream| streams[*stream].peak_rate.unwrap_or(0.0));
        let peak_rate: f64 = rates.sum();
        LanesNeeded {
            streams: group.iter().map(|stream| streams[*stream].name.clone()).collect(),
            peak_rate,
            needed: peak_rate * service.as_secs_f64(),
            lanes: scenario.lanes,
        }
    });
    groups.collect()
}
