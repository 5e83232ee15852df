//! Why a server could not be made ready: one line each, with what to do. Exit code 4.

use std::error::Error as _;
use std::fmt;

use thiserror::Error;

use crate::sink::postgres::error::ConnectError;
use crate::sink::postgres::script::ScriptError;

/// SQLSTATE of a deadlock's victim.
const DEADLOCK: &str = "40P01";
/// SQLSTATE of an object that others are built upon.
pub(in crate::sink::postgres) const DEPENDENTS_EXIST: &str = "2BP01";

/// Why set-up, clean or a check of the server stopped. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetupError {
    /// The server was not reached, or refused the login; the text says which and what to do.
    #[error("{0}")]
    Connect(String),
    /// The server is older than 12.
    #[error("the server is PostgreSQL {0}; loadgen needs 12 or newer")]
    Version(String),
    /// The server is a standby or read-only.
    #[error("the server takes no writes ({0}); let the URL name the primary")]
    ReadOnly(String),
    /// The login may not do what provisioning needs.
    #[error("`{user}` may not {what}; {remedy}")]
    Privilege {
        /// Who is logged in.
        user: String,
        /// What is not allowed.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The server lacks an extension.
    #[error(
        "`{domain}` has columns of the type `{name}`, and the server does not have the extension \
         of that name; install the server's contrib package, or use `text`"
    )]
    Extension {
        /// The domain.
        domain: String,
        /// The extension.
        name: String,
    },
    /// Too few connections are free.
    #[error(
        "{needed} connections are needed and {free} are free on the server (`{limit}`); lower \
         `connections` in the scenario, raise the server's limit, or end other sessions"
    )]
    Connections {
        /// How many this scenario needs.
        needed: i64,
        /// How many the server has left.
        free: i64,
        /// The setting that limits them, with its value.
        limit: String,
    },
    /// An object of a name that we need is there, and does not carry our mark.
    #[error(
        "the {kind} `{name}` exists and loadgen did not make it, so nothing was changed; choose \
         another name in the scenario, or remove it yourself"
    )]
    Foreign {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
    /// A marked database holds what another scenario, or an earlier run, left.
    #[error("`{domain}` cannot be used as it is: {why}; `--fresh` drops it and makes it again")]
    Used {
        /// The domain.
        domain: String,
        /// By what.
        why: String,
    },
    /// A name of the scenario that PostgreSQL cannot take.
    #[error("the name `{name}` {what}; choose another in the scenario")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another set-up or clean of the same server did not end in time.
    #[error(
        "another loadgen sets up or cleans this server, and did not end within {0} s; try again"
    )]
    Busy(u64),
    /// The URL names a database that is to be dropped.
    #[error(
        "the URL names the database `{0}`, which is to be dropped; let it name another one, such \
         as `postgres`"
    )]
    Inside(String),
    /// Something in the way of a clean that loadgen did not make.
    #[error("the {kind} `{name}` cannot be removed: {why}")]
    Kept {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// What stands in the way, and what to do.
        why: String,
    },
    /// With `provision: nothing`: how the tables that exist differ from the schema.
    #[error("the tables that exist do not fit: {}", .0.join("; "))]
    Differences(Vec<String>),
    /// The books of a domain cannot be used.
    #[error("the books in the PostgreSQL schema `{namespace}` cannot be used: {what}")]
    Books {
        /// Where they are.
        namespace: String,
        /// Why.
        what: String,
    },
    /// The server refused a statement, or was lost.
    #[error("cannot {doing}: {why}")]
    Server {
        /// What was being done.
        doing: String,
        /// What the server said.
        why: String,
        /// The SQLSTATE, when the server said anything.
        code: Option<String>,
    },
    /// This machine did not play along.
    #[error("{0}")]
    Local(String),
    /// A provisioning script is wrong.
    #[error("{0}")]
    Script(#[from] ScriptError),
}

impl SetupError {
    /// Whether a set-up ended so before it changed anything.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Used { .. } | Self::Foreign { .. } | Self::Busy(_))
    }

    /// Whether it was the victim of a deadlock, with another set-up or a session that a killed run
    /// left: what was rolled back can be done again.
    pub fn is_deadlock(&self) -> bool {
        self.is(DEADLOCK)
    }
}

impl From<ConnectError> for SetupError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error.to_string())
    }
}

/// The kinds of object that carry a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A database.
    Database,
    /// A role.
    Role,
    /// A schema inside a database.
    Schema,
    /// A publication.
    Publication,
    /// An enum or a domain, in PostgreSQL's sense.
    Type,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Database => "database",
            Self::Role => "role",
            Self::Schema => "PostgreSQL schema",
            Self::Publication => "publication",
            Self::Type => "type",
        })
    }
}

impl SetupError {
    /// What the server said while we were `doing` something, on one line.
    pub(crate) fn server(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        let why = match (error.as_db_error(), error.source()) {
            (Some(said), _) => match (said.detail(), said.hint()) {
                // The detail names them; the hint is to remove them too.
                (Some(detail), _) if said.code().code() == DEPENDENTS_EXIST => detail.to_owned(),
                (_, Some(hint)) => format!("{} ({hint})", said.message()),
                _ => said.message().to_owned(),
            },
            (None, Some(cause)) => format!("{error}: {cause}"),
            (None, None) => error.to_string(),
        };
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = error.code().map(|code| code.code().to_owned());
        Self::Server { doing: doing.into(), why, code }
    }

    /// Whether the server answered with this SQLSTATE.
    pub(in crate::sink::postgres) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Server { code: Some(code), .. } if code == wanted)
    }
}
