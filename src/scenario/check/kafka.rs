//! Kafka clusters.

pub(super) mod format;
mod together;
mod transactions;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use secrecy::SecretString;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Brokers;
use crate::scenario::KafkaTarget;
use crate::scenario::check::between;
use crate::scenario::check::duration;
use crate::scenario::check::kafka::together::together;
use crate::scenario::check::positive;
use crate::scenario::check::target::is_local;
use crate::scenario::file::AcksFile;
use crate::scenario::file::CompressionFile;
use crate::scenario::file::KafkaFile;
use crate::scenario::file::KafkaTlsFile;
use crate::scenario::file::MechanismFile;
use crate::scenario::file::SaslFile;
use crate::units::parse_count;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const PARTITIONS: u32 = 6;
const LINGER: Duration = Duration::from_millis(5);
const BATCH: u64 = 1_000_000;
const QUEUE: u64 = 100_000;
const TIMEOUT: Duration = Duration::from_mins(1);

/// Limits of Kafka, and of librdkafka.
const PARTITIONS_MAX: u32 = 10_000;
const REPLICATION_MAX: u32 = 100;
const TOPIC_MAX: usize = 249;
const LINGER_MAX: Duration = Duration::from_mins(15);
/// Milliseconds that fit into 31 bits.
const TIMEOUT_MAX: Duration = Duration::from_hours(24 * 24);
const BATCH_MAX: u64 = 2_147_483_647;
const QUEUE_MAX: u64 = 10_000_000;

/// Properties that words of their own decide, or that would break what is counted.
const OURS: [(&str, &str); 25] = [
    ("bootstrap.servers", "write `brokers`"),
    ("metadata.broker.list", "write `brokers`"),
    ("acks", "write `acks`"),
    ("request.required.acks", "write `acks`"),
    ("enable.idempotence", "write `idempotence`"),
    ("compression.codec", "write `compression`"),
    ("compression.type", "write `compression`"),
    ("linger.ms", "write `linger`"),
    ("queue.buffering.max.ms", "write `linger`"),
    ("batch.size", "write `batch`"),
    ("queue.buffering.max.messages", "write `queue`"),
    ("delivery.timeout.ms", "write `timeout`"),
    ("message.timeout.ms", "write `timeout`"),
    ("security.protocol", "write `tls` and `sasl`"),
    ("sasl.mechanism", "write `sasl`"),
    ("sasl.mechanisms", "write `sasl`"),
    ("sasl.username", "write `sasl`"),
    ("sasl.password", "write `sasl`: there it is kept secret"),
    ("ssl.key.password", "write `tls`: there it is kept secret"),
    ("delivery.report.only.error", "each record is counted when it is acknowledged"),
    ("partitioner", "records go where Java's own client would put them"),
    ("transactional.id", "write `transactions`: it is made of the run's name"),
    ("transaction.timeout.ms", "it follows from `timeout` and `transactions`"),
    ("test.mock.num.brokers", "write `brokers: embedded`"),
    ("client.id", "it is the run's name"),
];

/// A cluster; mistakes go to `problems`.
pub(super) fn kafka(file: &KafkaFile, is_allowed: bool, problems: &mut Problems) -> KafkaTarget {
    let before = problems.len();
    let brokers = brokers(&file.brokers, is_allowed, problems);
    if brokers == Brokers::Embedded {
        let words = [("tls", file.tls.as_ref().map(|it| it.place))];
        let words = words.into_iter().chain([("sasl", file.sasl.as_ref().map(|it| it.place))]);
        for (word, place) in words.filter_map(|(word, place)| Some((word, place?))) {
            let problem = Problem::new(format!("the embedded broker knows no `{word}`")).at(place);
            problems.add(problem.help("leave it out, or name the brokers of a cluster"));
        }
    }
    let mut limited = |number: &Option<Spanned<u32>>, what: &str, most| {
        number.as_ref().map(|number| between(number, what, 1..=most, problems))
    };
    let partitions = limited(&file.partitions, "partitions", PARTITIONS_MAX);
    let replication = limited(&file.replication, "replication", REPLICATION_MAX);
    if let Some(sasl) = file.sasl.as_ref().filter(|it| it.value.user.value.is_empty()) {
        let problem = Problem::new("a login has a name").at(sasl.value.user.place);
        problems.add(problem.help("write `user`, or leave `sasl` out"));
    }
    let retention = file.retention.as_ref().and_then(|text| milliseconds(text, problems));
    let timeout = file.timeout.as_ref().and_then(|text| milliseconds(text, problems));
    let timeout = timeout.unwrap_or(TIMEOUT);
    if let Some(text) = file.timeout.as_ref().filter(|_| timeout > TIMEOUT_MAX) {
        problems.add(Problem::new("a record is given up after 24d at most").at(text.place));
    }
    let mut secrets = Vec::new();
    let mut properties = settings(file, timeout, problems);
    properties.extend(security(file, &mut secrets));
    properties.extend(others(file, problems));
    if problems.len() == before {
        together(&properties, file.brokers.place, problems);
    }
    KafkaTarget {
        topic: topic(file, problems),
        brokers,
        creates: file.create.unwrap_or(true),
        partitions: partitions.unwrap_or(PARTITIONS),
        replication,
        retention,
        has_headers: file.headers.unwrap_or(true),
        format: format::format(file, is_allowed, problems),
        transactions: transactions::transactions(file, timeout, problems),
        timeout,
        properties,
        secrets,
    }
}

