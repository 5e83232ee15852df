//! Rows and events in files: the real command line, files that a real PostgreSQL runs, and counts that agree.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::command::loadgen;
use crate::support::machine::psql;
use crate::support::server::TestServer;

/// A shop in which everything happens that can, but no more than so many times.
fn orders(lines: &str) -> Vec<String> {
    let actions =
        ["new_customer", "place_order", "pay", "ship", "cancel", "correct_value", "delete_order"];
    let mix: Vec<_> = actions.iter().map(|name| format!("orders.{name}: 3")).collect();
    let mix = format!("{{ {}, orders.close_customer: 1 }}", mix.join(", "));
    vec![
        format!("targets.operational={{ lines: {{ {lines} }} }}"),
        "start=2026-01-01T00:00:00Z".to_owned(),
        "thresholds=[]".to_owned(),
        "validity=off".to_owned(),
        "load.warmup=0s".to_owned(),
        "domains.orders.rows={ products: 50, customers: 300, orders: 1000 }".to_owned(),
        format!(
            "load.streams={{ shop: {{ mix: {mix}, profile: [ {{ unlimited: true }} ], limit: {{ ops: 6000 }} }} }}"
        ),
    ]
}

/// Runs a command on a scenario with parts of it replaced.
fn run(folder: &Path, arguments: &[&str], sets: &[String]) -> Done {
    let mut command = loadgen(folder);
    command.args(arguments);
    for set in sets {
        command.arg("--set").arg(set);
    }
    Done::from(command.output().unwrap())
}

fn must(folder: &Path, arguments: &[&str], sets: &[String]) -> Done {
    let done = run(folder, arguments, sets);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    done
}

const RUN: &[&str] = &["run", "@quickstart", "--out", "run"];

fn summary(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("run/summary.json")).unwrap()).unwrap()
}

/// What a summary says of a table.
fn counts(summary: &Value, table: &str) -> BTreeMap<String, u64> {
    let name = format!("public.{table}");
    let tables = summary["tables"].as_array().unwrap();
    let table = tables.iter().find(|it| it["table"] == name.as_str()).unwrap();
    let number = |(name, value): (&String, &Value)| Some((name.clone(), value.as_u64()?));
    table.as_object().unwrap().iter().filter_map(number).collect()
}

fn folder() -> TempDir {
    TempDir::with_prefix("loadgen-lines-").unwrap()
}

/// The files of a folder whose names begin so, in order.
fn files(folder: &Path, prefix: &str) -> Vec<String> {
    let names =
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// Runs a file in a database of its own, whose name is returned.
fn run_file(path: &Path) -> String {
    let server = TestServer::shared();
    let database = server.fresh_database();
    let mut command = psql(&server.url_of(&database));
    let done = Done::from(command.arg("-f").arg(path).output().unwrap());
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    database
}

/// The rows of some tables, each in one hash.
fn content(database: &str, tables: &[&str]) -> Vec<String> {
    let hash = |table: &&str| {
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(h, '' ORDER BY h)), '') \
             FROM (SELECT md5(t::text) AS h FROM {table} t) rows"
        );
        TestServer::shared().query(database, &sql)[0][0].clone()
    };
    tables.iter().map(hash).collect()
}

/// Statements from a file leave the rows that the load itself leaves on a server, and as many as are counted.
#[test]
fn a_script_leaves_what_the_run_would_have_left() {
    let tables = ["products", "customers", "orders", "order_items"];
    let folder = folder();
    must(folder.path(), RUN, &orders("to: \"out/{domain}.sql\", format: sql"));
    let database = run_file(&folder.path().join("out/orders.sql"));
    let summary = summary(folder.path());
    for table in tables {
        let found = TestServer::shared().query(&database, &format!("SELECT count(*) FROM {table}"));
        let counts = counts(&summary, table);
        assert_eq!(found[0][0], counts["alive"].to_string(), "{table}");
        assert!(table == "products" || counts["deleted"] > 0, "{counts:?}");
    }
    // What is inserted by hand gets keys of its own.
    let sql =
        "INSERT INTO customers (name, email, created_at) VALUES ('a', 'b', now()) RETURNING 1";
    let sql = format!("BEGIN; {sql}; ROLLBACK");
    let mut command = psql(&TestServer::shared().url_of(&database));
    assert!(command.args(["-c", &sql]).output().unwrap().status.success());

    let mut place = Place::new(&["orders"]);
    orders("to: x").iter().skip(1).for_each(|set| place.set(set));
    place.must(RUN);
    assert_eq!(content(&database, &tables), content(&place.database("orders"), &tables));
}

