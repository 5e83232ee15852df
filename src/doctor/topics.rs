//! Do topics keep what is written to them, as it was written? Judged by how their cluster says they are set.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::doctor::Check;
use crate::units::format_bytes;

const NAME: &str = "topic";
/// What a message has beside its rows: where it came from, its transaction, its headers.
const AROUND: u64 = 1 << 10;
/// What a topic takes unless it is told otherwise.
const USUAL_BYTES: u64 = 1_048_588;

/// A topic that a connector or a run writes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Set if what comes there are changes of a table, and what happens to that.
    pub changes: Option<Changes>,
    /// About how many bytes the greatest row or event has; 0 if nobody knows.
    pub greatest: u64,
}

/// What happens to a table whose changes come to a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changes {
    /// Its rows have no key: nothing says which partition each goes to.
    pub is_keyless: bool,
    /// Keys change, or all rows go at once: what belongs together goes to several partitions.
    pub moves: bool,
    /// A message has the row as it was, too.
    pub has_old: bool,
}

/// How it is there.
#[derive(Debug, Clone, Default)]
pub struct TopicDescription {
    /// In how many partitions.
    pub partitions: usize,
    /// Its settings, as far as they are told.
    pub settings: BTreeMap<&'static str, String>,
}

impl TopicDescription {
    /// The settings that are looked at.
    pub const SETTINGS: [&'static str; 3] =
        ["cleanup.policy", "message.timestamp.type", "max.message.bytes"];

    fn said(&self, key: &str) -> &str {
        self.settings.get(key).map_or("", String::as_str)
    }
}

impl Check {
    /// Of a Kafka cluster that tells how so many topics are, or does not.
    pub fn kafka(answer: Result<usize, String>) -> Self {
        let name = "Kafka";
        match answer {
            Ok(1) => Self::ok(name, "it answers, and has 1 topic of the scenario"),
            Ok(count) => {
                Self::ok(name, format!("it answers, and has {count} topics of the scenario"))
            }
            Err(why) => Self::critical(name, why).remedy(
                "start it, or mend `brokers` of the target (LOADGEN_KAFKA of the environment)",
            ),
        }
    }

    /// Of topics whose settings are not told.
    pub fn untold(why: &str) -> Self {
        Self::info(NAME, format!("not looked at: {why}"))
    }
}

/// What is to be said of a topic at these brokers; `None`: it is not there.
pub fn topic(topic: &Topic, kept: Option<&TopicDescription>, brokers: &str) -> Vec<Check> {
    let Some(kept) = kept else {
        let who = if topic.changes.is_some() { "the connector" } else { "`loadgen setup`" };
        let found = format!("it is not there yet: {who} makes it, where the cluster lets it");
        return vec![Check::info(NAME, found).at(&topic.name)];
    };
    let alter = |setting: &str| {
        format!(
            "kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {} \
             --add-config {setting}",
            topic.name
        )
    };
    let mut all = Vec::new();
    if kept.said("cleanup.policy").contains("compact") {
        let found = "it is compacted: of the changes of a key only the last stays, and what is not read in \
                     time counts as lost";
        all.push(Check::warning(NAME, found).remedy(alter("cleanup.policy=delete")));
    }
    if kept.said("message.timestamp.type") == "LogAppendTime" {
        let found =
            "its messages have the time at which the broker got them, not that of their making";
        all.push(Check::warning(NAME, found).remedy(alter("message.timestamp.type=CreateTime")));
    }
    all.extend(size(topic, kept, alter));
    all.push(partitions(topic, kept, brokers));
    all.into_iter().map(|check| check.at(&topic.name)).collect()
}

/// Whether the greatest row finds room in a message.
fn size(topic: &Topic, kept: &TopicDescription, alter: impl Fn(&str) -> String) -> Option<Check> {
    let most: u64 = kept.said("max.message.bytes").parse().ok()?;
    let rows = if topic.changes.is_some_and(|it| it.has_old) { 2 } else { 1 };
    let message = topic.greatest.saturating_mul(rows).saturating_add(AROUND);
    if topic.greatest == 0 || message <= most {
        return None;
    }
    let found = format!(
        "it takes messages of {}, and the greatest will have about {}: whoever writes it stops there",
        format_bytes(most),
        format_bytes(message)
    );
    // Twice as much, since what is reckoned is no limit.
    let enough = message.saturating_mul(2);
    let mut remedy = alter(&format!("max.message.bytes={enough}"));
    if topic.changes.is_some() && message > USUAL_BYTES {
        // Writing to a String cannot fail.
        let _ = write!(
            remedy,
            " -- and for the connector: \"producer.override.max.request.size\": \"{enough}\""
        );
    }
    Some(Check::warning(NAME, found).remedy(remedy))
}

/// What order the partitions leave.
fn partitions(topic: &Topic, kept: &TopicDescription, brokers: &str) -> Check {
    let count = kept.partitions;
    let why = match topic.changes {
        Some(it) if count > 1 && it.is_keyless => "its table has no key, so its order is lost",
        Some(it) if count > 1 && it.moves => {
            "keys change or all rows go at once, and nobody can tell then what came first"
        }
        _ if count == 1 => return Check::ok(NAME, "1 partition: what comes is in order"),
        _ => {
            return Check::ok(
                NAME,
                format!("{count} partitions: the changes of a key are in order"),
            );
        }
    };
    let name = &topic.name;
    Check::warning(NAME, format!("{count} partitions: {why}")).remedy(format!(
        "kafka-topics.sh --bootstrap-server {brokers} --delete --topic {name} && kafka-topics.sh \
         --bootstrap-server {brokers} --create --topic {name} --partitions 1 -- while nobody writes to it"
    ))
}
