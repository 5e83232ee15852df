//! `verify RUN`: a run is judged again from its folder, and what is wrong by then is found and named.

use std::fs;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::scenario;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;

/// Few enough rows that seeding takes no time.
const ROWS: &str = "domains.orders.rows={ products: 50, customers: 500, orders: 2k }";

fn place(server: &TestServer) -> Place<'_> {
    let mut place = Place::on(server, &["orders"]);
    place.set(ROWS);
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place
}

/// The exit code, and what `verify` says of a run's folder.
fn judged(place: &Place<'_>) -> (i32, Value) {
    let done = place.run(&["verify", "run", "--format", "json"]);
    let said = serde_json::from_str(&done.out);
    (done.code, said.unwrap_or_else(|_| panic!("{}{}", done.out, done.err)))
}

fn assert_holds(place: &Place<'_>) -> Value {
    let (code, said) = judged(place);
    assert_eq!((code, said["verdict"].as_str()), (0, Some("passed")), "{said:#}");
    assert!(said["transactions"].as_u64().unwrap() > 0, "{said:#}");
    said
}

fn sum(said: &Value, what: &str) -> u64 {
    said["tables"].as_array().unwrap().iter().map(|table| table[what].as_u64().unwrap()).sum()
}

fn trace(place: &Place<'_>) -> PathBuf {
    place.folder.path().join("run/trace-0001.bin")
}

#[test]
fn a_run_is_judged_again_and_each_row_that_is_wrong_by_then_is_named() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "3s", "--out", "run"]);
    let said = assert_holds(&place);
    assert_eq!((said["untold"].as_u64(), said["was_killed"].as_bool()), (Some(0), Some(false)));
    let rows = "SELECT (SELECT count(*) FROM products) + (SELECT count(*) FROM customers) + \
                (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_items)";
    let all = place.number("orders", rows);
    assert_eq!((sum(&said, "expected"), sum(&said, "found")), (all, all));
    let in_run = place.summary("run")["verification"].clone();
    assert!(in_run["observed"].as_u64() > Some(100), "{in_run}");
    assert_eq!(counts(&said["verification"]), counts(&in_run));
    let done = place.must(&["verify", "run"]);
    assert!(done.out.contains("orders: ") && done.out.contains("passed: "), "{}", done.out);

    let order = "(SELECT order_id FROM order_items ORDER BY order_id LIMIT 1)";
    let sql = format!(
        "DELETE FROM order_items WHERE order_id = {order} AND line = 1; \
         UPDATE orders SET channel = 'pigeon' WHERE id = {order}; \
         INSERT INTO customers VALUES (900000001, 'x', 'x', NULL, now());"
    );
    let id = place.query("orders", &format!("SELECT {order}"))[0][0].clone();
    assert_eq!(place.psql("orders", &sql).code, 0);
    let (code, said) = judged(&place);
    assert_eq!((code, said["verdict"].as_str()), (99, Some("failed")), "{said:#}");
    let counts = ["lost", "wrong", "phantom"].map(|what| sum(&said, what));
    assert_eq!(counts, [1, 1, 1], "{said:#}");
    let examples = said["examples"].as_array().unwrap();
    let of = |class: &str| examples.iter().find(|it| it["class"] == class).unwrap();
    let text = |example: &Value, what: &str| example[what].as_str().unwrap().to_owned();
    assert_eq!(examples.len(), 3);
    assert_eq!(text(of("lost"), "key"), format!("{id}, 1"));
    assert!(text(of("lost"), "table").ends_with(".public.order_items"));
    assert_eq!(text(of("wrong"), "key"), id);
    assert!(text(of("wrong"), "seen").contains("channel=pigeon"));
    assert!(!text(of("wrong"), "expected").contains("pigeon"));
    assert_eq!(text(of("phantom"), "key"), "900000001");
}

/// What a run, or `verify`, has counted of what was observed.
fn counts(verification: &Value) -> Vec<u64> {
    let names =
        ["expected", "observed", "lost", "doubled", "reordered", "wrong", "phantom", "pending"];
    names
        .map(|name| verification[name].as_u64().unwrap_or_else(|| panic!("{verification}")))
        .to_vec()
}

