//! Which server, as whom, and how safely: what libpq would make of the same text and environment.

use std::env::home_dir;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

use super::error::tidy;
use super::pgpass::Passfile;
use super::pgpass::Place;
use super::tls::Mode;
use super::tls::Tls;

mod keys;
mod reach;
mod text;

use keys::Values;

/// Where a server of this machine keeps its sockets, by distribution; as libpq was built there.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

const PORT: u16 = 5432;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT_MAX: u64 = 600;
const HOSTS_MAX: usize = 64;

/// What is wrong with an address. Never repeats a password, nor text where one may stand.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct AddressError(String);

impl AddressError {
    fn new(message: impl Into<String>) -> AddressError {
        AddressError(message.into())
    }
}

/// A server (or several, tried in order), a login and a database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Address {
    hosts: Arc<[Host]>,
    user: String,
    password: Option<SecretString>,
    passfile: Arc<Passfile>,
    database: String,
    tls: Arc<Tls>,
    channel_binding: ChannelBinding,
    is_read_write: bool,
    connect_timeout: Duration,
    options: Option<String>,
    application_name: Option<String>,
}

/// One place where a server may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) place: HostPlace,
    pub(super) port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostPlace {
    /// A folder with sockets.
    Socket(PathBuf),
    /// A name (or an address) that certificates are compared with, and the address to use for it
    /// if it is not to be looked up.
    Network { name: String, address: Option<IpAddr> },
}

/// Whether a password exchange must prove that no one sits between the two ends of the TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

impl Address {
    /// Understands a URL or key-value string; `env` looks up environment variables and gives what
    /// the text leaves out. Reads the password file and looks for default certificates and
    /// sockets, but connects to nothing.
    pub fn parse(
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Address, AddressError> {
        let values = Values::new(text::pairs(text)?, env)?;
        let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from).or_else(home_dir);
        let user = match values.get("user") {
            Some(user) => user.to_owned(),
            None => whoami::username().map_err(|_| {
                AddressError::new("the address names no user, and this process's user has no name")
            })?,
        };
        let passfile = match values.get("passfile") {
            Some(path) => Passfile::read(Path::new(path)),
            None => home
                .as_deref()
                .map(|home| Passfile::read(&home.join(".pgpass")))
                .unwrap_or_default(),
        };
        Ok(Address {
            hosts: hosts(&values)?.into(),
            password: values
                .get("password")
                .map(|password| SecretString::from(password.to_owned())),
            passfile: Arc::new(passfile),
            database: values.get("dbname").unwrap_or(&user).to_owned(),
            user,
            tls: Arc::new(tls(&values, home.as_deref())?),
            channel_binding: channel_binding(&values)?,
            is_read_write: is_read_write(&values)?,
            connect_timeout: connect_timeout(&values)?,
            options: values.get("options").map(str::to_owned),
            application_name: values
                .get("application_name")
                .or_else(|| values.get("fallback_application_name"))
                .map(str::to_owned),
        })
    }

    /// The same server and login, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Address {
        Address { database: database.to_owned(), ..self.clone() }
    }

    /// The same server and database, another login. Without a password the password file is asked.
    #[must_use]
    pub fn with_login(&self, user: &str, password: Option<SecretString>) -> Address {
        Address { user: user.to_owned(), password, ..self.clone() }
    }

    /// The user to log in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database to work in.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whether every host is this machine: a socket, a loopback address, or `localhost`.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(|host| match &host.place {
            HostPlace::Socket(_) => true,
            HostPlace::Network { address: Some(address), .. } => address.is_loopback(),
            HostPlace::Network { name, .. } => match IpAddr::from_str(name) {
                Ok(address) => address.is_loopback(),
                Err(_) => name.eq_ignore_ascii_case("localhost"),
            },
        })
    }

    /// Something the user should know: that a password file lies there but is not used.
    pub fn warning(&self) -> Option<&str> {
        self.passfile.warning().filter(|_| self.password.is_none())
    }

    pub(super) fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(super) fn channel_binding(&self) -> ChannelBinding {
        self.channel_binding
    }

    pub(super) fn is_read_write(&self) -> bool {
        self.is_read_write
    }

    /// The longest wait for one step of connecting to one host.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    pub(super) fn application_name(&self) -> &str {
        self.application_name.as_deref().unwrap_or("loadgen")
    }

    /// The password for a host, from the address or else from the password file.
    pub(super) fn password(&self, host: &Host) -> Option<&SecretString> {
        if self.password.is_some() {
            return self.password.as_ref();
        }
        let folder;
        let hosts = match &host.place {
            HostPlace::Socket(path) => {
                folder = path.to_string_lossy();
                // The file says `localhost` for the usual sockets.
                let is_usual = SOCKET_FOLDERS.contains(&folder.as_ref());
                if is_usual { vec![folder.as_ref(), "localhost"] } else { vec![folder.as_ref()] }
            }
            HostPlace::Network { name, .. } => vec![name.as_str()],
        };
        let Address { database, user, passfile, .. } = self;
        passfile.find(&Place { hosts: &hosts, port: host.port, database, user })
    }

    /// As [`Display`](fmt::Display), for one of the hosts.
    pub(super) fn at(&self, host: &Host) -> String {
        tidy(&format!("{}@{host}/{}", self.user, self.database))
    }
}

