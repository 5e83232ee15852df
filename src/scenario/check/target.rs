//! Targets.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Isolation;
use crate::scenario::Overrides;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Server;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::check::between;
use crate::scenario::check::duration;
use crate::scenario::check::firehose::firehose;
use crate::scenario::check::kafka::kafka;
use crate::scenario::check::lines::lines;
use crate::scenario::check::positive;
use crate::scenario::file::PostgresFile;
use crate::scenario::file::ProvisionFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const CONNECTIONS: u32 = 8;
const IN_FLIGHT: u32 = 8;
const RECONNECT: Duration = Duration::from_mins(1);

/// Major versions that an embedded server can have.
const VERSIONS: std::ops::RangeInclusive<u16> = 12..=18;

/// The values of `synchronous_commit`.
const COMMITS: [&str; 5] = ["on", "off", "local", "remote_write", "remote_apply"];

/// The values of `isolation`.
const ISOLATIONS: [(&str, Isolation); 3] = [
    ("read_committed", Isolation::ReadCommitted),
    ("repeatable_read", Isolation::RepeatableRead),
    ("serializable", Isolation::Serializable),
];

/// All targets. A broken one is `discard` here, so that the indexes hold.
pub(super) fn targets(
    file: &ScenarioFile,
    overrides: &Overrides,
    allow_remote: bool,
    problems: &mut Problems,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for (name, target) in file.targets.0.iter().flat_map(|targets| &targets.0) {
        let kind = match target {
            Some(TargetFile::Postgres(postgres)) => {
                // What is not used need not be allowed.
                let is_allowed = allow_remote || overrides.discard;
                TargetKind::Postgres(self::postgres(postgres, is_allowed, problems))
            }
            Some(TargetFile::Kafka(cluster)) => {
                let is_allowed = allow_remote || overrides.discard;
                TargetKind::Kafka(kafka(cluster, is_allowed, problems))
            }
            Some(TargetFile::Firehose(endpoint)) => {
                let is_allowed = allow_remote || overrides.discard;
                TargetKind::Firehose(Box::new(firehose(endpoint, is_allowed, problems)))
            }
            Some(TargetFile::Lines(written)) => TargetKind::Lines(lines(written, problems)),
            Some(TargetFile::Discard(_)) | None => TargetKind::Discard,
        };
        let kind = if overrides.discard { TargetKind::Discard } else { kind };
        targets.push(Target { name: name.value.clone(), kind });
    }
    targets
}

fn postgres(file: &PostgresFile, is_allowed: bool, problems: &mut Problems) -> PostgresTarget {
    let mut limited = |number: &Option<Spanned<u32>>, what: &str, greatest, default| {
        number.as_ref().map_or(default, |number| between(number, what, 1..=greatest, problems))
    };
    let connections = limited(&file.connections, "connections", 1_000, CONNECTIONS);
    let in_flight = limited(&file.in_flight, "in_flight", 64, IN_FLIGHT);
    let is_pooled = file.prepare.as_ref().is_some_and(|prepare| !prepare.value);
    let statement_timeout =
        file.statement_timeout.as_ref().and_then(|text| positive(text, problems));
    let reconnect = file.reconnect.as_ref().and_then(|text| duration(text, problems));
    PostgresTarget {
        server: server(&file.url, is_allowed, problems),
        admin: admin(file, is_allowed, problems),
        is_pooled,
        connections,
        in_flight: if is_pooled { one_at_a_time(file, problems) } else { in_flight },
        provision: match file.provision {
            ProvisionFile::Databases => Provision::Databases,
            ProvisionFile::Schemas => Provision::Schemas,
            ProvisionFile::Nothing => Provision::Nothing,
        },
        synchronous_commit: synchronous_commit(file, problems),
        statement_timeout,
        isolation: file.isolation.as_ref().and_then(|word| isolation(word, problems)),
        reconnect: reconnect.unwrap_or(RECONNECT),
    }
}

fn synchronous_commit(file: &PostgresFile, problems: &mut Problems) -> Option<String> {
    let word = file.synchronous_commit.as_ref()?;
    if !COMMITS.contains(&word.value.as_str()) {
        let message = format!("`{}` is no value of `synchronous_commit`", word.value);
        let help = suggest(&word.value, "the values", &COMMITS);
        problems.add(Problem::new(message).at(word.place).maybe_help(help));
    }
    Some(word.value.clone())
}

