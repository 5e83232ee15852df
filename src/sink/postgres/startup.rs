//! From a stream to a session: who we are, how we prove it, and what the server says of itself.

use std::collections::BTreeMap;
use std::fmt;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorResponseBody;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::address::Address;
use super::error::ConnectError;
use super::search::Search;
use super::stream::Transport;

mod authenticate;

/// Longest message that a server has reason to send before a session begins.
const MESSAGE_MAX: usize = 64 * 1024;
/// More messages than any server sends before a session begins.
const MESSAGES_MAX: usize = 1000;

/// A session that is ready for its first query.
pub struct Session {
    /// To and from the server.
    pub stream: Transport,
    /// The server's process: what `pg_backend_pid()` says, and [`Address::cancel`] needs.
    pub backend_pid: i32,
    /// What proves to the server that a request to cancel comes from us.
    pub secret_key: i32,
    /// What the server reported of its settings, such as `server_version`.
    pub parameters: BTreeMap<String, String>,
    /// Bytes that were read beyond the server's readiness: to be looked at before the stream.
    pub read_ahead: BytesMut,
}

impl Address {
    /// Connects, logs in, and so begins a session on the first host that is fit: that answers, is
    /// not about to start or stop, and takes writes if `target_session_attrs=read-write`.
    pub async fn connect(&self, settings: &[(&str, &str)]) -> Result<Session, ConnectError> {
        let mut search = Search::new(self);
        while let Some(route) = search.next() {
            let begun = match self.dial(route).await {
                Ok(stream) => Box::pin(startup(stream, self, settings)).await,
                Err(error) => Err(error),
            };
            match begun {
                Ok(session) => return Ok(session),
                Err(error) => search.failed(error)?,
            }
        }
        Err(search.end())
    }
}

/// Logs in on a stream that the address opened. `settings` are run-time parameters of the session
/// (`application_name`, `statement_timeout`, …) and go before the address's own. Gives up after the
/// address's `connect_timeout`.
pub async fn startup(
    stream: Transport,
    address: &Address,
    settings: &[(&str, &str)],
) -> Result<Session, ConnectError> {
    let server = address.at(&stream.host);
    let wait = address.connect_timeout();
    let mut talk = Talk { stream, buffer: BytesMut::new(), out: BytesMut::new(), server };
    let begun = timeout(wait, Box::pin(begin(&mut talk, address, settings))).await;
    let Greeting { backend_pid, secret_key, parameters } = begun.unwrap_or_else(|_| {
        let reason = format!("no session within {} s", wait.as_secs());
        Err(ConnectError::away(&talk.server, reason))
    })?;
    let Talk { stream, buffer: read_ahead, .. } = talk;
    Ok(Session { stream, backend_pid, secret_key, parameters, read_ahead })
}

/// What the server says of itself and of the session.
#[derive(Default)]
struct Greeting {
    backend_pid: i32,
    secret_key: i32,
    parameters: BTreeMap<String, String>,
}

async fn begin(
    talk: &mut Talk,
    address: &Address,
    settings: &[(&str, &str)],
) -> Result<Greeting, ConnectError> {
    let parameters = parameters(address, settings);
    let given = parameters.iter().map(|(key, value)| (*key, *value));
    frontend::startup_message(given, &mut talk.out)
        .map_err(|_| talk.refuse("a setting or a name has a NUL byte"))?;
    talk.send().await?;
    authenticate::authenticate(talk, address).await?;
    let greeting = greeting(talk).await?;
    if address.is_read_write() && is_read_only(&greeting.parameters) {
        return Err(ConnectError::away(
            &talk.server,
            "the server takes no writes (it is a standby, or read-only by default), and \
             `target_session_attrs=read-write`",
        ));
    }
    Ok(greeting)
}

/// The settings of a session; of a name given twice the server heeds the later one, a pooler may
/// not, so each is sent once.
fn parameters<'a>(
    address: &'a Address,
    settings: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut parameters = vec![
        ("user", address.user()),
        ("database", address.database()),
        ("application_name", address.application_name()),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO"),
        ("TimeZone", "UTC"),
    ];
    parameters.extend(address.options().map(|options| ("options", options)));
    for &(key, value) in settings {
        parameters.retain(|(name, _)| !name.eq_ignore_ascii_case(key));
        parameters.push((key, value));
    }
    parameters
}