#[test]
fn what_was_observed_is_judged_again_as_it_was_in_the_run() {
    let meddling = [
        "UPDATE products SET price = price + 1 WHERE id = 1; \
         INSERT INTO customers VALUES (900000001, 'x', 'x', NULL, now()); \
         DELETE FROM customers WHERE id = 900000001; \
         CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN NEW.channel := 'pigeon'; RETURN NEW; END $$; \
         CREATE TRIGGER meddle BEFORE INSERT ON orders FOR EACH ROW \
         EXECUTE FUNCTION meddle(); SELECT pg_sleep(0.3); DROP TRIGGER meddle ON orders",
        "ALTER PUBLICATION debezium DROP TABLE order_items",
    ];
    for sql in meddling {
        let place = place(TestServer::shared());
        let child = place.spawn(&["run", "@cdc-lag", "--for", "4s", "--out", "run"]);
        wait_for("its trace", || fs::metadata(trace(&place)).is_ok_and(|it| it.len() > 5_000));
        assert_eq!(place.psql("orders", sql).code, 0);
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(99));
        let in_run = place.summary("run")["verification"].clone();
        let (code, said) = judged(&place);
        assert_eq!(code, 99, "{said:#}");
        assert_eq!(counts(&said["verification"]), counts(&in_run), "{sql}");
        let classes = |verification: &Value| {
            let examples = verification["examples"].as_array().unwrap().iter();
            let mut all: Vec<_> = examples
                .map(|it| {
                    (it["class"].to_string(), it["table"].to_string(), it["operation"].to_string())
                })
                .collect();
            all.sort();
            all.dedup();
            all
        };
        assert_eq!(classes(&said["verification"]), classes(&in_run), "{sql}");
    }
}

#[test]
fn what_was_observed_outlives_the_server() {
    let place = Place::on(TestServer::shared(), &[]);
    let on_its_own = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env_remove("LOADGEN_POSTGRES").output().unwrap()
    };
    let rows = ["--set", ROWS, "--set", "thresholds=[]"];
    let run = [&["run", "@cdc-lag", "--for", "2s", "--out", "run"], &rows[..]].concat();
    let done = on_its_own(&run);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let done = on_its_own(&["verify", "run"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("databases are gone") && said.contains("none lost"), "{said}");
    fs::remove_file(place.folder.path().join("run/observed-0001.bin")).unwrap();
    let done = on_its_own(&["verify", "run"]);
    assert_eq!(done.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&done.stderr).contains("embedded"), "it has gone with its run");
}

