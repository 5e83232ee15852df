//! `connector`: Debezium, as it fits a scenario; and its connectors in a run.

mod opened;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueHint;
use secrecy::SecretString;
use serde_json::Value;

use crate::cli::Refusal;
use crate::cli::Subject;
use crate::cli::output::Output;
use crate::cli::place::Place;
use crate::cli::read;
use crate::cli::signals;
use crate::connect;
use crate::connect::Api;
use crate::connect::Connector;
use crate::connect::Source;
use crate::connect::register;
use crate::diagnostic::without_login;
use crate::diagnostic::without_passwords;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::scenario::Domain;
use crate::scenario::Overrides;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::cdc::address;
use crate::sink::postgres::address::Address;
use crate::units::parse_duration;

pub(super) use opened::Removal;
pub(super) use opened::Servers;
pub(super) use opened::look_ahead;
pub(super) use opened::open;
pub(super) use opened::own_slots;
pub(super) use opened::remove;
pub(super) use opened::remove_if;

/// `connector`.
#[derive(Debug, Args)]
pub(crate) struct ConnectorArguments {
    #[command(flatten)]
    subject: Subject,
    /// Only the configuration of the connector that captures this domain, as `PUT /connectors/NAME/config`
    /// takes it
    #[arg(long, value_name = "NAME", conflicts_with = "register")]
    domain: Option<String>,
    /// Put all of them to the Kafka Connect there, and wait until they stream
    #[arg(long, value_name = "URL")]
    register: Option<String>,
    /// How long a connector may take until it streams, instead of the scenario's `within`
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "register")]
    within: Option<Duration>,
    /// The passwords that a set-up generated: the file `secrets` of its folder
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secrets: Option<PathBuf>,
    /// Permit a server or a Kafka Connect that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

/// `loadgen connector`.
pub(super) fn connector(arguments: &ConnectorArguments) -> u8 {
    match work(arguments) {
        Ok(code) => code,
        Err(refusal) => refusal.report(),
    }
}

fn work(arguments: &ConnectorArguments) -> Result<u8, Refusal> {
    let overrides =
        Overrides { allow_remote: arguments.allow_remote, ..arguments.subject.overrides() };
    let scenario = read(&arguments.subject.scenario, &overrides)?;
    let url = arguments.register.as_deref().map(|text| url(text, &scenario)).transpose()?;
    let place = Place::find(&scenario)?;
    let needs = if url.is_some() { Needs::Password } else { Needs::Nothing };
    let kept = arguments.secrets.as_deref().map(secrets).transpose()?.unwrap_or_default();
    let known = |domain: usize| {
        let generated = kept.get(&scenario.domains[domain].roles.capture);
        scenario.cdc.password.clone().or_else(|| generated.cloned())
    };
    let connectors = connectors(&scenario, &place, (&known, needs))?;
    if connectors.is_empty() {
        return Err(none(&scenario));
    }
    let mut output = Output::default();
    match url {
        Some(url) => {
            register_all(arguments, (&scenario, &place), (&url, &connectors), &mut output)?;
        }
        None => output.say(&shown(arguments.domain.as_deref(), &scenario, &connectors)?),
    }
    Ok(output.end(0))
}

/// Passwords by login, as a set-up has written them.
fn secrets(path: &Path) -> Result<BTreeMap<String, SecretString>, Refusal> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Refusal::setup(&format!("cannot read `{}`: {error}", path.display())))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(login, secret)| (login.to_owned(), SecretString::from(secret))).collect())
}

fn register_all(
    arguments: &ConnectorArguments,
    (scenario, place): (&Scenario, &Place),
    (url, connectors): (&str, &[Connector]),
    output: &mut Output,
) -> Result<(), Refusal> {
    let stop = Stop::default();
    signals::listen(stop.clone(), Feed::default()).map_err(|error| Refusal::setup(&error))?;
    let is_cancelled = || stop.level() > Level::Run;
    let failed =
        |error: &connect::ConnectError| Refusal::setup(error).unless(stop.level() > Level::Run);
    let api = Api::new(url, &scenario.cdc.connect).map_err(|error| Refusal::setup(&error))?;
    let servers = Servers::new(scenario, place, &stop);
    let within = arguments.within.unwrap_or(scenario.cdc.connect.within);
    for connector in connectors {
        register(&api, connector, &servers, (within, &is_cancelled))
            .map_err(|error| failed(&error))?;
        let Connector { name, slot, database, .. } = connector;
        output
            .say(&format!("`{name}` streams what slot `{slot}` of database `{database}` tells\n"));
    }
    Ok(())
}

/// What is printed: all, by name; or the one of a domain.
fn shown(
    domain: Option<&str>,
    scenario: &Scenario,
    connectors: &[Connector],
) -> Result<String, Refusal> {
    let all = match domain {
        None => {
            let each = connectors.iter().map(|it| (it.name.clone(), it.shown()));
            Value::Object(each.collect())
        }
        Some(name) => {
            let found = scenario.domain(name).and_then(|number| {
                let of = |it: &&Connector| it.domains.contains(&number);
                connectors.iter().find(of)
            });
            let Some(found) = found else {
                let names = connectors.iter().flat_map(|it| &it.domains);
                let names = names.map(|number| scenario.domains[*number].schema.name.as_str());
                let names: Vec<&str> = names.collect();
                let message = format!(
                    "there is no domain `{name}` on a PostgreSQL server; there is `{}`",
                    names.join("`, `")
                );
                return Err(Refusal { text: format!("error: {message}"), code: 2 });
            };
            found.shown()
        }
    };
    Ok(format!("{all:#}\n"))
}

