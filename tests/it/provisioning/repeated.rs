//! Set-up twice, fresh, and on what is used.

use loadgen::scenario::Provision;
use loadgen::sink::postgres::mark::Books;
use loadgen::sink::postgres::mark::Stage;
use loadgen::sink::postgres::provision::Provisioner;
use loadgen::sink::postgres::provision::Servers;
use loadgen::sink::postgres::provision::SetupError;

use super::START;
use super::admin_login;
use super::clean;
use super::server::Server;
use super::server::connector;
use super::set_up;
use super::texts;
use super::world;

#[tokio::test]
async fn set_up_twice_makes_nothing_the_second_time_and_keeps_rows() {
    let server = Server::shared();
    let mut scenario = world::scenario(Provision::Databases, vec![world::domain("twice")]);
    let first = set_up(&scenario, admin_login(&server)).await.unwrap();
    assert_eq!(first.made.len(), 3 + 1 + 4 + 1, "{:?}", first.made);
    assert_eq!(first.notes, Vec::<String>::new());

    let client = server.admin("db_twice").await;
    let row = "INSERT INTO customers (email, seen) VALUES ('a@example.com', now())";
    client.batch_execute(row).await.unwrap();
    scenario.cdc.heartbeat_table = false;
    let second = set_up(&scenario, admin_login(&server)).await.unwrap();
    assert_eq!(second.made, Vec::<String>::new());
    assert_eq!(texts(&client, "SELECT email FROM customers").await, ["a@example.com"]);

    let published = "SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'debezium'";
    assert_eq!(
        texts(&client, &format!("{published} ORDER BY 1")).await,
        ["customers", "debezium_signal", "items", "log", "orders"]
    );
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn tables_are_made_as_the_schema_says() {
    let server = Server::shared();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("shape")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let client = server.admin("db_shape").await;
    let identity = "SELECT relname || ' ' || relreplident::text || ' ' || relowner::regrole \
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1";
    assert_eq!(
        texts(&client, identity).await,
        [
            "customers d shape_owners_group",
            "debezium_heartbeat d shape_owners_group",
            "debezium_signal d shape_owners_group",
            "items f shape_owners_group",
            "log n shape_owners_group",
            "orders d shape_owners_group"
        ]
    );
    let columns = "SELECT format('%s.%s %s%s%s', attrelid::regclass, attname, \
            format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' END, \
            CASE attidentity WHEN 'd' THEN ' identity' END) \
        FROM pg_attribute WHERE attrelid::regclass::text IN ('customers', 'log') AND attnum > 0 \
        ORDER BY attrelid, attnum";
    assert_eq!(
        texts(&client, columns).await,
        [
            "customers.id bigint not null identity",
            "customers.email character varying(40) not null",
            "customers.note text",
            "customers.seen timestamp with time zone not null",
            "log.line character(3) not null"
        ]
    );
    let constraints = "SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) \
        FROM pg_constraint WHERE contype <> 'n' AND conrelid::regclass::text IN ('customers', 'items', 'orders') ORDER BY 1";
    assert_eq!(
        texts(&client, constraints).await,
        [
            "customers PRIMARY KEY (id)",
            "customers UNIQUE (email)",
            "items FOREIGN KEY (again) REFERENCES orders(id)",
            "items FOREIGN KEY (order_id) REFERENCES orders(id)",
            "items PRIMARY KEY (order_id, line)",
            "orders FOREIGN KEY (customer_id) REFERENCES customers(id)",
            "orders PRIMARY KEY (id)"
        ]
    );
    // The key of `items` begins with `order_id`, so that column needs no index of its own.
    let indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' \
        AND indexname LIKE '%_idx' ORDER BY 1";
    assert_eq!(texts(&client, indexes).await, ["items_again_idx", "orders_customer_id_idx"]);
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn a_used_database_is_refused_until_it_is_made_afresh() {
    let server = Server::shared();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("used")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let client = server.admin("db_used").await;
    let books = Books::beside("public");
    books.set_run(&client, "used-1").await.unwrap();

    let mut other = scenario.clone();
    other.hash = "another".to_owned();
    let refused = set_up(&other, admin_login(&server)).await.unwrap_err();
    assert!(matches!(refused, SetupError::Used { .. }), "{refused}");

    books.set_stage(&client, Stage::Loading).await.unwrap();
    let refused = set_up(&scenario, admin_login(&server)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`used` cannot be used as it is: a run `used-1` has changed its rows, and `run --continue` goes on where it stopped; `--fresh` drops it and makes it again"
    );

    client.batch_execute("INSERT INTO log VALUES ('old')").await.unwrap();
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&other, 0, Servers::new(&connect)).unwrap();
    provisioner.setup(&world::passwords(&other), START, true).await.unwrap();
    assert!(client.simple_query("SELECT").await.is_err(), "the old session has ended");
    let client = server.admin("db_used").await;
    assert_eq!(texts(&client, "SELECT line FROM log").await, Vec::<String>::new());
    let mark = books.read(&client).await.unwrap().unwrap();
    assert_eq!((mark.hash.as_str(), mark.stage), ("another", Stage::Made));
    assert_eq!((mark.seed, mark.lanes, mark.start_us), (u64::MAX, 16, START));
    clean(&other, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn an_interrupted_seeding_keeps_its_start() {
    let server = Server::shared();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("resume")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
    let passwords = world::passwords(&scenario);
    let moved = provisioner.setup(&passwords, START + 1, false).await.unwrap();
    assert_eq!(moved.start_us, START + 1, "nothing is seeded yet");

    let client = server.admin("db_resume").await;
    let books = Books::beside("public");
    books.set_stage(&client, Stage::Seeding).await.unwrap();
    client.execute(&books.enter_chunk_sql(), &[&"customers", &7_i64, &1000_i64]).await.unwrap();
    let kept = provisioner.setup(&passwords, START + 2, false).await.unwrap();
    assert_eq!(kept.start_us, START + 1);
    assert_eq!(books.read(&client).await.unwrap().unwrap().start_us, START + 1);
    let chunks = books.seeded_chunks(&client, "customers").await.unwrap();
    assert_eq!(chunks.into_iter().collect::<Vec<_>>(), [(7, 1000)]);
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn seeding_ends_with_sequences_beyond_our_keys_and_statistics() {
    let server = Server::shared();
    let scenario = world::scenario(Provision::Databases, vec![world::domain("finish")]);
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let client = server.admin("db_finish").await;
    let rows = "INSERT INTO customers (id, email, seen) SELECT n, n::text, now() FROM generate_series(1, 500) n";
    client.batch_execute(rows).await.unwrap();
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
    let domain = &scenario.domains[0];
    let next =
        "INSERT INTO customers (email, seen) VALUES (random()::text, now()) RETURNING id::text";

    provisioner.finish_seed(domain, &[]).await.unwrap();
    assert_eq!(texts(&client, next).await, ["501"]);
    provisioner.finish_seed(domain, &[None, None, Some(9000)]).await.unwrap();
    assert_eq!(texts(&client, next).await, ["9001"]);
    let analysed = "SELECT relname::text FROM pg_class WHERE reltuples = 501 AND relkind = 'r'";
    assert_eq!(texts(&client, analysed).await, ["customers"]);
    clean(&scenario, admin_login(&server)).await.unwrap();
}

#[tokio::test]
async fn set_ups_of_one_server_wait_for_each_other() {
    let server = Server::start(&[]);
    let domains = vec![world::domain("one"), world::domain("two")];
    let scenario = world::scenario(Provision::Databases, domains);
    let set_ups = [(); 4].map(|()| set_up(&scenario, admin_login(&server)));
    let mut made = Vec::new();
    for report in futures_util::future::join_all(set_ups).await {
        made.push(report.unwrap().made.len());
    }
    made.sort_unstable();
    assert_eq!(made, [0, 0, 0, 2 * (3 + 1 + 4 + 1)], "only one of them had anything to make");
}

#[tokio::test]
async fn domains_may_share_a_database() {
    let server = Server::start(&[]);
    let admin = server.admin("postgres").await;
    admin.batch_execute("CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'm'").await.unwrap();
    let domains = ["left", "right"].map(|name| loadgen::scenario::Domain {
        database: "db_both".to_owned(),
        namespace: name.to_owned(),
        ..world::domain(name)
    });
    let scenario = world::scenario(Provision::Databases, domains.to_vec());
    for login in [server.login("maker", "m"), admin_login(&server)] {
        set_up(&scenario, login.clone()).await.unwrap();
        assert_eq!(set_up(&scenario, login.clone()).await.unwrap().made, Vec::<String>::new());
        let client = server.admin("db_both").await;
        let published = "SELECT schemaname || ' ' || count(*) FROM pg_publication_tables \
            GROUP BY schemaname ORDER BY 1";
        assert_eq!(texts(&client, published).await, ["left 6", "right 6"]);
        drop(client);
        assert_eq!(clean(&scenario, login).await.unwrap().len(), 1 + 6);
    }
}

#[tokio::test]
async fn names_may_hold_anything() {
    let server = Server::shared();
    let long = "ü".repeat(31) + "x";
    let mut domain = world::domain("odd");
    domain.schema.name = "O'Dd \"domain\" 50%".to_owned();
    domain.database = "Data.base \"of\" O'Neil; --".to_owned();
    domain.namespace.clone_from(&long);
    domain.roles.owner = "Größe's \"group\"".to_owned();
    domain.roles.application = "App \\ $1 :name".to_owned();
    domain.roles.capture = "日本語.Debezium".to_owned();
    for table in &mut domain.schema.tables {
        table.name = format!("T.\"{}\" '✓'", table.name);
        for column in &mut table.columns {
            column.name = format!("{} C,{{}}\\\"", column.name);
        }
    }
    let mut scenario = world::scenario(Provision::Databases, vec![domain]);
    scenario.cdc.publication = "Pub.\"lication\"".to_owned();
    set_up(&scenario, admin_login(&server)).await.unwrap();
    let again = set_up(&scenario, admin_login(&server)).await.unwrap();
    assert_eq!(again.made, Vec::<String>::new());
    let connect = connector(admin_login(&server));
    let provisioner = Provisioner::new(&scenario, 0, Servers::new(&connect)).unwrap();
    provisioner.finish_seed(&scenario.domains[0], &[]).await.unwrap();

    let domain = &scenario.domains[0];
    let client = server.admin(&domain.database).await;
    let names = "SELECT nspname || ' ' || relname FROM pg_class c JOIN pg_namespace n \
        ON n.oid = relnamespace WHERE relkind = 'r' AND nspname LIKE 'ü%' ORDER BY 1";
    assert_eq!(
        texts(&client, names).await,
        [
            "T.\"customers\" '✓'",
            "T.\"items\" '✓'",
            "T.\"log\" '✓'",
            "T.\"orders\" '✓'",
            "debezium_heartbeat",
            "debezium_signal"
        ]
        .map(|name| format!("{long} {name}"))
    );
    let mark = Books::beside(&long).read(&client).await.unwrap().unwrap();
    assert!(mark.tables.contains(&"T.\"items\" '✓'".to_owned()), "{:?}", mark.tables);
    drop(client);
    assert_eq!(clean(&scenario, admin_login(&server)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn names_that_postgresql_would_cut_are_refused() {
    let server = Server::shared();
    let mut scenario = world::scenario(Provision::Databases, vec![world::domain("cut")]);
    scenario.domains[0].roles.owner = "ü".repeat(32);
    let refused = set_up(&scenario, admin_login(&server)).await.unwrap_err().to_string();
    assert!(refused.contains("has 64 bytes, and PostgreSQL keeps 63"), "{refused}");
    scenario.domains[0].roles.owner = "debezium_cut".to_owned();
    let refused = set_up(&scenario, admin_login(&server)).await.unwrap_err().to_string();
    assert!(refused.contains("roles that share one name"), "{refused}");
}