/// Long afterwards, elsewhere: nobody answers there any more, or nobody may be asked.
#[test]
fn what_was_observed_is_judged_without_asking_a_server() {
    let server = TestServer::start();
    let place = Place::on(&server, &["orders"]);
    let rows = ["--set", ROWS, "--set", "thresholds=[]"];
    place.must(&[&["run", "@cdc-lag", "--for", "2s", "--out", "run"], &rows[..]].concat());
    server.stop();
    let done = place.run(&["verify", "run"]);
    assert!(done.code == 4 && done.err.contains("cannot reach"), "{} {}", done.code, done.err);
    let done = place.run(&["verify", "run", "--offline"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let asked = "no server is asked (`--offline`): only what was observed is judged";
    assert!(done.out.contains(asked) && done.out.contains("none lost"), "{}", done.out);
    fs::remove_file(place.folder.path().join("run/observed-0001.bin")).unwrap();
    let done = place.run(&["verify", "run", "--offline"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    let why = "`observed-0001.bin` is missing, and no server is asked";
    assert!(done.err.contains(why), "{}", done.err);
}

/// A server that was embedded has gone with its run; what stands elsewhere is judged all the same.
#[test]
fn what_stands_is_judged_though_another_server_is_gone() {
    let place = Place::on(TestServer::shared(), &["orders"]);
    let lag = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/cdc-lag.yaml"));
    let lag = lag.unwrap();
    let beside = lag
        .replace("targets:\n", "targets:\n  beside: { postgres: { url: embedded } }\n")
        .replace("domains:\n", "domains:\n  type_zoo: { on: beside, rows: { specimens: 10 } }\n");
    let file = place.folder.path().join("beside.yaml").display().to_string();
    fs::write(&file, beside).unwrap();
    let rows = ["--set", ROWS, "--set", "thresholds=[]"];
    place.must(&[&["run", &file, "--for", "1s", "--out", "run"], &rows[..]].concat());
    let done = place.run(&["verify", "run"]);
    assert_eq!(done.code, 6, "{}{}", done.out, done.err);
    let why = "the databases of `beside` are gone, and nothing was observed there";
    assert!(
        done.out.contains(why) && done.out.contains("rows, as the ledger says"),
        "{}",
        done.out
    );
    place.query("orders", "UPDATE products SET price = price + 1 WHERE id = 7");
    let (code, said) = judged(&place);
    assert_eq!((code, sum(&said, "wrong")), (99, 1), "{said:#}");
}

/// Values of every type, updates that depend on what stood there, rows that all lanes add to, actions over
/// several databases, rows that are inserted many at a time, and sessions.
#[test]
fn whatever_is_sent_is_found_to_be_as_it_was_sent() {
    let zoo = scenario("zoo.yaml");
    let across = scenario("across.yaml");
    let batches = scenario("batches.yaml");
    let sessions = scenario("sessions.yaml");
    let cases: [(&str, &[&str], &str); 7] = [
        (&zoo, &["zoo"], "1m"),
        (&across, &["members", "visits", "opinions"], "2s"),
        (&batches, &["batches"], "1s"),
        (&sessions, &["life"], "3s"),
        ("@type-zoo", &["type_zoo"], "2s"),
        ("@orders-contention", &["stock"], "2s"),
        ("@yelp-small", &["user", "business", "checkin", "evaluations"], "2s"),
    ];
    for (file, domains, length) in cases {
        let mut place = Place::new(domains);
        for set in ["thresholds=[]", "load.warmup=0s"] {
            place.set(set);
        }
        // Rows without a key are seen by no slot that finds them again.
        let is_observed = ![&zoo, &batches].iter().any(|it| it.as_str() == file);
        if is_observed {
            place.set("observe={ changes: { slot: { on: operational } } }");
        }
        place.must(&["run", file, "--trace", "--for", length, "--out", "run"]);
        let (code, said) = judged(&place);
        assert_eq!(code, 0, "{file}: {said:#}");
        if is_observed {
            let in_run = place.summary("run")["verification"].clone();
            assert_eq!(counts(&said["verification"]), counts(&in_run), "{file}");
        }
        assert_eq!((said["untold"].as_u64(), sum(&said, "unjudged")), (Some(0), 0), "{file}");
        let alive = place.summary("run")["tables"].as_array().unwrap().clone();
        let alive: u64 = alive.iter().map(|table| table["alive"].as_u64().unwrap()).sum();
        assert_eq!(sum(&said, "found"), alive, "{file}");
    }
}

#[test]
fn what_was_added_to_a_shared_row_is_summed_up_over_all_lanes() {
    let mut place = Place::new(&["stock"]);
    place.set("thresholds=[]");
    place.set("load.warmup=0s");
    place.must(&["run", "@orders-contention", "--trace", "--for", "2s", "--out", "run"]);
    assert_holds(&place);
    let column = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = \
                  'public' AND data_type IN ('integer', 'bigint') AND table_name IN \
                  (SELECT relname FROM pg_stat_user_tables WHERE n_tup_upd > 10) \
                  AND column_name NOT LIKE '%id' ORDER BY 1, 2 LIMIT 1";
    let named = place.query("stock", column).concat();
    let [table, column] = named.as_slice() else { panic!("{named:?}") };
    let sql = format!(
        "UPDATE {table} SET {column} = {column} + 1 WHERE ctid = (SELECT min(ctid) FROM {table})"
    );
    assert_eq!(place.psql("stock", &sql).code, 0);
    let (code, said) = judged(&place);
    assert_eq!((code, sum(&said, "wrong"), sum(&said, "lost")), (99, 1, 0), "{said:#}");
}

#[test]
fn a_trace_that_is_not_whole_proves_nothing_and_accuses_nobody() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "2s", "--out", "run"]);
    let whole = fs::read(trace(&place)).unwrap();
    // A byte of a block in the middle is another.
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    fs::write(trace(&place), &damaged).unwrap();
    let (code, said) = judged(&place);
    assert_eq!((code, said["verdict"].as_str()), (6, Some("invalid")), "{said:#}");
    assert!(said["invalid_because"].to_string().contains("damaged"), "{said:#}");
    assert!(said["untold"].as_u64().unwrap() > 0, "{said:#}");
    // The second half is missing.
    OpenOptions::new().write(true).open(trace(&place)).unwrap().set_len(middle as u64).unwrap();
    let (code, said) = judged(&place);
    assert_eq!((code, sum(&said, "lost") + sum(&said, "phantom")), (6, 0), "{said:#}");
    // What the rest of it proves is proved all the same.
    place.query("orders", "UPDATE products SET price = price + 1 WHERE id = 7");
    let (code, said) = judged(&place);
    assert_eq!((code, sum(&said, "wrong")), (99, 1), "{said:#}");
    fs::remove_file(trace(&place)).unwrap();
    let done = place.run(&["verify", "run"]);
    assert_eq!(done.code, 4);
    assert!(done.err.contains("no trace") && done.err.contains("--trace"), "{}", done.err);
}

/// Whether the databases are there or not: what is cut off, at whichever place, proves nothing.
#[test]
fn files_that_are_cut_off_or_missing_prove_nothing_and_accuse_nobody() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "2s", "--out", "run"]);
    let on_its_own = || {
        let mut command = place.command(&["verify", "run", "--format", "json"]);
        let done = command.env_remove("LOADGEN_POSTGRES").output().unwrap();
        let said: Value = serde_json::from_slice(&done.stdout).unwrap();
        (done.status.code().unwrap(), said)
    };
    assert_eq!((judged(&place).0, on_its_own().0), (0, 0));
    let observed = place.folder.path().join("run/observed-0001.bin");
    // Blocks are some kilobytes long at most, and their heads 32 bytes.
    let whole = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let cases = [
        (&observed, Some(100), "`changes`"),
        (&observed, Some(32), "`changes`"),
        (&observed, Some(0), "`changes`"),
        (&observed, Some(whole(&observed) - 30), "`changes`"),
        (&observed, None, "is missing"),
        (&trace(&place), Some(whole(&trace(&place)) - 30), "cut off"),
        (&trace(&place), Some(32), "does not tell"),
        (&trace(&place), Some(0), "cut off"),
    ];
    for (path, length, reason) in cases {
        let kept = fs::read(path).unwrap();
        match length {
            Some(length) => fs::write(path, &kept[..usize::try_from(length).unwrap()]).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let mut judged = vec![judged(&place)];
        // Without a server nothing is left to be judged then.
        judged.extend(length.map(|_| on_its_own()));
        for (code, said) in judged {
            assert_eq!((code, &said["verdict"]), (6, &"invalid".into()), "{path:?}: {said:#}");
            let reasons = said["invalid_because"].to_string();
            assert!(reasons.contains(reason), "{path:?}, {length:?}: {reasons}");
        }
        fs::write(path, kept).unwrap();
    }
    assert_eq!((judged(&place).0, on_its_own().0), (0, 0));
}

