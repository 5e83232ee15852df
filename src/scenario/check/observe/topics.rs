//! Topics that connectors fill.

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Brokers;
use crate::scenario::Domain;
use crate::scenario::EventSurface;
use crate::scenario::Events;
use crate::scenario::ObserverKind;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::check::kafka::format;
use crate::scenario::check::observe::events;
use crate::scenario::check::positive;
use crate::scenario::file::TopicsFile;
use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// The topic of a table, as our own connectors call it.
const TOPICS: &str = "domain_{domain}.{schema}.{table}";

/// How long nothing may come at the end until it is given up.
pub(super) const WITHIN: Duration = Duration::from_mins(2);

/// What is known of the scenario.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) targets: &'a [Target],
    pub(super) domains: &'a [Domain],
}

impl<'a> Known<'a> {
    /// The domains whose rows are on a PostgreSQL server.
    fn stored(&self) -> impl Iterator<Item = (usize, &'a Domain)> {
        let (targets, domains) = (self.targets, self.domains);
        let is_stored = move |domain: &Domain| {
            let target = targets.get(domain.target);
            target.is_some_and(|target| matches!(target.kind, TargetKind::Postgres(_)))
        };
        domains.iter().enumerate().filter(move |it| is_stored(it.1))
    }

    /// Those of them that are meant, or all.
    pub(super) fn chosen(
        self,
        meant: Option<&[Spanned<String>]>,
        place: Place,
        problems: &mut Problems,
    ) -> Vec<usize> {
        let mut domains: Vec<usize> = self.stored().map(|it| it.0).collect();
        let Some(meant) = meant else {
            if domains.is_empty() && !self.domains.is_empty() {
                let message =
                    "no domain is on a PostgreSQL server, so there are no changes to capture";
                problems.add(Problem::new(message).at(place));
            }
            return domains;
        };
        domains.retain(|it| meant.iter().any(|name| name.value == self.domains[*it].schema.name));
        let names: Vec<&str> = self.stored().map(|it| it.1.schema.name.as_str()).collect();
        for name in meant.iter().filter(|name| !names.contains(&name.value.as_str())) {
            let message = format!("no domain `{}` is on a PostgreSQL server", name.value);
            let help = suggest(&name.value, "the domains there", &names);
            problems.add(Problem::new(message).at(name.place).maybe_help(help));
        }
        domains
    }
}

/// Topics, and the domains whose changes come there. `has_messages` says whether transactions write messages, and
/// `is_allowed` whether servers may be elsewhere.
pub(super) fn topics(
    file: &TopicsFile,
    (targets, domains): (&[Target], &[Domain]),
    (has_messages, is_allowed): (bool, bool),
    problems: &mut Problems,
) -> Option<(ObserverKind, Vec<usize>)> {
    let known = Known { targets, domains };
    let Some(target) = targets.iter().position(|target| target.name == file.on.value) else {
        let names: Vec<&str> = targets.iter().map(|it| it.name.as_str()).collect();
        let message = format!("there is no target `{}`", file.on.value);
        let help = suggest(&file.on.value, "the targets", &names);
        problems.add(Problem::new(message).at(file.on.place).maybe_help(help));
        return None;
    };
    let is_cluster = matches!(targets[target].kind, TargetKind::Kafka(_));
    if !is_cluster {
        let message = format!("the target `{}` is no Kafka cluster", file.on.value);
        let help = "write `on: TARGET`, a target `{ kafka: { brokers: \"host:9092\" } }`";
        problems.add(Problem::new(message).at(file.on.place).help(help));
    }
    let within = file.within.as_ref().and_then(|text| positive(text, problems)).unwrap_or(WITHIN);
    let registry = file.registry.as_ref().map(|written| {
        format::registry(written, (is_allowed, "it may be asked for schemas"), problems)
    });
    let Some(format) = file.format.meant() else {
        if let Some(written) = &file.registry {
            let message = "`registry` does nothing here: events are compared byte by byte";
            let help =
                "leave it out; `format: avro` and the `registry` of their target make them Avro";
            problems.add(Problem::new(message).at(written.place).help(help));
        }
        // What is wrong with the target is said.
        is_cluster.then_some(())?;
        let (ways, topics) = events::topics(file, (known, target), problems)?;
        let place = Events::Topics { target, topics };
        let surface = EventSurface { ways, place, within };
        return Some((ObserverKind::Events(Box::new(surface)), Vec::new()));
    };
    let domains = known.chosen(file.domains.as_deref(), file.on.place, problems);
    let topics = template(file.topics.as_ref(), "topic", problems);
    let messages = beside(file.messages.as_ref(), (file, &topics), has_messages, problems);
    let transactions = file.transactions.as_ref().map(|named| {
        if !has_messages {
            let message = "nobody can tell what a transaction had to do";
            let help = "write `cdc: { trace: message }`, so that each says which action it is";
            problems.add(Problem::new(message).at(named.place).help(help));
        }
        is_named(named, "transactions", problems);
        named.value.clone()
    });
    let TargetKind::Kafka(cluster) = &targets[target].kind else { return None };
    if cluster.brokers == Brokers::Embedded {
        let message = format!("no connector writes to the embedded broker of `{}`", file.on.value);
        let help = "give the target the `brokers` of a cluster: `scripts/pipeline up` starts one, and prints \
                    LOADGEN_KAFKA; events alone are seen there: `format: events`";
        problems.add(Problem::new(message).at(file.on.place).help(help));
    }
    let registry = registry.or_else(|| cluster.registry().cloned());
    let kind =
        ObserverKind::Kafka { target, topics, format, registry, messages, transactions, within };
    Some((kind, domains))
}