fn isolation(word: &Spanned<String>, problems: &mut Problems) -> Option<Isolation> {
    let found = ISOLATIONS.iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let message = format!("`{}` is no isolation level", word.value);
        let help = suggest(&word.value, "the levels", &ISOLATIONS.map(|(name, _)| name));
        problems.add(Problem::new(message).at(word.place).maybe_help(help));
    }
    found.map(|(_, level)| *level)
}

/// Where set-up goes if not to `url`.
fn admin(file: &PostgresFile, is_allowed: bool, problems: &mut Problems) -> Option<SecretString> {
    let is_embedded = file.url.value.trim().starts_with("embedded");
    match (&file.admin, &file.prepare) {
        (Some(admin), _) if is_embedded => {
            let problem = Problem::new("an embedded server has no other address").at(admin.place);
            problems.add(problem.help("leave `admin` out"));
            None
        }
        (Some(admin), _) => match server(admin, is_allowed, problems) {
            Server::At(url) => Some(url),
            Server::Embedded(_) => {
                let problem = Problem::new("an embedded server stands behind no pooler");
                problems.add(problem.at(admin.place).help("write the server's own address"));
                None
            }
        },
        (None, Some(prepare)) if !prepare.value && !is_embedded => {
            let message = "behind a pooler in transaction mode nothing can be set up and seeded";
            let help = "give the server's own address as well: `admin: postgres://…`";
            problems.add(Problem::new(message).at(prepare.place).help(help));
            None
        }
        (None, _) => None,
    }
}

/// A pooler may give each transaction another session, so none is sent before the one in front of
/// it has ended.
fn one_at_a_time(file: &PostgresFile, problems: &mut Problems) -> u32 {
    if let Some(in_flight) = file.in_flight.as_ref().filter(|in_flight| in_flight.value > 1) {
        let message = "with `prepare: false` a connection has one action in flight";
        let help = "leave `in_flight` out, and use more `connections`";
        problems.add(Problem::new(message).at(in_flight.place).help(help));
    }
    1
}

/// A server by its address; mistakes go to `problems`.
pub(super) fn server(url: &Spanned<String>, is_allowed: bool, problems: &mut Problems) -> Server {
    let text = url.value.trim();
    if let Some(version) = text.strip_prefix("embedded") {
        let number = version.strip_prefix(':').and_then(|number| number.parse().ok());
        return match number {
            None if version.is_empty() => Server::Embedded(None),
            Some(number) if VERSIONS.contains(&number) => Server::Embedded(Some(number)),
            _ => {
                let (least, greatest) = (VERSIONS.start(), VERSIONS.end());
                let message = "this names no embedded server";
                let help =
                    format!("write `embedded`, or `embedded:{least}` to `embedded:{greatest}`");
                problems.add(Problem::new(message).at(url.place).help(help));
                Server::Embedded(None)
            }
        };
    }
    // The text may hold a password, so no message repeats any of it.
    match hosts(text) {
        _ if ports(text).iter().flatten().any(|port| !is_port(port)) => {
            let problem = Problem::new("a port in this address is not a number from 1 to 65535");
            // A `/` in a password makes the password's beginning look like a port.
            let help = "write `host:5432`; in a password write `@` as `%40` and `/` as `%2F`";
            problems.add(problem.at(url.place).help(help));
        }
        None => {
            let problem = Problem::new("this is not the address of a PostgreSQL server");
            let help =
                "write `embedded`, `postgresql://user@host:5432/database`, or `host=… user=…`";
            problems.add(problem.at(url.place).help(help));
        }
        Some(hosts) if !is_allowed && !hosts.iter().all(|host| is_local(host)) => {
            let problem = Problem::new("this server is not on this machine").at(url.place);
            let help = "if it may be loaded, write `allow_remote: true` or pass `--allow-remote`";
            problems.add(problem.help(help));
        }
        Some(_) => {}
    }
    Server::At(SecretString::from(text.to_owned()))
}