fn none(scenario: &Scenario) -> Refusal {
    let why = if scenario.has_server() {
        "its server is embedded, and there only while a run goes on: set LOADGEN_POSTGRES or write its \
         address into the target, or let runs register (`cdc: { connect: … }`)"
    } else {
        "no domain is on a PostgreSQL server"
    };
    Refusal::setup(&format!("there is nothing to capture: {why}"))
}

/// An address of the command line, if it may be used.
pub(super) fn url(text: &str, scenario: &Scenario) -> Result<String, Refusal> {
    let (url, is_here) = address(text).map_err(|(message, help)| Refusal {
        text: format!("error: `{}`: {message}; {help}", without_passwords(&without_login(text))),
        code: 2,
    })?;
    if scenario.allow_remote || is_here {
        return Ok(url);
    }
    Err(Refusal::setup(&format!(
        "`{url}` is not on this machine; if you mean it, write `allow_remote: true` in the scenario or give \
         `--allow-remote`"
    )))
}

/// Whether a connector is of use without its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// It is only shown, or looked for.
    Nothing,
    /// It is registered.
    Password,
}

/// The connectors of a scenario: one for each database that is on a server with an address, in the order of
/// its first domain. `password` knows those of the capture logins, by the domain.
pub(super) fn connectors(
    scenario: &Scenario,
    place: &Place,
    (password, needs): (&dyn Fn(usize) -> Option<SecretString>, Needs),
) -> Result<Vec<Connector>, Refusal> {
    let mut databases: Vec<((usize, String), Vec<usize>)> = Vec::new();
    for (number, domain) in scenario.domains.iter().enumerate() {
        if place.domain(scenario, domain).is_none() || domain.schema.stored().is_empty() {
            continue;
        }
        let key = (domain.target, place.database(scenario, domain));
        match databases.iter_mut().find(|(known, _)| *known == key) {
            Some((_, domains)) => domains.push(number),
            None => databases.push((key, vec![number])),
        }
    }
    let mut all = Vec::new();
    for ((_, database), domains) in databases {
        let source = source(scenario, place, (&database, &domains), (password, needs))?;
        let Some(mut connector) = connect::connector(scenario, &source, domains) else { continue };
        connector.database = place.shown(scenario, source.domains[0]);
        all.push(connector);
    }
    Ok(all)
}

fn source<'s>(
    scenario: &'s Scenario,
    place: &Place,
    (database, domains): (&str, &[usize]),
    (password, needs): (&dyn Fn(usize) -> Option<SecretString>, Needs),
) -> Result<Source<'s>, Refusal> {
    let all: Vec<&Domain> = domains.iter().map(|number| &scenario.domains[*number]).collect();
    let (first, last) = (all[0], domains[domains.len() - 1]);
    let address = place.domain(scenario, first).ok_or_else(|| none(scenario))?;
    let provision = match &scenario.targets[first.target].kind {
        TargetKind::Postgres(target) => target.provision,
        _ => Provision::Nothing,
    };
    let (user, password) = if provision == Provision::Databases {
        let user = first.roles.capture.clone();
        if let Some(other) = all.iter().find(|other| other.roles.capture != user) {
            return Err(Refusal::setup(&format!(
                "`{}` and `{}` share the database `{database}`, so one connector captures both, and their \
                 capture logins differ; give them one by `cdc: {{ role: … }}`",
                first.schema.name, other.schema.name
            )));
        }
        // What the domain that was set up last gave it.
        let known = password(last).or_else(|| of_environment(&user));
        (user, known)
    } else {
        (address.user().to_owned(), address.secret().cloned())
    };
    if needs == Needs::Password && password.is_none() && provision == Provision::Databases {
        return Err(Refusal::setup(&format!(
            "nobody knows the password of `{user}`: write `cdc: {{ password: \"${{…}}\" }}` and set up again, \
             or set {}, or give the file `secrets` of the folder of the set-up that generated it (`--secrets`)",
            connect::variable_of(&user)
        )));
    }
    Ok(Source {
        database: database.to_owned(),
        server: server(scenario, first, &address)?,
        sslmode: address.sslmode(),
        user,
        password,
        domains: all,
        provision,
    })
}

/// A password that the environment has under the name that stands for it where a configuration is shown.
fn of_environment(user: &str) -> Option<SecretString> {
    let password = std::env::var(connect::variable_of(user)).ok();
    password.filter(|password| !password.is_empty()).map(SecretString::from)
}

/// Where Kafka Connect reaches a server.
pub(super) fn server(
    scenario: &Scenario,
    domain: &Domain,
    address: &Address,
) -> Result<(String, u16), Refusal> {
    if let Some(server) = scenario.cdc.connect.servers.get(&domain.target) {
        return Ok(server.clone());
    }
    address.endpoint().map_err(|why| {
        let target = &scenario.targets[domain.target].name;
        Refusal::setup(&format!(
            "a connector needs one host and port of `{target}`, and {why}; write where Kafka Connect reaches \
             it: `cdc: {{ connect: {{ servers: {{ {target}: \"host:5432\" }} }} }}`"
        ))
    })
}

/// The addresses of the databases, by domain: two servers may have databases of one name.
fn databases(scenario: &Scenario, place: &Place) -> BTreeMap<usize, Address> {
    let domains = scenario.domains.iter().enumerate();
    domains.filter_map(|(number, domain)| Some((number, place.domain(scenario, domain)?))).collect()
}
