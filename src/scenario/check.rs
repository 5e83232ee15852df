//! A scenario file to what it means, or every mistake in it.

mod arrival;
mod avro;
mod batch;
mod cdc;
mod connect;
mod content;
mod copies;
mod destinations;
mod domain;
mod events;
mod external;
mod faults;
mod firehose;
mod group;
mod history;
mod kafka;
mod ledger;
mod lines;
mod marks;
mod observe;
mod profile;
mod scale;
mod sessions;
mod spans;
mod steps;
mod stream;
mod target;
mod threshold;
mod validity;

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::Secrets;
use crate::scenario::Load;
use crate::scenario::Overrides;
use crate::scenario::Precision;
use crate::scenario::Scenario;
use crate::scenario::Start;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::check::copies::Spread;
use crate::scenario::check::scale::Scale;
use crate::scenario::file::LoadFile;
use crate::scenario::file::PrecisionFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::hash::hash;
use crate::schema::check::Checked;
use crate::schema::check::moment;
use crate::schema::check::relations;
use crate::units::parse_duration;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const SEED: u64 = 1;
const LANES: u32 = 64;
const DRAIN: Duration = Duration::from_secs(30);

/// Most lanes.
const LANES_MAX: u32 = 4_096;

/// Nothing that a scenario says takes longer.
const LENGTH_MAX: Duration = Duration::from_hours(366 * 24);

/// Checks a decoded scenario with the schemas of its domains; mistakes go to `problems`. None where
/// so much is broken that nothing can be made of it.
pub(super) fn check(
    (file, reference): (&ScenarioFile, &str),
    schemas: Vec<Option<Checked>>,
    overrides: &Overrides,
    problems: &mut Problems,
) -> Option<Scenario> {
    name(&file.scenario, problems);
    let lanes = lanes(file, problems);
    let start = start(file, problems);
    let allow_remote = file.allow_remote.0 == Some(true) || overrides.allow_remote;
    let targets = target::targets(file, overrides, allow_remote, problems);
    let spread = Spread::of(file, schemas, problems);
    let (domains, spread) = domain::domains(spread, &targets, problems);
    let whole: Vec<&Checked> = spread.schemas.iter().flatten().collect();
    // A domain that could not be read may be the one that a reference means.
    relations(&whole, whole.len() == spread.copies.len(), problems);
    let load_file = file.load.0.as_ref()?;
    let seed = file.seed.0.as_ref().and_then(|seed| seed.as_ref()).map(|seed| seed.value);
    let seed = overrides.seed.or(seed).unwrap_or(SEED);
    let scale = Scale::of(overrides);
    let context = stream::Context {
        file,
        spread: &spread,
        scenario: reference,
        seed,
        scale,
        length: overrides.length,
        rounds: overrides.rounds.max(1),
    };
    let (streams, contents) = context.streams(load_file, problems);
    let validity = validity::validity(file, problems);
    let cdc = cdc::cdc(file.cdc.0.as_ref()?, &targets, allow_remote || overrides.discard, problems);
    let mut scenario = Scenario {
        name: file.scenario.value.clone(),
        seed,
        start,
        lanes,
        allow_remote,
        targets,
        domains,
        load: load((load_file, scale), streams, problems),
        cdc,
        observers: Vec::new(),
        ledger: ledger::ledger(file.ledger.0.as_ref()?, problems),
        thresholds: Vec::new(),
        validity,
        hash: String::new(),
        source: String::new(),
        secrets: Secrets::default(),
    };
    let parts = (scenario.targets.as_slice(), scenario.domains.as_slice());
    scenario.observers = observe::observers(file, parts, overrides, problems);
    cdc::has_use(file, parts, problems);
    scenario.cdc.idle = cdc::idle(file.cdc.0.as_ref()?, &scenario, problems);
    let written = load_file.steps.0.as_deref().unwrap_or_default();
    scenario.load.steps = steps::steps(written, &scenario, (overrides, scale), problems);
    elsewhere(&mut scenario);
    scenario.thresholds = threshold::thresholds(file, &scenario, problems);
    if problems.is_empty() {
        // These judge the whole, and a broken part would mislead them.
        avro::check(&scenario, file, problems);
        destinations::check(&scenario, file, problems);
        group::check(&scenario, file, problems);
        content::check(&scenario, &spread.file, &whole, problems);
        lines::files(&scenario, file, problems);
    }
    marks::mark(&mut scenario, file, problems);
    scenario.hash = hash(&scenario, &contents);
    Some(scenario)
}