/// Refuses what nobody could read of what connectors write by a converter.
pub(super) fn is_readable(
    kind: &ObserverKind,
    converter: Option<&Spanned<Scalar>>,
    problems: &mut Problems,
) {
    let ObserverKind::Kafka { registry: None, .. } = kind else { return };
    if let Some(written) = converter.filter(|it| it.value.1.ends_with("AvroConverter")) {
        let message = "connectors write Avro, and an observer of their topics knows no `registry`";
        let help =
            "write where the schemas are: `kafka: { on: …, registry: \"http://localhost:8081\" }`";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
}

/// The topic of messages, which a connector has beside those of the tables.
fn beside(
    written: Option<&Spanned<String>>,
    (file, topics): (&TopicsFile, &str),
    has_messages: bool,
    problems: &mut Problems,
) -> String {
    let Some(named) = written else {
        let prefix = topics.strip_suffix("{schema}.{table}");
        if let (None, true, Some(place)) = (prefix, has_messages, file.topics.as_ref()) {
            let message =
                "nobody can tell in which topic the messages of `cdc: { trace: message }` come";
            let help =
                "write it as `messages`: what the connector has as `topic.prefix`, and `.message`";
            problems.add(Problem::new(message).at(place.place).help(help));
        }
        return format!("{}message", prefix.unwrap_or_default());
    };
    if !has_messages {
        let message = "`messages` does nothing here: no transaction writes any";
        let help = "write `cdc: { trace: message }`, or leave it out";
        problems.add(Problem::new(message).at(named.place).help(help));
    }
    is_named(named, "messages", problems);
    named.value.clone()
}

/// Looks whether a topic that a database has can be called so.
fn is_named(named: &Spanned<String>, what: &str, problems: &mut Problems) {
    let bare = named.value.replace("{domain}", "x").replace("{database}", "x");
    if bare.is_empty() || !bare.chars().all(is_plain) {
        let message = format!("`{}` is no topic of {what}", named.value);
        let help = "letters, digits, `.`, `_` and `-`; `{database}` and `{domain}` may be in it";
        problems.add(Problem::new(message).at(named.place).help(help));
    }
}

/// Whether a letter may stand in a topic's name.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}

/// What each table is called there, with names in it that stand for others. `what` says what is called so.
pub(super) fn template(
    written: Option<&Spanned<String>>,
    what: &str,
    problems: &mut Problems,
) -> String {
    let named = written.map_or(TOPICS, |named| named.value.as_str()).to_owned();
    let words = ["{domain}", "{database}", "{schema}", "{table}"];
    let bare = words.iter().fold(named.clone(), |text, word| text.replace(word, "x"));
    if let Some(written) = written
        && (!named.contains("{table}") || !bare.chars().all(is_plain))
    {
        let message = format!("`{named}` does not name the {what} of each table");
        let help = "letters, digits, `.`, `_` and `-`; `{table}` must be in it, and `{schema}`, `{database}` \
                    and `{domain}` may be";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    named
}
