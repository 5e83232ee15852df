//! Kafka Connect: `cdc: { connect: "http://localhost:8083" }`, or in more words.

use std::time::Duration;

use secrecy::SecretString;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::cdc::Connect;
use crate::scenario::cdc::Snapshot;
use crate::scenario::cdc::address;
use crate::scenario::check::positive;
use crate::scenario::file::ConnectFile;
use crate::scenario::file::SnapshotFile;
use crate::yaml::Entries;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Milliseconds that fit into 31 bits.
const POLL_MAX: Duration = Duration::from_hours(24 * 24);
/// Of a topic's name, with a table's behind it.
const PREFIX_MAX: usize = 100;

/// Properties that other words decide, or that would break what a connector is known by.
const OURS: [(&str, &str); 20] = [
    ("name", "it is made of the scenario's name and the domain's"),
    ("connector.class", "it is Debezium's for PostgreSQL"),
    ("tasks.max", "a slot is read by one"),
    ("database.hostname", "write `servers`"),
    ("database.port", "write `servers`"),
    ("database.user", "write `cdc: { role: … }`"),
    ("database.password", "write `cdc: { password: … }`: there it is kept secret"),
    ("database.dbname", "it is the domain's database"),
    ("plugin.name", "it is `pgoutput`"),
    ("publication.name", "write `cdc: { publication: … }`"),
    ("publication.autocreate.mode", "set-up makes the publication"),
    ("slot.name", "it is made of the domain's name"),
    ("slot.drop.on.stop", "`clean` drops the slot"),
    ("topic.prefix", "write `prefix`"),
    ("table.include.list", "it has the tables of the schema"),
    ("snapshot.mode", "write `snapshot`"),
    ("poll.interval.ms", "write `poll`"),
    ("signal.data.collection", "write `cdc: { signal_table: … }`"),
    ("heartbeat.interval.ms", "write `cdc: { heartbeat: … }`"),
    ("loadgen.mark", "by it loadgen knows what it has registered"),
];

/// What is written of Kafka Connect; mistakes go to `problems`. `is_allowed` says whether it may be on another
/// machine.
pub(super) fn connect(
    written: Option<&Spanned<ScalarOr<ConnectFile>>>,
    targets: &[Target],
    is_allowed: bool,
    problems: &mut Problems,
) -> Connect {
    let usual = Connect::default();
    let Some(written) = written else { return usual };
    let file = match &written.value {
        ScalarOr::Scalar(scalar) => {
            let url = Spanned { value: scalar.clone(), place: written.place };
            return Connect { url: url_of(&url, is_allowed, problems), ..usual };
        }
        ScalarOr::Other(file) => file,
    };
    if let (None, Some(password)) = (&file.user, &file.password) {
        let problem = Problem::new("a password without a user logs nobody in").at(password.place);
        problems.add(problem.help("write `user` beside it"));
    }
    let poll = file.poll.as_ref().and_then(|text| {
        let poll = positive(text, problems)?;
        if poll < Duration::from_millis(1) || poll > POLL_MAX {
            problems.add(Problem::new("`poll` is `1ms` to `24d`").at(text.place));
        }
        Some(poll)
    });
    let within = file.within.as_ref().and_then(|text| positive(text, problems));
    let text = |word: &Option<Spanned<String>>| word.as_ref().map(|word| word.value.clone());
    Connect {
        url: file.url.as_ref().and_then(|url| url_of(url, is_allowed, problems)),
        user: text(&file.user),
        password: text(&file.password).map(SecretString::from),
        ca: text(&file.ca),
        prefix: file.prefix.as_ref().map_or(usual.prefix, |prefix| self::prefix(prefix, problems)),
        snapshot: match file.snapshot {
            SnapshotFile::NoData => Snapshot::NoData,
            SnapshotFile::Initial => Snapshot::Initial,
        },
        poll: poll.unwrap_or(usual.poll),
        within: within.unwrap_or(usual.within),
        servers: servers(&file.servers, targets, problems),
        properties: properties(&file.properties, problems),
    }
}

fn url_of(url: &Spanned<Scalar>, is_allowed: bool, problems: &mut Problems) -> Option<String> {
    let Scalar(kind, text) = &url.value;
    if *kind == Kind::Null || text.trim().is_empty() {
        // What a variable leaves that is not set.
        return None;
    }
    match address(text) {
        Ok((address, is_here)) => {
            if !is_here && !is_allowed {
                let problem = Problem::new("this Kafka Connect is not on this machine");
                let help = "if connectors may be registered there, write `allow_remote: true` or pass \
                            `--allow-remote`";
                problems.add(problem.at(url.place).help(help));
            }
            Some(address)
        }
        Err((message, help)) => {
            problems.add(Problem::new(message).at(url.place).help(help));
            None
        }
    }
}

fn prefix(prefix: &Spanned<String>, problems: &mut Problems) -> String {
    let bare = prefix.value.replace("{domain}", "");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if prefix.value.is_empty() || prefix.value.len() > PREFIX_MAX || !bare.chars().all(is_plain) {
        let message = format!("`{}` cannot begin the name of a topic", prefix.value);
        let help = "use letters, digits, `.`, `_`, `-` and `{domain}`, the domain's name; 100 of them at most";
        problems.add(Problem::new(message).at(prefix.place).help(help));
    }
    prefix.value.clone()
}

fn servers(
    written: &Entries<Spanned<String>>,
    targets: &[Target],
    problems: &mut Problems,
) -> std::collections::BTreeMap<usize, (String, u16)> {
    let mut servers = std::collections::BTreeMap::new();
    for (name, place) in written.iter() {
        let target = targets.iter().position(|target| target.name == name.value);
        let Some(target) = target else {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let problem = Problem::new(format!("there is no target `{}`", name.value));
            let help = suggest(&name.value, "the targets", &names);
            problems.add(problem.at(name.place).maybe_help(help));
            continue;
        };
        if !matches!(targets[target].kind, TargetKind::Postgres(_) | TargetKind::Discard) {
            let message = format!("the target `{}` is no PostgreSQL", name.value);
            let help = "Debezium captures what is on a `postgres` target";
            problems.add(Problem::new(message).at(name.place).help(help));
        }
        match host_and_port(&place.value) {
            Some(server) => {
                servers.insert(target, server);
            }
            None => refuse_server(place.place, &place.value, problems),
        }
    }
    servers
}

fn refuse_server(place: Place, text: &str, problems: &mut Problems) {
    let message = format!("`{text}` is not a server's host and port");
    problems.add(Problem::new(message).at(place).help("write it like `postgres:5432`"));
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host =
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@".contains(c));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    is_host.then(|| (host.to_owned(), port))
}

fn properties(
    written: &Entries<Spanned<Scalar>>,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, value) in written.iter() {
        let Scalar(kind, text) = &value.value;
        if let Some((_, help)) = OURS.iter().find(|(ours, _)| *ours == name.value) {
            let problem = Problem::new(format!("`{}` is not set here", name.value)).at(name.place);
            problems.add(problem.help(*help));
        } else if *kind == Kind::Null {
            problems.add(Problem::new("a property has a value").at(value.place));
        } else {
            all.push((name.value.clone(), text.clone()));
        }
    }
    all
}
