//! Why a server could not be reached, in words for the person who has to see to it.

use std::error::Error;
use std::io;

use deadpool_postgres::PoolError;
use thiserror::Error;

/// Longest text of a server that is repeated, in characters.
const REASON_MAX: usize = 500;

/// Why there is no session. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// Nobody answers, or the server is starting, stopping or on standby: trying again may help.
    #[error("cannot reach `{server}`: {reason}; see that the server runs and can be reached there")]
    Away {
        /// Which server, without a password.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server has no connection left: trying again may help.
    #[error(
        "`{server}` has no connection free: {reason}; use fewer connections, or raise the server's \
         `max_connections`"
    )]
    TooMany {
        /// Which server, without a password.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// The user, the password or the way of connecting is not allowed.
    #[error(
        "`{server}` denied access: {reason}; check the user, the password and the server's \
         `pg_hba.conf`"
    )]
    Denied {
        /// Which server, without a password.
        server: String,
        /// What happened.
        reason: String,
        /// The server's SQLSTATE, empty if the refusal is ours.
        code: String,
    },
    /// The server has no database of that name.
    #[error("`{server}` lacks the database: {reason}; create it, or correct the name")]
    NoDatabase {
        /// Which server, without a password.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// No encrypted connection, or one that cannot be trusted.
    #[error("no TLS with `{server}`: {reason}")]
    Tls {
        /// Which server, without a password.
        server: String,
        /// What happened, and what to do.
        reason: String,
    },
    /// What answers does not speak PostgreSQL's protocol, or not as we know it.
    #[error(
        "`{server}` does not answer like a PostgreSQL server: {reason}; see that the host and the \
         port are right"
    )]
    Protocol {
        /// Which server, without a password.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server ended the session for another reason of its own, such as a setting it rejects.
    #[error("`{server}` refused the session: {reason} (SQLSTATE {code})")]
    Refused {
        /// Which server, without a password.
        server: String,
        /// What the server said.
        reason: String,
        /// The server's SQLSTATE.
        code: String,
    },
}

impl ConnectError {
    /// Whether the same attempt may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, ConnectError::Away { .. } | ConnectError::TooMany { .. })
    }

    /// What a pool's error means: what [`super::control::pool`] hid in it, or that no connection
    /// became free in time.
    pub fn from_pool(error: &PoolError, server: &str) -> ConnectError {
        if let Some(found) = ConnectError::find(error) {
            return found;
        }
        let reason = match error {
            PoolError::Timeout(_) => "no control connection became free in time".to_owned(),
            other => tidy(&other.to_string()),
        };
        ConnectError::Away { server: server.to_owned(), reason }
    }

    /// The one of ours among an error's causes.
    pub(super) fn find(error: &(dyn Error + 'static)) -> Option<ConnectError> {
        let mut cause = Some(error);
        // The chain is as long as the libraries make it: a handful. The limit is for safety's sake.
        for _ in 0..16 {
            let current = cause?;
            if let Some(found) = current.downcast_ref::<ConnectError>() {
                return Some(found.clone());
            }
            // An I/O error skips what it wraps when asked for its cause, so look inside.
            let wrapped = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = wrapped.and_then(|inner| inner.downcast_ref::<ConnectError>()) {
                return Some(found.clone());
            }
            cause = current.source();
        }
        None
    }

    pub(super) fn away(server: &str, reason: impl Into<String>) -> ConnectError {
        ConnectError::Away { server: server.to_owned(), reason: reason.into() }
    }

    pub(super) fn denied(server: &str, reason: impl Into<String>) -> ConnectError {
        let (server, reason) = (server.to_owned(), reason.into());
        ConnectError::Denied { server, reason, code: String::new() }
    }

    pub(super) fn tls(server: &str, reason: impl Into<String>) -> ConnectError {
        ConnectError::Tls { server: server.to_owned(), reason: reason.into() }
    }

    pub(super) fn protocol(server: &str, reason: impl Into<String>) -> ConnectError {
        ConnectError::Protocol { server: server.to_owned(), reason: reason.into() }
    }

    /// What an error message of the server means when it comes instead of a session.
    pub(super) fn from_server(server: &str, code: &str, message: &str) -> ConnectError {
        let (server, reason, code) = (server.to_owned(), tidy(message), tidy(code));
        match code.as_str() {
            "53300" => ConnectError::TooMany { server, reason },
            "3D000" => ConnectError::NoDatabase { server, reason },
            // Shut down, crashed, starting, or a database that takes no connections for now
            // (`ALLOW_CONNECTIONS false`); other short resources; a broken connection behind a pooler.
            "57P01" | "57P02" | "57P03" | "55000" => ConnectError::Away { server, reason },
            _ if code.starts_with("53") || code.starts_with("58") => {
                ConnectError::Away { server, reason }
            }
            _ if code.starts_with("08") && code != "08P01" => ConnectError::Away { server, reason },
            _ if code.starts_with("28") => ConnectError::Denied { server, reason, code },
            _ => ConnectError::Refused { server, reason, code },
        }
    }

    /// What a broken connection means: TLS says why in its own words, all else is weather.
    pub(super) fn from_io(server: &str, error: &io::Error) -> ConnectError {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return ConnectError::tls(server, tidy(&error.to_string()));
        }
        ConnectError::away(server, plain(error))
    }
}

/// An I/O error without numbers and type names.
pub(super) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::Other | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            tidy(&error.to_string())
        }
        kind => kind.to_string(),
    }
}

/// Another's text, on one line and not too long: what a server sends must not paint a terminal.
pub(super) fn tidy(text: &str) -> String {
    let mut tidy: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_MAX).collect();
    tidy.truncate(tidy.trim_end().len());
    tidy
}
