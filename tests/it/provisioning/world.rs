//! Scenarios built by hand: what a YAML file would have meant.

use std::time::Duration;

use loadgen::scenario::Cdc;
use loadgen::scenario::Copy;
use loadgen::scenario::Domain;
use loadgen::scenario::LedgerLimits;
use loadgen::scenario::Load;
use loadgen::scenario::PostgresTarget;
use loadgen::scenario::Precision;
use loadgen::scenario::Provision;
use loadgen::scenario::Roles;
use loadgen::scenario::Scenario;
use loadgen::scenario::Server;
use loadgen::scenario::Start;
use loadgen::scenario::Target;
use loadgen::scenario::TargetKind;
use loadgen::schema::Action;
use loadgen::schema::Column;
use loadgen::schema::ColumnType;
use loadgen::schema::Fill;
use loadgen::schema::Literal;
use loadgen::schema::Otherwise;
use loadgen::schema::Pick;
use loadgen::schema::Reference;
use loadgen::schema::ReplicaIdentity;
use loadgen::schema::Schema;
use loadgen::schema::Step;
use loadgen::schema::Table;
use loadgen::sink::postgres::provision::Passwords;

pub(crate) const APPLICATION_PASSWORD: &str = "s3cret-application";
pub(crate) const CAPTURE_PASSWORD: &str = "s3cret-cäpture";

/// A scenario with these domains on one server.
pub(crate) fn scenario(provision: Provision, domains: Vec<Domain>) -> Scenario {
    Scenario {
        name: "test run".to_owned(),
        seed: u64::MAX,
        start: Start::At(0),
        lanes: 16,
        allow_remote: false,
        targets: vec![Target {
            name: "operational".to_owned(),
            kind: TargetKind::Postgres(PostgresTarget {
                server: Server::Embedded(None),
                admin: None,
                is_pooled: false,
                connections: 2,
                in_flight: 1,
                isolation: None,
                provision,
                synchronous_commit: None,
                statement_timeout: None,
                reconnect: Duration::from_secs(1),
            }),
        }],
        domains,
        load: Load {
            warmup: Duration::ZERO,
            drain: Duration::ZERO,
            precision: Precision::Normal,
            scale_rate: 1.0,
            time_scale: 1.0,
            streams: Vec::new(),
            steps: Vec::new(),
        },
        cdc: Cdc {
            connect: loadgen::scenario::cdc::Connect::default(),
            publication: "debezium".to_owned(),
            signal_table: true,
            heartbeat_table: true,
            heartbeat: None,
            canary: None,
            trace: loadgen::scenario::TraceBy::Xid,
            idle: Vec::new(),
            wal_limit: None,
            password: None,
            application_password: None,
        },
        observers: Vec::new(),
        ledger: LedgerLimits { trace: None, bytes: LedgerLimits::BYTES },
        thresholds: Vec::new(),
        validity: loadgen::scenario::Validity::OFF,
        hash: "0123abcd".to_owned(),
        source: String::new(),
        secrets: loadgen::diagnostic::Secrets::default(),
    }
}

/// A domain whose names all follow from one.
pub(crate) fn domain(name: &str) -> Domain {
    Domain {
        schema: schema(name),
        copy: Copy::only(name),
        target: 0,
        events: Vec::new(),
        database: format!("db_{name}"),
        namespace: "public".to_owned(),
        roles: Roles {
            owner: format!("{name}_owners_group"),
            application: format!("{name}_app"),
            capture: format!("debezium_{name}"),
        },
        rows: vec![0; 3],
        history: None,
        faults: None,
    }
}

pub(crate) fn passwords(scenario: &Scenario) -> Vec<Passwords> {
    let passwords = Passwords {
        application: APPLICATION_PASSWORD.to_owned().into(),
        capture: CAPTURE_PASSWORD.to_owned().into(),
    };
    vec![passwords; scenario.domains.len()]
}

/// Children stand before their parents, one table has no key, and rows are updated and deleted.
fn schema(name: &str) -> Schema {
    let items = Table {
        replica_identity: ReplicaIdentity::Full,
        ..table(
            "items",
            vec![
                column("order_id", ColumnType::Uuid, to(name, "orders", "id")),
                column("line", ColumnType::Smallint, Fill::Line),
                column("again", ColumnType::Uuid, to(name, "orders", "id")),
            ],
            &[0, 1],
        )
    };
    let orders = table(
        "orders",
        vec![
            column("id", ColumnType::Uuid, Fill::Uuid),
            column("customer_id", ColumnType::Bigint, to(name, "customers", "id")),
            column("value", ColumnType::Numeric { precision: 12, scale: 2, is_bare: false }, one()),
        ],
        &[0],
    );
    let customers = table(
        "customers",
        vec![
            column("id", ColumnType::Bigint, Fill::Sequence { start: 1 }),
            Column { unique: true, ..column("email", ColumnType::Varchar(Some(40)), one()) },
            Column { nullable: true, null_rate: 0.5, ..column("note", ColumnType::Text, one()) },
            column("seen", ColumnType::Timestamptz, one()),
        ],
        &[0],
    );
    let log = Table {
        replica_identity: ReplicaIdentity::Nothing,
        ..table("log", vec![column("line", ColumnType::Char(3), one())], &[])
    };
    let pick = Pick::Uniform;
    let otherwise = Otherwise::Skip;
    let steps = vec![
        Step::Update { table: 2, pick: pick.clone(), set: Vec::new(), otherwise },
        Step::Delete { table: 2, pick, otherwise },
    ];
    Schema {
        name: name.to_owned(),
        database: format!("db_{name}"),
        enums: Vec::new(),
        domains: Vec::new(),
        tables: vec![items, orders, customers, log],
        actions: vec![Action {
            name: "close".to_owned(),
            steps,
            skew_ns: (0, 0),
            then: Vec::new(),
        }],
        checks: None,
        source: String::new(),
        content: String::new(),
    }
}

pub(crate) fn table(name: &str, columns: Vec<Column>, key: &[usize]) -> Table {
    Table {
        event: None,
        name: name.to_owned(),
        columns,
        key: key.to_vec(),
        replica_identity: ReplicaIdentity::Default,
        owner: None,
        states: None,
        shared: false,
        stored: true,
        rows: 0,
    }
}

pub(crate) fn column(name: &str, kind: ColumnType, fill: Fill) -> Column {
    Column {
        hidden: false,
        name: name.to_owned(),
        kind,
        domain: None,
        nullable: false,
        null_rate: 0.0,
        unique: false,
        check: None,
        fill,
    }
}

pub(crate) fn one() -> Fill {
    Fill::Constant(Literal::Int(1))
}

fn to(schema: &str, table: &str, column: &str) -> Fill {
    Fill::Reference(Reference {
        of: None,
        unlike: None,
        schema: schema.to_owned(),
        table: table.to_owned(),
        column: column.to_owned(),
        pick: Pick::Uniform,
        born: 0.0,
        enforced: true,
        stays: false,
    })
}
