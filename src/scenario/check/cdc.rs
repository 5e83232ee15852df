//! What change data capture needs, and what guards the source: `cdc: { heartbeat: 5s, wal_limit: 1GB }`.

use std::time::Duration;

use secrecy::SecretString;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Canary;
use crate::scenario::Cdc;
use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::scenario::Stream;
use crate::scenario::Target;
use crate::scenario::TraceBy;
use crate::scenario::check::connect::connect;
use crate::scenario::check::duration;
use crate::scenario::file::CdcFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::scenario::file::TraceByFile;
use crate::schema::check::identifier;
use crate::units::parse_bytes;
use crate::yaml::Spanned;

/// What switches heartbeats off.
const OFF: &str = "off";
/// How often a heart may beat.
const BEATS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_hours(1);
/// How often a canary may change.
const SINGS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_mins(1);
/// A server frees its log by segments, which have so many bytes unless it was made otherwise.
const SEGMENT: u64 = 16 << 20;

/// `is_allowed` says whether Kafka Connect may be on another machine.
pub(super) fn cdc(
    file: &CdcFile,
    targets: &[Target],
    is_allowed: bool,
    problems: &mut Problems,
) -> Cdc {
    if let Some(publication) = &file.publication {
        identifier(publication, "a publication's name", problems);
    }
    let mut secret = |text: &Option<Spanned<String>>| {
        let text = text.as_ref()?;
        let reason = if text.value.is_empty() {
            "a password is not empty"
        } else if text.value.contains('\0') {
            "a password contains no NUL character"
        } else {
            return Some(SecretString::from(text.value.clone()));
        };
        problems.add(Problem::new(reason).at(text.place));
        None
    };
    let (password, application_password) =
        (secret(&file.password), secret(&file.application_password));
    Cdc {
        publication: file
            .publication
            .as_ref()
            .map_or_else(|| "debezium".to_owned(), |name| name.value.clone()),
        signal_table: file.signal_table.unwrap_or(true),
        heartbeat_table: has_table(file),
        heartbeat: file.heartbeat.as_ref().and_then(|written| heartbeat(written, problems)),
        canary: match &file.canary {
            Some(written) => canary(written, problems),
            None => Some(Canary::UNASKED),
        },
        trace: file.trace.as_ref().map_or(TraceBy::Xid, |written| match written.value {
            TraceByFile::Xid => TraceBy::Xid,
            TraceByFile::Columns => TraceBy::Columns,
            TraceByFile::Message => TraceBy::Message,
        }),
        idle: Vec::new(),
        wal_limit: file.wal_limit.as_ref().and_then(|written| wal_limit(written, problems)),
        password,
        application_password,
        connect: connect(file.connect.as_ref(), targets, is_allowed, problems),
    }
}

fn has_table(file: &CdcFile) -> bool {
    file.heartbeat_table.as_ref().is_none_or(|written| written.value)
}

fn heartbeat(written: &Spanned<String>, problems: &mut Problems) -> Option<Duration> {
    if written.value == OFF {
        return None;
    }
    let every = duration(written, problems)?;
    if !BEATS.contains(&every) {
        let message = "a heartbeat comes every `100ms` to `1h`";
        let help = "write `5s`, or `off` for none";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    Some(every)
}

fn canary(written: &Spanned<String>, problems: &mut Problems) -> Option<Canary> {
    if written.value == OFF {
        return None;
    }
    let every = duration(written, problems)?;
    if !SINGS.contains(&every) {
        let message = "a canary changes every `10ms` to `1m`";
        let help = "write `100ms`, or `off` for none";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    Some(Canary { every, is_asked_for: true })
}

/// The domains that are to be idle. Streams leave them alone.
pub(super) fn idle(file: &CdcFile, scenario: &Scenario, problems: &mut Problems) -> Vec<usize> {
    let mut idle = Vec::new();
    for written in &file.idle {
        let Some(domain) = scenario.domain(&written.value) else {
            let names: Vec<&str> =
                scenario.domains.iter().map(|domain| domain.schema.name.as_str()).collect();
            let message = format!("there is no domain `{}`", written.value);
            let help = suggest(&written.value, "the domains", &names);
            problems.add(Problem::new(message).at(written.place).maybe_help(help));
            continue;
        };
        let is_used = |it: &&Stream| it.mix.iter().any(|entry| entry.domain == domain);
        if let Some(stream) = scenario.load.streams.iter().find(is_used) {
            let message = format!("`{}` is not idle: `{}` works on it", written.value, stream.name);
            let help = "leave it out here, or out of the stream";
            problems.add(Problem::new(message).at(written.place).help(help));
        }
        if let Some(busy) = beside(&scenario.domains, domain, file) {
            let message = format!("`{}` is not idle: `{busy}` is in its database", written.value);
            let help = format!("name `{busy}` here as well, or give it a database of its own");
            problems.add(Problem::new(message).at(written.place).help(help));
        }
        idle.push(domain);
    }
    idle
}

/// A domain in the database of another that is not to be idle.
fn beside<'a>(domains: &'a [Domain], idle: usize, file: &CdcFile) -> Option<&'a str> {
    let of = |domain: &Domain| (domain.target, domain.database.clone());
    let is_idle = |name: &str| file.idle.iter().any(|written| written.value == name);
    let names = domains.iter().filter(|it| of(it) == of(&domains[idle]));
    names.map(|it| it.schema.name.as_str()).find(|name| !is_idle(name))
}

