//! Kafka Connect, and what the connectors of a scenario are to be like.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;

/// Kafka Connect, and what the connectors of a scenario are to be like.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Where it is, without a slash at the end; `None`: runs register nothing.
    pub url: Option<String>,
    /// Who logs in, if somebody must.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<SecretString>,
    /// The file with the certificates that are trusted; those of the machine if `None`.
    pub ca: Option<String>,
    /// What the topics of a database begin with; `{domain}` stands for the domain's name.
    pub prefix: String,
    /// What of the rows that are there already is captured.
    pub snapshot: Snapshot,
    /// How often a connector looks for what its reader of the log has put aside.
    pub poll: Duration,
    /// How long a connector may take until it streams.
    pub within: Duration,
    /// Where Kafka Connect reaches the server of a target (by its index), if not where we do: host and port.
    pub servers: BTreeMap<usize, (String, u16)>,
    /// Further properties of the connectors, which go before ours.
    pub properties: Vec<(String, String)>,
}

/// What of the rows that are there when a connector begins is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// Nothing: changes only.
    NoData,
    /// All rows, once, before the first change.
    Initial,
}

impl Snapshot {
    /// As Debezium calls it.
    pub const fn mode(self) -> &'static str {
        match self {
            Self::NoData => "no_data",
            Self::Initial => "initial",
        }
    }
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            url: None,
            user: None,
            password: None,
            ca: None,
            prefix: "domain_{domain}".to_owned(),
            snapshot: Snapshot::NoData,
            poll: Duration::from_millis(50),
            within: Duration::from_mins(2),
            servers: BTreeMap::new(),
            properties: Vec::new(),
        }
    }
}

/// An address of Kafka Connect as it is used, and whether it is on this machine. The error says what is wrong
/// and what to write.
pub fn address(text: &str) -> Result<(String, bool), (&'static str, &'static str)> {
    let text = text.trim();
    let bare = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = bare.map(|bare| bare.split(['/', '?', '#']).next().unwrap_or(bare));
    let Some(host) = host.filter(|host| !host.is_empty() && !text.contains(char::is_whitespace))
    else {
        return Err((
            "this is not the address of Kafka Connect",
            "write it like `http://localhost:8083`",
        ));
    };
    // A password may have a slash.
    if bare.is_some_and(|bare| bare.contains('@')) {
        return Err((
            "a login does not stand in the address",
            "write `connect: { url: …, user: …, password: \"${…}\" }`",
        ));
    }
    if text.contains(['?', '#']) {
        return Err((
            "the address of Kafka Connect has no query: each call brings its own",
            "leave out what begins with `?` or `#`; for a login write `connect: { url: …, user: …, password: \"${…}\" }`",
        ));
    }
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name =
        host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_here = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    Ok((text.trim_end_matches('/').to_owned(), is_here))
}