/// External domains are on a target of their own, which no file names.
fn elsewhere(scenario: &mut Scenario) {
    let number = scenario.targets.len();
    if scenario.domains.iter().any(|domain| domain.target == number) {
        let name = "elsewhere".to_owned();
        scenario.targets.push(Target { name, kind: TargetKind::Elsewhere });
    }
}

/// The name becomes part of a folder's name.
fn name(name: &Spanned<String>, problems: &mut Problems) {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let is_good = name.value.chars().all(is_plain) && !name.value.starts_with('.');
    if name.value.is_empty() || name.value.len() > 100 || !is_good {
        let message = format!("`{}` cannot name a scenario", name.value);
        let help = "use up to 100 letters, digits, `-`, `_` and `.`, not beginning with `.`";
        problems.add(Problem::new(message).at(name.place).help(help));
    }
}

fn lanes(file: &ScenarioFile, problems: &mut Problems) -> u32 {
    let Some(Some(lanes)) = &file.lanes.0 else {
        return LANES;
    };
    between(lanes, "lanes", 1..=LANES_MAX, problems)
}

/// A whole number within limits.
fn between(
    number: &Spanned<u32>,
    what: &str,
    limits: std::ops::RangeInclusive<u32>,
    problems: &mut Problems,
) -> u32 {
    if !limits.contains(&number.value) {
        let message = format!("`{what}` is {} to {}", limits.start(), limits.end());
        problems.add(Problem::new(message).at(number.place));
    }
    number.value
}

fn start(file: &ScenarioFile, problems: &mut Problems) -> Start {
    let Some(Some(start)) = &file.start.0 else {
        return Start::Now;
    };
    if start.value == "now" {
        return Start::Now;
    }
    // PostgreSQL's `date` and `timestamp` reach further; nobody's data do.
    let years = moment("0100-01-01").unwrap_or(i64::MIN)..moment("9000-01-01").unwrap_or(i64::MAX);
    match moment(&start.value) {
        Some(micros) if years.contains(&micros) => Start::At(micros),
        _ => {
            let message = format!("`{}` is not a time between the years 100 and 9000", start.value);
            let help = "write `now`, `2026-01-31` or `2026-01-31T12:00:00Z`";
            problems.add(Problem::new(message).at(start.place).help(help));
            Start::Now
        }
    }
}

fn load(
    (file, scale): (&LoadFile, Scale),
    streams: Vec<crate::scenario::Stream>,
    problems: &mut Problems,
) -> Load {
    let mut read = |text: &Option<Spanned<String>>, default| {
        text.as_ref().and_then(|text| duration(text, problems)).unwrap_or(default)
    };
    let warmup = scale.time(read(&file.warmup, Duration::ZERO));
    let drain = read(&file.drain, DRAIN);
    let precision = match file.precision {
        PrecisionFile::Eco => Precision::Eco,
        PrecisionFile::Normal => Precision::Normal,
        PrecisionFile::Precise => Precision::Precise,
    };
    let (scale_rate, time_scale) = (scale.rates_by, scale.speed);
    Load { warmup, drain, precision, scale_rate, time_scale, streams, steps: Vec::new() }
}

/// A duration within a year.
fn duration(text: &Spanned<String>, problems: &mut Problems) -> Option<Duration> {
    match parse_duration(&text.value) {
        Ok(duration) if duration <= LENGTH_MAX => Some(duration),
        Ok(_) => {
            problems.add(Problem::new("this is longer than a year").at(text.place));
            None
        }
        Err(message) => {
            problems.add(Problem::new(message).at(text.place));
            None
        }
    }
}

/// A duration that is not zero.
fn positive(text: &Spanned<String>, problems: &mut Problems) -> Option<Duration> {
    let duration = duration(text, problems)?;
    if duration.is_zero() {
        problems.add(Problem::new("this takes no time at all").at(text.place));
        return None;
    }
    Some(duration)
}

/// Where a domain's name is written.
fn domain_place(file: &ScenarioFile, domain: usize) -> Place {
    let domains = &file.domains;
    domains.value.0.get(domain).map_or(domains.place, |(name, _)| name.place)
}