/// Also where one file follows the other, compressed.
#[test]
fn scripts_that_follow_each_other_are_one() {
    let folder = folder();
    let to = "to: \"out/{domain}.sql\", format: sql, rotate: 64KiB, compress: gzip";
    must(folder.path(), RUN, &orders(to));
    let all = files(&folder.path().join("out"), "orders");
    assert!(all.len() > 2, "{all:?}");
    assert_eq!(all[0], "orders.00001.sql.gz");
    let mut text = String::new();
    for name in &all {
        let file = fs::File::open(folder.path().join("out").join(name)).unwrap();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    }
    fs::write(folder.path().join("whole.sql"), text).unwrap();
    let database = run_file(&folder.path().join("whole.sql"));
    let found = TestServer::shared().query(&database, "SELECT count(*) FROM order_items");
    let alive = counts(&summary(folder.path()), "order_items")["alive"];
    assert_eq!(found[0][0], alive.to_string());
}

/// Each type of column, and each way of changing one.
#[test]
fn every_type_survives_a_script() {
    let folder = folder();
    let sets = vec![
        "targets.operational={ lines: { to: \"{domain}.sql\", format: sql } }".to_owned(),
        "validity=off".to_owned(),
        "thresholds=[]".to_owned(),
    ];
    let seeding = ["seed", "@type-zoo", "--out", "run"];
    must(folder.path(), &seeding, &sets);
    let database = run_file(&folder.path().join("type_zoo.sql"));
    let place = Place::new(&["type_zoo"]);
    place.must(&["seed", "@type-zoo"]);
    let tables = ["specimens", "groups", "bookings"];
    assert_eq!(content(&database, &tables), content(&place.database("type_zoo"), &tables));

    let mut place = Place::new(&["zoo"]);
    let zoo = crate::support::command::scenario("zoo.yaml");
    sets.iter().skip(1).for_each(|set| place.set(set));
    let running = ["run", &zoo, "--out", "zoo"];
    place.must(&running);
    must(folder.path(), &running, &sets);
    let database = run_file(&folder.path().join("zoo.sql"));
    for (table, hash) in place.content("zoo") {
        assert_eq!(content(&database, &[&table]), [hash], "{table}");
    }
}

/// Each line says what was done to which row, in the order of the row; any number of workers writes the same.
#[test]
fn objects_tell_each_change_in_its_order() {
    let folder = folder();
    let sets = orders("to: \"{domain}.{table}.jsonl\"");
    must(folder.path(), &[RUN, &["--workers", "4"]].concat(), &sets);
    let summary = summary(folder.path());
    let mut all = Vec::new();
    for table in ["products", "customers", "orders", "order_items"] {
        let mut ops: BTreeMap<String, u64> = BTreeMap::new();
        let mut alive: BTreeSet<String> = BTreeSet::new();
        for line in lines(&folder.path().join(format!("orders.{table}.jsonl"))) {
            let object: Value = serde_json::from_str(&line).unwrap();
            let (op, key) = (object["op"].as_str().unwrap(), object["key"].to_string());
            assert_eq!(object["table"], format!("orders.{table}"));
            assert_eq!(object["action"].is_null(), op == "seed", "{line}");
            assert_eq!(object["at"].is_null(), op == "seed", "{line}");
            *ops.entry(op.to_owned()).or_default() += object["rows"].as_u64().unwrap_or(1);
            if table == "order_items" && op == "delete" {
                // They go by their order.
                let before = alive.len();
                let order = format!("{{\"order_id\":{},", object["key"]["order_id"]);
                alive.retain(|key| !key.starts_with(&order));
                assert_eq!((before - alive.len()) as u64, object["rows"].as_u64().unwrap_or(1));
            } else {
                let is_right = match op {
                    "seed" | "insert" => alive.insert(key),
                    "update" => alive.contains(&key),
                    _ => alive.remove(&key),
                };
                assert!(is_right, "{line}");
            }
            if op == "update" {
                assert!(object["values"]["updated_at"].is_string(), "{line}");
            }
            all.push(line);
        }
        let counts = counts(&summary, table);
        for (op, count) in [
            ("seed", "seeded"),
            ("insert", "inserted"),
            ("update", "updated"),
            ("delete", "deleted"),
        ] {
            assert_eq!(ops.get(op).copied().unwrap_or(0), counts[count], "{table} {op}");
        }
        assert_eq!(alive.len() as u64, counts["alive"], "{table}");
    }
    let changed = all.iter().find(|line| line.contains("\"changes\"")).unwrap();
    assert!(changed.contains("\"changes\":{\"shipping\":{\"add\":0.5"), "{changed}");
    all.sort();

    let one = self::folder();
    must(one.path(), &[RUN, &["--workers", "1"]].concat(), &orders("to: all.jsonl"));
    let mut together = lines(&one.path().join("all.jsonl"));
    together.sort();
    assert!(all == together, "{} lines and {}", all.len(), together.len());
}

