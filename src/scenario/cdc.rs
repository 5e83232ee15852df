//! Change data capture: what it needs on the source, what guards the source from it, and what is read
//! of it.

mod connect;
mod events;
mod lake;

use std::time::Duration;

use secrecy::SecretString;

use super::PostgresTarget;
use super::Scenario;
use super::SchemaRegistry;

pub use connect::Connect;
pub use connect::Snapshot;
pub use connect::address;
pub use events::EventSurface;
pub use events::Events;
pub use lake::Bucket;
pub use lake::LakeSite;
pub use lake::RecordFiles;
pub use lake::Warehouse;

/// What change data capture needs on the source.
#[derive(Debug, Clone)]
pub struct Cdc {
    /// The publication's name in each database. `debezium` unless set.
    pub publication: String,
    /// Whether `debezium_signal` is made.
    pub signal_table: bool,
    /// Whether `debezium_heartbeat` is made.
    pub heartbeat_table: bool,
    /// How often a row is written into each `debezium_heartbeat`; `None`: never.
    pub heartbeat: Option<Duration>,
    /// The row of our own that changes in each database that is observed; `None`: none does.
    pub canary: Option<Canary>,
    /// How a change that is observed is told from others.
    pub trace: TraceBy,
    /// The domains in whose databases it does not, as indexes into [`Scenario::domains`].
    pub idle: Vec<usize>,
    /// How many bytes of its log a server may keep for one slot; `None`: as the server says, or
    /// [`Cdc::WAL_LIMIT`].
    pub wal_limit: Option<u64>,
    /// Password of the capture login, if given.
    pub password: Option<SecretString>,
    /// Password of the application login, if given.
    pub application_password: Option<SecretString>,
    /// Who captures: the connectors of Kafka Connect.
    pub connect: Connect,
}

impl Cdc {
    /// How many bytes of its log a server may keep for one slot, where neither it nor the scenario says.
    pub const WAL_LIMIT: u64 = 10 << 30;
}

/// How a change that is observed is told from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TraceBy {
    /// By its place in the log and its transaction's number, which whatever hands it on must keep.
    #[default]
    Xid,
    /// By columns of its row: see [`Marker`](crate::schema::Marker).
    Columns,
    /// By a message that its transaction writes into the log: see [`message`](crate::action::message).
    Message,
}

/// A row that changes again and again, so that there is always something to observe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// How often.
    pub every: Duration,
    /// Whether the scenario asks for it, so that it must come wherever changes come. Otherwise whatever fills a
    /// far end may leave its table out.
    pub is_asked_for: bool,
}

impl Canary {
    /// Where a scenario says nothing.
    pub const UNASKED: Self = Self { every: Duration::from_millis(100), is_asked_for: false };
}

/// A far end that is read: a surface.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Its name.
    pub name: String,
    /// The domains whose changes of rows come there, by their numbers in
    /// [`Scenario::domains`](super::Scenario::domains).
    pub domains: Vec<usize>,
    /// What it is.
    pub kind: ObserverKind,
}

impl Observer {
    /// The replica at whose tables it looks now and then, if it does.
    pub fn polled(&self) -> Option<&Replica> {
        match &self.kind {
            ObserverKind::Replica(replica) => replica.every.is_some().then_some(replica),
            _ => None,
        }
    }

    /// Whether it reads events, and no changes of rows.
    pub fn is_of_events(&self) -> bool {
        matches!(self.kind, ObserverKind::Events(_))
    }

    /// Whether what it sees is noted, so that it can be judged again: neither what it finds in tables, nor events.
    pub fn is_noted(&self) -> bool {
        !self.is_polled() && !self.is_of_events()
    }

    /// Whether it looks at tables now and then.
    pub fn is_polled(&self) -> bool {
        self.polled().is_some()
    }

    /// In which order changes come there.
    pub fn arrivals(&self) -> Arrivals {
        match &self.kind {
            _ if self.is_polled() => Arrivals::InNoOrder,
            ObserverKind::Slot { .. } | ObserverKind::Replica(_) => Arrivals::AsCommitted,
            ObserverKind::Kafka { .. } | ObserverKind::Events(_) => Arrivals::RowByRow,
            ObserverKind::Lake(_) | ObserverKind::Records(_) => Arrivals::InNoOrder,
        }
    }