/// What is there twice must not be counted twice.
#[test]
fn a_copy_of_a_file_beside_itself_is_refused() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "2s", "--out", "run"]);
    let before = assert_holds(&place);
    for stem in ["trace", "observed"] {
        let path = |number: u32| place.folder.path().join(format!("run/{stem}-{number:04}.bin"));
        for copied in [fs::copy as fn(PathBuf, PathBuf) -> std::io::Result<u64>, without_its_end] {
            copied(path(1), path(2)).unwrap();
            let done = place.run(&["verify", "run", "--format", "json"]);
            assert_eq!(done.code, 4, "{}{}", done.out, done.err);
            let told = format!("`{stem}-0002.bin` is a copy of `{stem}-0001.bin`");
            assert!(done.err.contains(&told) && done.err.contains("remove it"), "{}", done.err);
            fs::remove_file(path(2)).unwrap();
        }
    }
    assert_eq!(assert_holds(&place), before);
}

/// Of the same scenario: the same tables, the same lanes, the same rows.
#[test]
fn a_file_of_another_run_is_refused() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "1s", "--out", "other"]);
    place.must(&["run", "@cdc-lag", "--fresh", "--for", "1s", "--out", "run"]);
    let before = assert_holds(&place);
    for name in ["trace-0001.bin", "observed-0001.bin"] {
        let path = |run: &str| place.folder.path().join(run).join(name);
        let own = fs::read(path("run")).unwrap();
        fs::copy(path("other"), path("run")).unwrap();
        let done = place.run(&["verify", "run", "--format", "json"]);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        let told = format!("`{name}` was written by another run");
        assert!(done.err.contains(&told) && done.err.contains("put back"), "{}", done.err);
        fs::write(path("run"), own).unwrap();
    }
    assert_eq!(assert_holds(&place), before);
}