/// A value that is nothing, and one that is empty, are told apart.
#[test]
fn values_between_commas() {
    let folder = folder();
    must(folder.path(), RUN, &orders("to: \"{table}.csv\", format: csv, rotate: 64kB"));
    let summary = summary(folder.path());
    for table in ["products", "customers", "orders", "order_items"] {
        let mut ops: BTreeMap<String, u64> = BTreeMap::new();
        let names = files(folder.path(), &format!("{table}.0"));
        for name in &names {
            assert!(fs::metadata(folder.path().join(name)).unwrap().len() <= 64 << 10, "{name}");
            let all = lines(&folder.path().join(name));
            assert!(all[0].starts_with("op,action,at,changed,"), "{}", all[0]);
            for line in &all[1..] {
                assert_eq!(line.matches(',').count(), all[0].matches(',').count(), "{line}");
                *ops.entry(line.split(',').next().unwrap().to_owned()).or_default() += 1;
            }
        }
        assert!(names.len() > 1 || table != "orders", "{names:?}");
        let counts = counts(&summary, table);
        assert_eq!(ops.get("seed"), Some(&counts["seeded"]), "{table}");
        assert_eq!(ops.get("update").copied().unwrap_or(0), counts["updated"], "{table}");
    }
    let all = files(folder.path(), "orders.0");
    let all = all.iter().flat_map(|name| lines(&folder.path().join(name)));
    let update = { all }.find(|line| line.contains("shipping:add")).unwrap();
    assert!(update.contains(",updated_at shipping:add,"), "{update}");
    let database = TestServer::shared().fresh_database();
    let mut command = psql(&TestServer::shared().url_of(&database));
    let path = folder.path().join("customers.00001.csv");
    let sql = format!(
        "CREATE TABLE c (op text, action text, at timestamptz, changed text, id bigint, name text, \
         email text, phone text, created_at timestamptz);\n\\copy c from '{}' (format csv, header)\n\
         SELECT count(*) FILTER (WHERE phone IS NULL AND op = 'seed') BETWEEN 30 AND 90 FROM c;\n",
        path.display()
    );
    fs::write(folder.path().join("copy.sql"), sql).unwrap();
    command.args(["-A", "-t", "-f"]).arg(folder.path().join("copy.sql"));
    let done = Done::from(command.output().unwrap());
    assert_eq!((done.code, done.out.trim()), (0, "t"), "{}", done.err);
}

/// Nothing is overwritten that loadgen has not written, and what it has only if one says so.
#[test]
fn files_that_are_there_stay() {
    let folder = folder();
    let sets = orders("to: \"out/{table}.jsonl\"");
    must(folder.path(), RUN, &sets);
    let orders = folder.path().join("out/orders.jsonl");
    let before = fs::read(&orders).unwrap();
    let refused = run(folder.path(), RUN, &sets);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(
        refused.err.contains("is there already with 3 more, from an earlier run"),
        "{}",
        refused.err
    );
    assert_eq!(fs::read(&orders).unwrap(), before);
    must(folder.path(), &[RUN, &["--fresh", "--seed", "7"]].concat(), &sets);
    assert_ne!(fs::read(&orders).unwrap(), before);

    let foreign = folder.path().join("out/products.00007.jsonl");
    fs::write(&foreign, "mine\n").unwrap();
    let refused = run(folder.path(), &[RUN, &["--fresh"]].concat(), &sets);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("loadgen did not write it"), "{}", refused.err);
    let cleaned = run(folder.path(), &["clean", "@quickstart"], &sets);
    assert_eq!(cleaned.code, 4, "{}{}", cleaned.out, cleaned.err);
    assert!(cleaned.out.contains("removed file `out/orders.jsonl`"), "{}", cleaned.out);
    assert!(cleaned.err.contains("kept `out/products.00007.jsonl`"), "{}", cleaned.err);
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "mine\n");
    fs::remove_file(foreign).unwrap();
    assert_eq!(files(&folder.path().join("out"), ""), Vec::<String>::new());
    let cleaned = must(folder.path(), &["clean", "@quickstart"], &sets);
    assert_eq!(cleaned.out, "nothing to clean\n");
}