/// Whether a host is this machine: none, a socket's folder, `localhost`, or a loopback address.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.is_empty()
        || host.starts_with(['/', '@'])
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The hosts that a URL or a key-value string names, or None if it is neither.
fn hosts(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    let Some(rest) = rest else {
        return pairs(text).map(|pairs| named_hosts(pairs.into_iter()));
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or("");
    let places = authority.rsplit_once('@').map_or(authority, |(_, places)| places);
    let mut hosts: Vec<String> = places.split(',').map(|place| decoded(host_of(place))).collect();
    let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    hosts.extend(named_hosts(parameters.map(|(key, value)| (decoded(key), decoded(value)))));
    Some(hosts)
}

/// A host without its port.
fn host_of(place: &str) -> &str {
    if let Some(end) = place.find(']') {
        return &place[..=end];
    }
    place.split(':').next().unwrap_or("")
}

/// The ports that an address names.
fn ports(text: &str) -> Option<Vec<String>> {
    let listed = |pairs: &mut dyn Iterator<Item = (String, String)>| -> Vec<String> {
        let ports = pairs.filter(|(key, _)| key == "port");
        ports
            .flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    let Some(rest) = rest else { return pairs(text).map(|pairs| listed(&mut pairs.into_iter())) };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or("");
    let places = authority.rsplit_once('@').map_or(authority, |(_, places)| places);
    let behind = |place: &str| {
        let place = place.rsplit_once(']').map_or(place, |(_, behind)| behind);
        place.split_once(':').map(|(_, port)| decoded(port))
    };
    let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut parameters = parameters.map(|(key, value)| (decoded(key), decoded(value)));
    Some(places.split(',').filter_map(behind).chain(listed(&mut parameters)).collect())
}

/// Whether it is a port, or nothing, which stands for the usual one.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn named_hosts(pairs: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let hosts = pairs.filter(|(key, _)| key == "host" || key == "hostaddr");
    hosts.flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// `key=value` pairs with blanks between them; a value may be in single quotes, and a backslash
/// takes the next character as it is.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=')?;
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let (value, behind) = value(behind.trim_start())?;
        pairs.push((key.to_owned(), value));
        rest = behind.trim_start();
    }
    (!pairs.is_empty()).then_some(pairs)
}

fn value(text: &str) -> Option<(String, &str)> {
    let is_quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(is_quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if is_quoted => return Some((value, &text[at + 1..])),
            _ if character.is_whitespace() && !is_quoted => return Some((value, &text[at..])),
            _ => value.push(character),
        }
    }
    (!is_quoted).then_some((value, ""))
}

/// A text with its `%41` replaced. What is not well formed stays, and is no local host then.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = code.filter(|_| first == b'%') {
            bytes.push(byte);
            rest = &behind[2..];
        } else {
            bytes.push(first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::hosts;
    use super::is_local;
    use super::is_port;
    use super::ports;

    #[test]
    fn ports_are_found_wherever_they_stand() {
        let good = [
            "postgres://u:p@a:5432,b/x?port=1",
            "postgres://[::1]:1/x",
            "host=a port=5,6",
            "postgres://a:/x",
        ];
        let bad = [
            "postgres://a:99999/x",
            "postgres://u:p@a:1,b:x/d",
            "postgres://[::1]:0/x",
            "host=a port=5,y",
            "postgres:///x?port=-1",
        ];
        for text in good {
            assert!(ports(text).unwrap().iter().all(|port| is_port(port)), "{text}");
        }
        for text in bad {
            assert!(!ports(text).unwrap().iter().all(|port| is_port(port)), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        let local = [
            "postgres://localhost/db",
            "postgresql://user:p%40ss@127.0.0.1:5433/db",
            "postgres://[::1]:5432/db",
            "postgres:///db",
            "postgres:///db?host=/var/run/postgresql",
            "postgres://%2Fvar%2Frun%2Fpostgresql/db",
            "host=/tmp user=me",
            "user=me dbname=db",
            "host=localhost,127.8.9.1 password='a b\\' host=x'",
        ];
        for text in local {
            assert!(hosts(text).unwrap().iter().all(|host| is_local(host)), "{text}");
        }
        let remote = [
            "postgres://db.example.com/db",
            "postgres://me:localhost@db.example.com/db",
            "postgres://localhost,db.example.com/db",
            "postgres:///db?host=db.example.com",
            "postgres://localhost/db?hostaddr=10.0.0.1",
            "host=10.1.2.3",
            "host = 'db.example.com'",
            "host=localhost.example.com",
            "hostaddr=10.0.0.1 host=localhost",
        ];
        for text in remote {
            assert!(!hosts(text).unwrap().iter().all(|host| is_local(host)), "{text}");
        }
        for neither in ["", "db.example.com", "mysql://x/y", "host='a", "a b=c"] {
            assert_eq!(hosts(neither), None, "{neither}");
        }
    }
}