/// A time that is told in milliseconds, where 0 has another meaning.
fn milliseconds(text: &Spanned<String>, problems: &mut Problems) -> Option<Duration> {
    let time = positive(text, problems)?;
    if time < Duration::from_millis(1) {
        problems.add(Problem::new("this is less than a millisecond").at(text.place));
        return None;
    }
    Some(time)
}

fn brokers(written: &Spanned<String>, is_allowed: bool, problems: &mut Problems) -> Brokers {
    let text = written.value.trim();
    if text == "embedded" {
        return Brokers::Embedded;
    }
    let problem = text.split(',').find_map(|address| broker(address.trim(), is_allowed));
    if let Some(problem) = problem {
        problems.add(problem.at(written.place));
    }
    Brokers::At(text.to_owned())
}

/// What is wrong with the address of a broker.
fn broker(address: &str, is_allowed: bool) -> Option<Problem> {
    if address.contains('@') {
        let problem = Problem::new("nobody logs in by the address of a Kafka broker");
        return Some(problem.help("write `sasl: { user: …, password: \"${…}\" }`"));
    }
    if address.contains("://") {
        let problem = Problem::new("the address of a Kafka broker has no scheme");
        return Some(problem.help("write `host:9092`; `tls` and `sasl` say how it is spoken to"));
    }
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "9092"));
    if host.is_empty() || port.parse::<u16>().is_err() || host.contains(char::is_whitespace) {
        let problem = Problem::new("this is not the address of a Kafka broker");
        return Some(problem.help("write `embedded`, or `host:9092,other:9092`"));
    }
    if !is_allowed && !is_local(host) {
        let help = "if it may be loaded, write `allow_remote: true` or pass `--allow-remote`";
        return Some(Problem::new("this broker is not on this machine").help(help));
    }
    None
}