/// Standard output is the rows' alone.
#[test]
fn standard_output_holds_lines_only() {
    let folder = folder();
    let done = must(folder.path(), RUN, &orders("to: stdout"));
    let all: Vec<Value> = done.out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let summary = summary(folder.path());
    let seeded = all.iter().filter(|it| it["op"] == "seed").count() as u64;
    let tables = summary["tables"].as_array().unwrap();
    assert_eq!(seeded, tables.iter().map(|it| it["seeded"].as_u64().unwrap()).sum::<u64>());
    assert!(done.err.contains("passed"), "{}", done.err);

    // A reader that has enough ends it.
    let mut command = loadgen(folder.path());
    command.args([
        "run",
        "@quickstart",
        "--out",
        "other",
        "--set",
        "load.streams.shop.profile=[{ hold: 500/s, for: 5m }]",
    ]);
    for set in orders("to: stdout").iter().filter(|set| !set.starts_with("load.streams")) {
        command.arg("--set").arg(set);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut some = vec![0; 100_000];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let done = child.wait_with_output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert!([Some(4), Some(5)].contains(&done.status.code()), "{err}");
    assert!(err.contains("`standard output` could not be written: Broken pipe"), "{err}");
}

/// What cannot be written is no success: not at the start, not while rows are seeded, not later.
#[test]
fn a_full_disk_is_said() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = run(folder.path(), RUN, &orders("to: \"file/{table}.jsonl\""));
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("file/"), "{}", refused.err);
    assert!(!folder.path().join("run").exists(), "nothing was begun");

    let refused = run(folder.path(), RUN, &orders("to: /dev/full"));
    assert_eq!(refused.code, 4, "{}{}", refused.out, refused.err);
    assert!(
        refused.err.contains("`/dev/full` could not be written: No space left"),
        "{}",
        refused.err
    );

    let mut sets = orders("to: /dev/full");
    sets[5] = "domains.orders.rows={}".to_owned();
    sets[6] = "load.streams.shop={ mix: { orders.new_customer: 1 }, profile: [ { hold: 500/s, for: 5m } ] }".to_owned();
    let stopped = run(folder.path(), &[RUN, &["--fresh"]].concat(), &sets);
    assert_eq!(stopped.code, 5, "{}{}", stopped.out, stopped.err);
    assert!(
        stopped.out.contains("`/dev/full` could not be written: No space left"),
        "{}",
        stopped.out
    );
    let summary = summary(folder.path());
    let stream = &summary["streams"][0];
    assert_eq!(stream["acknowledged"], 0, "{stream}");
    assert_eq!(stream["failed"], stream["sent"], "{stream}");
    assert!(stream["failed"].as_u64().unwrap() > 0);
    let counts = counts(&summary, "customers");
    assert_eq!((counts["inserted"], counts["alive"]), (0, 0));
}