/// A copy of which the last block is not whole.
fn without_its_end(from: PathBuf, to: PathBuf) -> std::io::Result<u64> {
    let bytes = fs::read(from)?;
    fs::write(to, &bytes[..bytes.len() - 10]).map(|()| bytes.len() as u64)
}

/// What stands there by then is not what the run has left: nobody is accused of that.
#[test]
fn rows_of_another_run_are_not_judged_and_what_was_observed_is() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "2s", "--out", "run"]);
    let before = assert_holds(&place);
    let meanwhile: [(&[&str], &str); 3] = [
        (&["run", "@cdc-lag", "--fresh", "--for", "1s", "--out", "other"], "what the run `"),
        (&["seed", "@cdc-lag", "--fresh"], "made anew"),
        (&["clean", "@cdc-lag"], "is gone"),
    ];
    for (arguments, why) in meanwhile {
        place.must(arguments);
        let said = assert_holds(&place);
        assert_eq!(said["tables"].as_array().unwrap().len(), 0, "{said:#}");
        assert!(said["not_judged"].to_string().contains(why), "{said:#}");
        assert_eq!(said["verification"], before["verification"]);
        let told = place.must(&["verify", "run"]);
        assert!(
            told.out.contains(why) && told.out.contains("only what was observed"),
            "{}",
            told.out
        );
    }
    fs::remove_file(place.folder.path().join("run/observed-0001.bin")).unwrap();
    let done = place.run(&["verify", "run"]);
    assert_eq!(done.code, 4, "{}", done.out);
    assert!(done.err.contains("is gone"), "{}", done.err);
}

/// A file that another run has written, or somebody else.
#[test]
fn an_account_of_lanes_that_are_not_there_is_refused() {
    let place = place(TestServer::shared());
    place.must(&["run", "@cdc-lag", "--for", "2s", "--out", "run"]);
    let path = place.folder.path().join("run/account.json");
    let account: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for (word, number) in [("group", 99), ("lane", 70_000)] {
        let mut altered = account.clone();
        altered["lanes"][0][word] = number.into();
        fs::write(&path, altered.to_string()).unwrap();
        let done = place.run(&["verify", "run"]);
        assert_eq!(done.code, 4, "{word}: {}{}", done.out, done.err);
        assert!(done.err.contains("which the scenario does not have"), "{}", done.err);
    }
}