fn wal_limit(written: &Spanned<String>, problems: &mut Problems) -> Option<u64> {
    let mut refuse = |message: String, help: Option<&str>| {
        let help = help.map(str::to_owned);
        problems.add(Problem::new(message).at(written.place).maybe_help(help));
        None
    };
    match parse_bytes(&written.value) {
        Ok(bytes) if bytes >= SEGMENT => Some(bytes),
        Ok(_) => {
            let help = "a server frees its log by segments of 16MB";
            refuse("the least limit is `16MB`".to_owned(), Some(help))
        }
        Err(message) => refuse(message, None),
    }
}

/// Refuses words that would do nothing.
pub(super) fn has_use(
    file: &ScenarioFile,
    (targets, domains): (&[Target], &[Domain]),
    problems: &mut Problems,
) {
    let Some(cdc) = &file.cdc.0 else { return };
    let beats = cdc.heartbeat.as_ref().filter(|written| written.value != OFF);
    if let Some(written) = beats.filter(|_| !has_table(cdc)) {
        let message = "there is no table to write heartbeats into: `heartbeat_table` is `false`";
        let help = "leave `heartbeat_table` out, or write `heartbeat: off`";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    let canary = cdc.canary.as_ref().filter(|written| written.value != OFF);
    let is_observed = file.observe.0.as_ref().is_some_and(|observers| !observers.0.is_empty());
    let idle = cdc.idle.first();
    for (word, written) in [("canary", canary), ("idle", idle)] {
        let Some(written) = written.filter(|_| !is_observed) else { continue };
        let message = format!("`{word}` does nothing here: nothing is observed");
        let help = "write what reads the changes into `observe`, or leave it out";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    if has_server(file, (targets, domains)) {
        return;
    }
    let place = |written: &Spanned<String>| written.place;
    for (word, place) in [
        ("heartbeat", beats.map(place)),
        ("wal_limit", cdc.wal_limit.as_ref().map(place)),
        ("connect", cdc.connect.as_ref().map(|written| written.place)),
        ("trace", cdc.trace.as_ref().map(|written| written.place)),
    ] {
        let Some(place) = place else { continue };
        let message = format!("`{word}` does nothing here: no domain is on a PostgreSQL server");
        let help = "let a domain be `on` a `postgres` target, or leave it out";
        problems.add(Problem::new(message).at(place).help(help));
    }
}

/// Whether a domain is on a PostgreSQL server, by what is written. What could not be read may be one.
pub(super) fn has_server(file: &ScenarioFile, (targets, domains): (&[Target], &[Domain])) -> bool {
    let is_on_server = |domain: &Domain| {
        let name = targets.get(domain.target).map(|target| target.name.as_str());
        let mut written = file.targets.0.iter().flat_map(|all| &all.0);
        let written = written.find(|(other, _)| Some(other.value.as_str()) == name);
        written.is_some_and(|(_, it)| matches!(it, None | Some(TargetFile::Postgres(_))))
    };
    domains.is_empty() || domains.iter().any(is_on_server)
}
