//! What is made for each domain lets its logins do what they must, and nothing more: each thing is tried
//! on the server, as that login.

use std::fs;

use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::machine::psql;
use crate::support::slot::Slot;

const DOMAINS: [&str; 4] = ["user", "business", "checkin", "evaluations"];

/// The result of a statement in the database of `database`, as `login` of `domain`.
fn tried(place: &Place<'_>, (domain, login): (&str, &str), database: &str, sql: &str) -> Done {
    let path = place.folder.path().join("try.sql");
    fs::write(&path, sql).unwrap();
    let url = place.server.url_of(&place.database(database));
    let role = format!("{}_{login}", place.database(domain));
    let url = url.replace("postgres@", &format!("{role}@"));
    Done::from(psql(&url).arg("-f").arg(path).output().unwrap())
}

fn may(place: &Place<'_>, who: (&str, &str), sql: &str) -> String {
    let done = tried(place, who, who.0, sql);
    assert_eq!(done.code, 0, "{who:?}: {sql}: {}", done.err);
    done.out
}

fn may_not(place: &Place<'_>, who: (&str, &str), database: &str, sql: &str) {
    let done = tried(place, who, database, sql);
    assert_ne!(done.code, 0, "{who:?} may, in the database of `{database}`: {sql}");
    let reasons = ["permission denied", "must be owner", "must be superuser or replication role"];
    assert!(reasons.iter().any(|reason| done.err.contains(reason)), "{sql}: {}", done.err);
}

fn made() -> Place<'static> {
    let mut place = Place::new(&DOMAINS);
    for domain in DOMAINS {
        place.set(&format!("domains.{domain}.scale=0.0005"));
    }
    place.must(&["seed", "@yelp-small"]);
    place
}

fn tables(place: &Place<'_>, domain: &str) -> Vec<String> {
    let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' \
               AND tablename NOT LIKE 'debezium%' ORDER BY 1";
    place.query(domain, sql).concat()
}

#[test]
fn capture_reads_its_own_domain_and_writes_only_its_signals() {
    let place = made();
    for domain in DOMAINS {
        let who = (domain, "capture");
        let tables = tables(&place, domain);
        assert!(!tables.is_empty());
        for table in &tables {
            may(&place, who, &format!("SELECT count(*) FROM {table}"));
            for sql in [
                format!("DELETE FROM {table}"),
                format!("TRUNCATE {table}"),
                format!("INSERT INTO {table} SELECT * FROM {table}"),
                format!("DROP TABLE {table}"),
            ] {
                may_not(&place, who, domain, &sql);
            }
        }
        // A snapshot's watermarks, a beat, and a slot that yields what the publication names.
        let slot = format!("{}_slot", place.database(domain));
        let _left = Slot::of(place.server, &slot);
        may(
            &place,
            who,
            &format!(
                "INSERT INTO debezium_signal VALUES ('a', 'log', '{{}}'); DELETE FROM debezium_signal; \
                 INSERT INTO debezium_heartbeat VALUES (1, now()) \
                     ON CONFLICT (id) DO UPDATE SET beat = excluded.beat; \
                 SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput'); \
                 SELECT count(*) FROM pg_logical_slot_get_binary_changes('{slot}', NULL, NULL, \
                     'proto_version', '1', 'publication_names', 'debezium'); \
                 SELECT pg_drop_replication_slot('{slot}')"
            ),
        );
        for sql in [
            "CREATE TABLE more (id int)",
            "CREATE TEMPORARY TABLE more (id int)",
            "CREATE SCHEMA more",
            "ALTER PUBLICATION debezium SET (publish = 'insert')",
            "SELECT * FROM loadgen_public.mark",
            "CREATE ROLE more",
            "CREATE DATABASE more",
        ] {
            may_not(&place, who, domain, sql);
        }
        for other in DOMAINS.into_iter().filter(|other| *other != domain) {
            may_not(&place, who, other, "SELECT 1");
        }
    }
    place.must(&["clean", "@yelp-small"]);
}

#[test]
fn the_application_changes_rows_of_its_own_domain_and_nothing_else() {
    let place = made();
    for domain in DOMAINS {
        let who = (domain, "application");
        for table in tables(&place, domain) {
            let rights = "SELECT string_agg(right_, ' ' ORDER BY right_) FROM unnest(array['SELECT', \
                 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS right_ \
                 WHERE has_table_privilege('TABLE', right_)";
            let rights = may(&place, who, &rights.replace("TABLE'", &format!("{table}'")));
            assert!(rights.contains("DELETE INSERT SELECT UPDATE"), "{table}: {rights}");
            for more in ["TRUNCATE", "REFERENCES", "TRIGGER"] {
                assert!(!rights.contains(more), "{table}: {rights}");
            }
            may(&place, who, &format!("BEGIN; DELETE FROM {table} WHERE false; ROLLBACK"));
            may_not(&place, who, domain, &format!("ALTER TABLE {table} ADD more int"));
        }
        for sql in [
            "CREATE TABLE more (id int)",
            "CREATE TEMPORARY TABLE more (id int)",
            "CREATE SCHEMA more",
            "CREATE ROLE more",
            "CREATE DATABASE more",
            "SELECT pg_create_logical_replication_slot('more', 'pgoutput')",
            "ALTER PUBLICATION debezium SET (publish = 'insert')",
        ] {
            may_not(&place, who, domain, sql);
        }
        for other in DOMAINS.into_iter().filter(|other| *other != domain) {
            may_not(&place, who, other, "SELECT 1");
        }
    }
    // Nobody is more than he seems: by what he is, or by whom he belongs to.
    let sql = "SELECT rolname, rolcanlogin, rolreplication FROM pg_roles WHERE rolname LIKE 'PREFIX\\_%' \
               AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls) \
               AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid) ORDER BY 1";
    let found = place.server.query("postgres", &sql.replace("PREFIX", &place.prefix));
    assert_eq!(found.len(), 12, "{found:?}");
    for role in found {
        let kind = role[0].rsplit('_').next().unwrap();
        assert_eq!(role[1] == "t", kind != "owner", "{role:?}");
        assert_eq!(role[2] == "t", kind == "capture", "{role:?}");
    }
    place.must(&["clean", "@yelp-small"]);
}