async fn greeting(talk: &mut Talk) -> Result<Greeting, ConnectError> {
    let mut greeting = Greeting::default();
    for _ in 0..MESSAGES_MAX {
        match talk.next().await? {
            Message::BackendKeyData(key) => {
                greeting.backend_pid = key.process_id();
                greeting.secret_key = key.secret_key();
            }
            Message::ParameterStatus(status) => {
                let (Ok(name), Ok(value)) = (status.name(), status.value()) else {
                    return Err(talk.garbled());
                };
                greeting.parameters.insert(name.to_owned(), value.to_owned());
            }
            Message::NoticeResponse(_) => {}
            Message::ReadyForQuery(_) => return Ok(greeting),
            _ => return Err(talk.garbled()),
        }
    }
    Err(talk.garbled())
}

/// Servers from 14 on say so themselves. An older one does not; there a write finds out.
fn is_read_only(parameters: &BTreeMap<String, String>) -> bool {
    let is_on = |name: &str| parameters.get(name).is_some_and(|value| value == "on");
    is_on("in_hot_standby") || is_on("default_transaction_read_only")
}

/// A conversation before a session.
struct Talk {
    stream: Transport,
    buffer: BytesMut,
    out: BytesMut,
    server: String,
}

impl Talk {
    async fn send(&mut self) -> Result<(), ConnectError> {
        let sent = async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| ConnectError::from_io(&self.server, &error))?;
        self.out.clear();
        Ok(())
    }

    /// The next message; one that reports an error is returned as that error.
    async fn next(&mut self) -> Result<Message, ConnectError> {
        loop {
            match Message::parse(&mut self.buffer).map_err(|_| self.garbled())? {
                Some(Message::ErrorResponse(error)) => return Err(self.server_error(&error)),
                Some(message) => return Ok(message),
                None if self.is_too_long() => return Err(self.garbled()),
                None => {}
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    return Err(ConnectError::away(
                        &self.server,
                        "the server closed the connection instead of beginning a session",
                    ));
                }
                Ok(_) => {}
                Err(error) => return Err(ConnectError::from_io(&self.server, &error)),
            }
        }
    }

    fn is_too_long(&self) -> bool {
        let length = self.buffer.get(1..5).and_then(|bytes| bytes.try_into().ok());
        let length = length.map_or(0, u32::from_be_bytes);
        usize::try_from(length).is_ok_and(|length| length > MESSAGE_MAX)
    }

    fn server_error(&self, error: &ErrorResponseBody) -> ConnectError {
        let (mut code, mut message) = (String::new(), String::new());
        let mut fields = error.fields();
        while let Ok(Some(field)) = fields.next() {
            let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => code = text(),
                b'M' => message = text(),
                _ => {}
            }
        }
        ConnectError::from_server(&self.server, &code, &message)
    }

    fn garbled(&self) -> ConnectError {
        ConnectError::protocol(&self.server, "a message is not one of PostgreSQL's at that point")
    }

    fn refuse(&self, reason: &str) -> ConnectError {
        ConnectError::denied(&self.server, reason)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("stream", &self.stream).field("backend_pid", &self.backend_pid);
        shown.field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_sent_once_and_the_given_one_wins() {
        let text = "host=a user=app dbname=shop application_name=theirs options='-c x=y'";
        let address = Address::parse(text, &|_| None).unwrap();
        let given = [("application_name", "ours"), ("timezone", "CET")];
        let sent = parameters(&address, &given);
        assert_eq!(
            sent,
            [
                ("user", "app"),
                ("database", "shop"),
                ("client_encoding", "UTF8"),
                ("DateStyle", "ISO"),
                ("options", "-c x=y"),
                ("application_name", "ours"),
                ("timezone", "CET"),
            ],
        );
    }
}