/// `app@127.0.0.1:5432/orders`: never with a password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        f.write_str(&tidy(&format!("{}@{}/{}", self.user, hosts.join(","), self.database)))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Host { place, port } = self;
        match place {
            HostPlace::Socket(folder) => write!(f, "{}:{port}", folder.display()),
            HostPlace::Network { name, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            HostPlace::Network { name, .. } => write!(f, "{name}:{port}"),
        }
    }
}

/// The hosts in order. Lists of hosts, addresses and ports have equal lengths, or one port for all.
fn hosts(values: &Values) -> Result<Vec<Host>, AddressError> {
    let list = |key: &str| -> Vec<&str> {
        values.get(key).map(|list| list.split(',').map(str::trim).collect()).unwrap_or_default()
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addresses.len()).max(1);
    if count > HOSTS_MAX {
        return Err(AddressError::new(format!("the address has more than {HOSTS_MAX} hosts")));
    }
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(AddressError::new("`host` and `hostaddr` have lists of different lengths"));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(AddressError::new(
            "`port` has a list of another length than that of the hosts",
        ));
    }
    let at = |list: &[&str], index: usize| list.get(index).copied().unwrap_or("").to_owned();
    (0..count)
        .map(|index| {
            let port = port(&at(&ports, if ports.len() == 1 { 0 } else { index }))?;
            let place = place(at(&names, index), &at(&addresses, index), port)?;
            Ok(Host { place, port })
        })
        .collect()
}

fn port(text: &str) -> Result<u16, AddressError> {
    match text {
        "" => Ok(PORT),
        // Not repeated: a `/` in a password makes the password's beginning look like a port.
        text => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            AddressError::new(
                "the port is not a number from 1 to 65535; in a URL's password write `@` as `%40`, \
                 `:` as `%3A` and `/` as `%2F`",
            )
        }),
    }
}

fn place(name: String, address: &str, port: u16) -> Result<HostPlace, AddressError> {
    let parsed = match address {
        "" => None,
        text => Some(IpAddr::from_str(text).map_err(|_| {
            AddressError::new("`hostaddr` is not an IP address; a name belongs in `host`")
        })?),
    };
    Ok(match parsed {
        None if name.starts_with('/') => HostPlace::Socket(PathBuf::from(name)),
        None if name.is_empty() => SOCKET_FOLDERS
            .iter()
            .map(Path::new)
            .find(|folder| folder.join(socket_name(port)).exists())
            .map_or_else(
                || HostPlace::Network { name: "localhost".to_owned(), address: None },
                |folder| HostPlace::Socket(folder.to_owned()),
            ),
        Some(_) if name.is_empty() => {
            HostPlace::Network { name: address.to_owned(), address: parsed }
        }
        address => HostPlace::Network { name, address },
    })
}

/// The file of a server's socket, in its folder.
pub(super) fn socket_name(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}

fn tls(values: &Values, home: Option<&Path>) -> Result<Tls, AddressError> {
    let default = |name: &str| home.map(|home| home.join(".postgresql").join(name));
    let existing = |name: &str| default(name).filter(|path| path.exists());
    let root = values.get("sslrootcert").map(PathBuf::from).or_else(|| existing("root.crt"));
    let is_system = root.as_deref() == Some(Path::new("system"));
    let mode = match values.get("sslmode") {
        None if is_system => Mode::VerifyFull,
        None => Mode::Prefer,
        Some(text) => choice("sslmode", text, &Mode::NAMES)?,
    };
    if is_system && mode != Mode::VerifyFull {
        return Err(AddressError::new(
            "`sslrootcert=system` needs `sslmode=verify-full`: anybody can get a certificate that \
             the system trusts",
        ));
    }
    let certificate =
        values.get("sslcert").map(PathBuf::from).or_else(|| existing("postgresql.crt"));
    let key = values.get("sslkey").map(PathBuf::from).or_else(|| default("postgresql.key"));
    Ok(Tls::new(mode, root, certificate.zip(key)))
}

fn channel_binding(values: &Values) -> Result<ChannelBinding, AddressError> {
    let names = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let given = values.get("channel_binding");
    given.map_or(Ok(ChannelBinding::Prefer), |text| choice("channel_binding", text, &names))
}

fn is_read_write(values: &Values) -> Result<bool, AddressError> {
    let names = [("any", false), ("read-write", true)];
    let given = values.get("target_session_attrs");
    given.map_or(Ok(false), |text| choice("target_session_attrs", text, &names))
}

fn connect_timeout(values: &Values) -> Result<Duration, AddressError> {
    let Some(text) = values.get("connect_timeout") else { return Ok(CONNECT_TIMEOUT) };
    let seconds: i64 = text
        .trim()
        .parse()
        .map_err(|_| AddressError::new("`connect_timeout` is not a whole number of seconds"))?;
    // For libpq 0 is for ever; no wait of ours is.
    Ok(match u64::try_from(seconds) {
        Ok(0) | Err(_) => CONNECT_TIMEOUT,
        Ok(seconds) => Duration::from_secs(seconds.min(CONNECT_TIMEOUT_MAX)),
    })
}

fn choice<T: Copy>(key: &str, text: &str, names: &[(&str, T)]) -> Result<T, AddressError> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
        let text = tidy(text);
        AddressError::new(format!("`{key}` cannot be `{text}`; it can be {}", names.join(", ")))
    })
}