/// What goes on elsewhere, or is done by several, is no matter of files.
#[test]
fn files_are_written_by_one_process_from_the_beginning() {
    let folder = folder();
    let sets = orders("to: \"out/{table}.jsonl\"");
    for arguments in [["--shard", "1/2"].as_slice(), &["--continue"]] {
        let refused = run(folder.path(), &[&["run", "@quickstart"], arguments].concat(), &sets);
        assert_eq!(refused.code, 4, "{}", refused.err);
        assert!(refused.err.contains("`operational` writes files"), "{}", refused.err);
    }
    let planned = must(folder.path(), &["plan", "@quickstart"], &sets);
    assert!(
        planned.out.contains("operational writes out/products.jsonl, out/customers.jsonl"),
        "{}",
        planned.out
    );
    assert!(!planned.out.contains("write-ahead log"), "{}", planned.out);
    must(folder.path(), &["setup", "@quickstart", "--out", "set"], &sets);
    assert!(!folder.path().join("out").exists(), "neither makes files");
    must(folder.path(), &["seed", "@quickstart", "--out", "seeded"], &sets);
    assert_eq!(lines(&folder.path().join("out/customers.jsonl")).len(), 300);
}

/// The shipped scenario: rows as a script and as CSV, and the events that are true to them.
#[test]
fn the_shipped_scenario_agrees_with_itself() {
    let folder = folder();
    let sets = ["thresholds=[]", "validity=off"].map(str::to_owned);
    must(folder.path(), &["run", "@files", "--out", "run", "--for", "11s"], &sets);
    let out = folder.path().join("files");
    let summary = summary(folder.path());
    let database = run_file(&out.join("shop.sql"));
    let orders = TestServer::shared().query(&database, "SELECT id::text FROM orders");
    let orders: BTreeSet<String> = orders.concat().into_iter().collect();
    let mut confirmed = BTreeSet::new();
    for event in summary["events"].as_array().unwrap() {
        let name = Path::new(event["destination"].as_str().unwrap()).file_name().unwrap();
        let stem = name.to_str().unwrap().strip_suffix(".jsonl.zst").unwrap();
        let mut count = 0;
        for name in files(&out, stem) {
            let text = zstd::decode_all(fs::File::open(out.join(name)).unwrap()).unwrap();
            for line in String::from_utf8(text).unwrap().lines() {
                let object: Value = serde_json::from_str(line).unwrap();
                count += 1;
                if stem == "confirmation" {
                    assert!(confirmed.insert(object["order_id"].as_str().unwrap().to_owned()));
                }
            }
        }
        assert_eq!(event["acknowledged"], count, "{event}");
        assert!(count > 0, "{event}");
    }
    assert_eq!(confirmed, orders, "each order is confirmed, and nothing else");
    assert!(files(&out, "page_view.").len() > 1, "{:?}", files(&out, ""));
}

/// Of rows that many slots bring together, each says whose it is.
#[test]
fn batches_tell_whose_each_row_is() {
    let folder = folder();
    let mut sets = orders("to: \"{table}.jsonl.gz\", compress: gzip");
    sets[6] = "load.streams={ many: { mix: { orders.new_customer: 1 }, profile: [ { unlimited: true } ], \
               limit: { ops: 2000 }, batch: { rows: 50 } } }"
        .to_owned();
    must(folder.path(), RUN, &sets);
    let file = fs::File::open(folder.path().join("customers.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let slots: BTreeSet<String> =
        rows.filter_map(|row| Some(row["action"].as_str()?.to_owned())).collect();
    let expected: BTreeSet<String> = (0..2000).map(|slot| format!("many/{slot}")).collect();
    assert_eq!(slots, expected);
}

/// Events that are wrong on purpose are so in files, too.
#[test]
fn faults_of_events_are_in_their_file() {
    let folder = folder();
    let sets = [
        "targets.clicks={ lines: { to: \"out/{event}.jsonl\" } }",
        "load.streams.sessions.profile=[{ hold: 150/s, for: 4s }]",
        "domains.web_events.faults={ doubled: 10%, malformed: 10%, late: { share: 10%, by: 1s } }",
        "thresholds=[]",
        "validity=off",
    ];
    must(folder.path(), &["run", "@dirty-events", "--out", "run"], &sets.map(str::to_owned));
    let events = &summary(folder.path())["events"][0];
    let path = folder.path().join(events["destination"].as_str().unwrap());
    let all = lines(&path);
    let is_whole = |line: &&String| serde_json::from_str::<Value>(line).is_ok();
    let malformed = all.len() - all.iter().filter(is_whole).count();
    assert_eq!(events["faults"]["malformed"], malformed);
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(events["faults"]["doubled"], all.len() - distinct.len());
    assert!(malformed > 0 && distinct.len() < all.len(), "{events}");
    assert_eq!(events["acknowledged"], all.len(), "{events}");
}