fn topic(file: &KafkaFile, problems: &mut Problems) -> String {
    let Some(written) = &file.topic else { return "{event}".to_owned() };
    let bare = written.value.replace("{event}", "e").replace("{domain}", "d");
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let is_name = !bare.is_empty() && bare.len() <= TOPIC_MAX && bare != "." && bare != "..";
    if !is_name || !bare.chars().all(is_letter) {
        let message = format!("`{}` is no name of a topic", written.value);
        let help = "letters, digits, `.`, `_` and `-`, 249 at most; `{event}` and `{domain}` stand for \
                    names";
        problems.add(Problem::new(message).at(written.place).help(help));
    } else if bare.starts_with("__") {
        let message = format!("`{}` is a topic of Kafka's own", written.value);
        let help = "names that begin with `__` are for the cluster and its tools; write another";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    written.value.clone()
}

/// What the words of the file come to.
fn settings(file: &KafkaFile, timeout: Duration, problems: &mut Problems) -> Vec<(String, String)> {
    let is_leader = file.acks == AcksFile::Leader;
    if let Some(word) = file.idempotence.as_ref().filter(|word| word.value && is_leader) {
        let problem = Problem::new("what only the leader acknowledges may be stored twice");
        let help = "leave `idempotence` out, or write `acks: all`";
        problems.add(problem.at(word.place).help(help));
    }
    let idempotence = file.idempotence.as_ref().map_or(!is_leader, |word| word.value);
    let linger = file.linger.as_ref().and_then(|text| {
        let linger = duration(text, problems)?;
        if linger > LINGER_MAX {
            problems.add(Problem::new("a record waits 15m at most").at(text.place));
        } else if linger >= timeout {
            let problem = Problem::new("a record would be given up before it is sent");
            let help = "write a `timeout` that is longer than `linger`";
            problems.add(problem.at(text.place).help(help));
        }
        Some(linger)
    });
    let batch = count(file.batch.as_ref(), "a batch", "bytes", BATCH_MAX, problems);
    let queue = count(file.queue.as_ref(), "the queue", "records", QUEUE_MAX, problems);
    let compression = match file.compression {
        CompressionFile::None => "none",
        CompressionFile::Gzip => "gzip",
        CompressionFile::Snappy => "snappy",
        CompressionFile::Lz4 => "lz4",
        CompressionFile::Zstd => "zstd",
    };
    let linger_ms = linger.unwrap_or(LINGER).as_secs_f64() * 1e3;
    let settings = [
        ("acks", if is_leader { "1" } else { "all" }.to_owned()),
        ("enable.idempotence", idempotence.to_string()),
        ("compression.codec", compression.to_owned()),
        ("linger.ms", linger_ms.to_string()),
        ("batch.size", batch.unwrap_or(BATCH).to_string()),
        ("queue.buffering.max.messages", queue.unwrap_or(QUEUE).to_string()),
        ("message.timeout.ms", timeout.as_millis().to_string()),
        // As Java's client does it: a key's partition is the same whoever sends.
        ("partitioner", "murmur2_random".to_owned()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

fn count(
    written: Option<&Spanned<String>>,
    what: &str,
    unit: &str,
    most: u64,
    problems: &mut Problems,
) -> Option<u64> {
    let written = written?;
    match parse_count(&written.value) {
        Ok(count) if (1..=most).contains(&count) => return Some(count),
        Ok(_) => {
            let message = format!("{what} holds 1 to {most} {unit}");
            problems.add(Problem::new(message).at(written.place));
        }
        Err(message) => problems.add(Problem::new(message).at(written.place)),
    }
    None
}

/// TLS and the login.
fn security(file: &KafkaFile, secrets: &mut Vec<SecretString>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut set = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    let protocol = match (&file.tls, &file.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    set("security.protocol", protocol);
    if let Some(Spanned { value: tls, .. }) = &file.tls {
        let KafkaTlsFile { ca, certificate, key, password, verify } = tls;
        let files = [
            ("ssl.ca.location", ca),
            ("ssl.certificate.location", certificate),
            ("ssl.key.location", key),
            ("ssl.key.password", password),
        ];
        for (name, value) in files {
            if let Some(value) = value {
                set(name, &value.value);
            }
        }
        secrets.extend(password.iter().map(|it| SecretString::from(it.value.clone())));
        if *verify == Some(false) {
            set("enable.ssl.certificate.verification", "false");
            set("ssl.endpoint.identification.algorithm", "none");
        }
    }
    if let Some(Spanned { value: SaslFile { mechanism, user, password }, .. }) = &file.sasl {
        let mechanism = match mechanism {
            MechanismFile::Plain => "PLAIN",
            MechanismFile::ScramSha256 => "SCRAM-SHA-256",
            MechanismFile::ScramSha512 => "SCRAM-SHA-512",
        };
        set("sasl.mechanisms", mechanism);
        set("sasl.username", &user.value);
        set("sasl.password", &password.value);
        secrets.push(SecretString::from(password.value.clone()));
    }
    all
}

/// What the file tells librdkafka itself.
fn others(file: &KafkaFile, problems: &mut Problems) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, value) in file.properties.iter() {
        let Scalar(kind, text) = &value.value;
        if let Some((_, help)) = OURS.iter().find(|(ours, _)| *ours == name.value) {
            let message = format!("`{}` is not set here", name.value);
            problems.add(Problem::new(message).at(name.place).help(*help));
        } else if *kind == Kind::Null {
            problems.add(Problem::new("a property has a value").at(value.place));
        } else if let Some(problem) = refused(name, text, value.place) {
            problems.add(problem);
        } else {
            all.push((name.value.clone(), text.clone()));
        }
    }
    all
}

/// What librdkafka has against a property.
fn refused(name: &Spanned<String>, value: &str, place: Place) -> Option<Problem> {
    let mut config = ClientConfig::new();
    config.set(&name.value, value);
    let error = config.create_native_config().err()?;
    let KafkaError::ClientConfig(_, message, _, _) = &error else {
        return Some(Problem::new(error.to_string()).at(place));
    };
    let is_unknown = message.contains("No such configuration property");
    let place = if is_unknown { name.place } else { place };
    let problem = Problem::new(format!("librdkafka: {message}")).at(place);
    Some(problem.help("its `CONFIGURATION.md` lists the properties"))
}
