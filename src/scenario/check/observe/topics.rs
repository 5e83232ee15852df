//! Topics that connectors fill.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Domain;
use crate::scenario::ObserverKind;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::TopicFormat;
use crate::scenario::file::TopicFormatFile;
use crate::scenario::file::TopicsFile;

/// The topic of a table, as our own connectors call it.
const TOPICS: &str = "domain_{domain}.{schema}.{table}";

/// What is known of the scenario.
struct Known<'a> {
    targets: &'a [Target],
    domains: &'a [Domain],
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
}

/// Topics, and the domains whose changes come there.
pub(super) fn topics(
    file: &TopicsFile,
    (targets, domains): (&[Target], &[Domain]),
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
    let mut domains: Vec<usize> = known.stored().map(|it| it.0).collect();
    if let Some(meant) = &file.domains {
        domains.retain(|it| meant.iter().any(|name| name.value == known.domains[*it].schema.name));
        let names: Vec<&str> = known.stored().map(|it| it.1.schema.name.as_str()).collect();
        for name in meant.iter().filter(|name| !names.contains(&name.value.as_str())) {
            let message = format!("no domain `{}` is on a PostgreSQL server", name.value);
            let help = suggest(&name.value, "the domains there", &names);
            problems.add(Problem::new(message).at(name.place).maybe_help(help));
        }
    } else if domains.is_empty() && !known.domains.is_empty() {
        let message = "no domain is on a PostgreSQL server, so there are no changes to capture";
        problems.add(Problem::new(message).at(file.on.place));
    }
    let topics = template(file, problems);
    let format = match file.format {
        TopicFormatFile::Debezium => TopicFormat::Debezium,
        TopicFormatFile::Flattened => TopicFormat::Flattened,
    };
    is_cluster.then_some((ObserverKind::Kafka { target, topics, format }, domains))
}

/// The topic of a table, with names in it that stand for others.
fn template(file: &TopicsFile, problems: &mut Problems) -> String {
    let topics = file.topics.as_ref().map_or(TOPICS, |topics| topics.value.as_str()).to_owned();
    let words = ["{domain}", "{database}", "{schema}", "{table}"];
    let bare = words.iter().fold(topics.clone(), |text, word| text.replace(word, "x"));
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if let Some(written) = &file.topics
        && (!topics.contains("{table}") || !bare.chars().all(is_plain))
    {
        let message = format!("`{topics}` does not name the topic of each table");
        let help = "letters, digits, `.`, `_` and `-`; `{table}` must be in it, and `{schema}`, `{database}` and \
                    `{domain}` may be";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    topics
}