#[test]
fn a_run_that_was_killed_before_its_load_says_so() {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 100k, orders: 2M }");
    let mut child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    let manifest = place.folder.path().join("run/manifest.json");
    wait_for("its manifest", || {
        let text = fs::read_to_string(&manifest).unwrap_or_default();
        serde_json::from_str::<Value>(&text).is_ok()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let done = place.run(&["verify", "run"]);
    assert_eq!(done.code, 4, "{}", done.out);
    assert!(done.err.contains("before its load began"), "{}", done.err);
}

#[test]
fn a_killed_run_is_judged_up_to_where_it_got() {
    let place = place(TestServer::shared());
    let mut child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for("its trace", || fs::metadata(trace(&place)).is_ok_and(|it| it.len() > 20_000));
    let done = place.run(&["verify", "run"]);
    assert_eq!(done.code, 4, "{}", done.out);
    assert!(done.err.contains("still going on"), "{}", done.err);
    child.kill().unwrap();
    child.wait().unwrap();
    let of_run = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'loadgen/cdc-lag%' \
                  AND datname = current_database()";
    wait_for("its sessions to end", || place.number("orders", of_run) == 0);
    let said = assert_holds(&place);
    assert_eq!(said["was_killed"].as_bool(), Some(true));
    assert!(said["transactions"].as_u64().unwrap() > 500, "{said:#}");
    let untold = said["untold"].as_u64().unwrap();
    assert!(untold < 1_000, "{untold} are not in the trace");
    place.query(
        "orders",
        "DELETE FROM order_items WHERE ctid = (SELECT min(ctid) FROM order_items)",
    );
    let (code, said) = judged(&place);
    assert_eq!((code, sum(&said, "lost")), (99, 1), "{said:#}");
}

#[test]
fn a_run_that_was_killed_before_most_had_come_proves_nothing() {
    let place = place(TestServer::shared());
    let mut child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for("its trace", || fs::metadata(trace(&place)).is_ok_and(|it| it.len() > 20_000));
    child.kill().unwrap();
    child.wait().unwrap();
    // As if that had been sooner.
    let observed = place.folder.path().join("run/observed-0001.bin");
    let all = fs::read(&observed).unwrap();
    fs::write(&observed, &all[..all.len() / 8]).unwrap();
    let done = place.run(&["verify", "run", "--offline"]);
    assert_eq!(done.code, 6, "{}{}", done.out, done.err);
    assert!(done.out.contains("as the run was killed: most is not judged"), "{}", done.out);
}

/// A slot hands over what was committed in its order: what is missing before something that came is not under
/// way.
#[test]
fn what_was_lost_before_a_run_was_killed_is_not_taken_for_what_was_under_way() {
    let place = place(TestServer::shared());
    let mut child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for("its trace", || fs::metadata(trace(&place)).is_ok_and(|it| it.len() > 10_000));
    let meddle = "ALTER PUBLICATION debezium DROP TABLE order_items; SELECT pg_sleep(1); \
                  ALTER PUBLICATION debezium ADD TABLE order_items";
    assert_eq!(place.psql("orders", meddle).code, 0);
    std::thread::sleep(Duration::from_secs(3));
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, said) = judged(&place);
    assert_eq!((code, said["was_killed"].as_bool()), (99, Some(true)), "{said:#}");
    let verification = &said["verification"];
    assert!(verification["lost"].as_u64() > Some(10), "{verification}");
    let examples = verification["examples"].as_array().unwrap();
    let lost = examples.iter().filter(|it| it["class"] == "lost");
    assert!(lost.clone().count() > 0, "{verification}");
    assert!(lost.into_iter().all(|it| it["table"].to_string().contains("order_items")));
}

#[test]
fn a_server_that_was_killed_leaves_nothing_untold() {
    let server = TestServer::start();
    let place = place(&server);
    let child = place.spawn(&["run", "@cdc-lag", "--for", "4s", "--out", "run"]);
    wait_for("its trace", || fs::metadata(trace(&place)).is_ok_and(|it| it.len() > 10_000));
    server.kill_hard();
    std::thread::sleep(Duration::from_millis(300));
    server.start_again();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(assert_holds(&place)["untold"], 0);
}

#[test]
fn what_cannot_be_judged_again_is_refused_with_the_reason() {
    let place = place(TestServer::shared());
    let done = place.run(&["verify", "nowhere"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("no folder of a run"), "{}", done.err);
    place.must(&["run", "@cdc-lag", "--for", "1s", "--out", "run"]);
    let done = place.run(&["verify", "run", "--set", "lanes=32"]);
    assert_eq!(done.code, 4, "{}", done.out);
    assert!(done.err.contains("not what it was in the run"), "{}", done.err);
}