    /// Whether messages that transactions write into the log come there: a subscription and a sink drop them.
    pub fn takes_messages(&self) -> bool {
        matches!(self.kind, ObserverKind::Slot { .. } | ObserverKind::Kafka { .. })
    }

    /// Whether its places are those of a log of its own, in which a change that was applied twice has two places.
    pub fn has_own_log(&self) -> bool {
        matches!(self.kind, ObserverKind::Replica(_))
    }

    /// Whether it reads a slot in each database of a target.
    pub fn has_slots_of(&self, target: usize) -> bool {
        matches!(self.kind, ObserverKind::Slot { target: of, .. } if of == target)
    }
}

impl Scenario {
    /// Whether somebody observes changes of rows.
    pub fn observes_rows(&self) -> bool {
        self.observers.iter().any(|observer| !observer.is_of_events())
    }

    /// How many actions may be in flight on a connection to a target; one where it is observed, so that
    /// the time between sending and acknowledgement, in which the commit lies, is as short as can be.
    pub fn in_flight(&self, target: usize, settings: &PostgresTarget) -> u32 {
        let is_on = |domain: &usize| self.domains[*domain].target == target;
        let is_observed = self.observers.iter().any(|it| it.domains.iter().any(is_on));
        if is_observed { 1 } else { settings.in_flight }
    }
}

/// The kinds of far end.
#[derive(Debug, Clone)]
pub enum ObserverKind {
    /// A logical replication slot in each database of a target.
    Slot {
        /// Index into [`Scenario::targets`](super::Scenario::targets).
        target: usize,
        /// What lets the server forget its log.
        confirms: Confirms,
    },
    /// A slot in each database of a replica, or its tables.
    Replica(Replica),
    /// Topics into which connectors write.
    Kafka {
        /// Index into [`Scenario::targets`](super::Scenario::targets): which cluster.
        target: usize,
        /// The topic of a table; `{database}`, `{schema}`, `{table}` and `{domain}` stand for names.
        topics: String,
        /// How a record is written.
        format: TopicFormat,
        /// Where the schemas of records in Avro are, if somebody has said so.
        registry: Option<SchemaRegistry>,
        /// The topic of messages that were written into the log; `{database}` and `{domain}` stand for names.
        messages: String,
        /// The topic of what is told of transactions, if it is read; likewise.
        transactions: Option<String>,
        /// For how long nothing may come at the end until it is given up.
        within: Duration,
    },
    /// A lake into which a sink writes.
    Lake(Box<Warehouse>),
    /// Objects into which a sink writes.
    Records(Box<RecordFiles>),
    /// Events, as they were sent.
    Events(Box<EventSurface>),
}

/// In which order changes come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Those of each database as they were committed.
    AsCommitted,
    /// Those of each row as they were committed.
    RowByRow,
    /// In any: files are written, and looked at, as it happens.
    #[default]
    InNoOrder,
}

/// How a connector writes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicFormat {
    /// Debezium's envelope.
    Debezium,
    /// The row alone, with some of the rest in fields beside its columns.
    Flattened,
}

/// A server to which the rows of a target come, under the same names.
#[derive(Debug, Clone)]
pub struct Replica {
    /// A connection URL or key-value string, which may hold a password.
    pub server: SecretString,
    /// A database there; `{database}` stands for that of the source.
    pub database: String,
    /// How long it may take to have what the source has.
    pub within: Duration,
    /// How long a lost connection is tried again.
    pub reconnect: Duration,
    /// How often its tables are looked at; `None`: it is read by a slot.
    pub every: Option<Duration>,
}

/// Up to where a reader of a slot tells the server that it needs nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirms {
    /// Up to where the server says that it has sent all, though nothing of this database came.
    All,
    /// Up to the last transaction that came: in an idle database, none does.
    Changes,
}
