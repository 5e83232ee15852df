//! Every type, every fill, every update: what the server holds is what we say we sent.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::scenario;

const TABLES: [&str; 5] = ["keepers", "cages", "animals", "animals_of", "feedings"];

/// Slots of the zoo's load.
const SLOTS: &str = "3000";

/// Rows go in as binary COPY; the sample is read by the server's own text parser.
#[test]
fn seeded_rows_are_those_of_the_sample() {
    let place = Place::new(&["zoo"]);
    place.must(&["seed", &scenario("zoo.yaml")]);
    for table in TABLES {
        let sample = ["sample", &scenario("zoo.yaml"), "--table", table, "-n", "100000"];
        let sample = place.must(&[&sample[..], &["--format", "csv"]].concat()).out;
        let (head, rows) = sample.split_once('\n').unwrap();
        assert_eq!(head, format!("# {table}"));
        let file = place.folder.path().join("sample.csv");
        std::fs::write(&file, rows).unwrap();
        let script = format!(
            "CREATE SCHEMA IF NOT EXISTS told; CREATE TABLE told.{table} (LIKE public.{table});\n\
             \\copy told.{table} FROM '{}' (FORMAT csv, HEADER)\n",
            file.display()
        );
        let copied = place.psql("zoo", &script);
        assert_eq!(copied.code, 0, "{}", copied.err);
        let differing = format!(
            "SELECT (SELECT count(*) FROM (TABLE public.{table} EXCEPT ALL TABLE told.{table}) x) \
                 + (SELECT count(*) FROM (TABLE told.{table} EXCEPT ALL TABLE public.{table}) x)"
        );
        assert_eq!(place.number("zoo", &differing), 0, "{table}");
        assert!(place.number("zoo", &format!("SELECT count(*) FROM {table}")) >= 40, "{table}");
    }
}

#[test]
fn null_rates_ranges_and_shares_are_kept() {
    let place = Place::new(&["zoo"]);
    place.must(&["seed", &scenario("zoo.yaml")]);
    let share = |what: &str| {
        let sql = format!("SELECT count(*) FILTER (WHERE {what}) * 1000 / count(*) FROM animals");
        place.number("zoo", &sql)
    };
    for (what, thousandths) in [
        ("tame IS NULL", 100),
        ("spoken IS NULL", 250),
        ("plain IS NULL", 500),
        ("label IS NULL", 400),
        ("later IS NULL", 1000),
        ("tame", 675),
        ("small < 0", 500),
        ("whole < 0", 500),
        ("large < 0", 500),
        ("about < 12", 480),
        ("single < 0", 500),
        ("double < 0.5", 500),
        ("money < 0", 500),
        ("digits < 0", 500),
        ("mixed < 3", 500),
        ("round = 0", 200),
        ("code = 'a'", 333),
        ("moment < '2026-01-01'", 500),
    ] {
        assert!(share(what).abs_diff(thousandths) <= 45, "{what}: {} of 1000", share(what));
    }
    let distinct = "SELECT count(DISTINCT large) FROM animals";
    assert!(place.number("zoo", distinct) >= 1999, "the whole range of a bigint is drawn from");
}

/// The samples' statements, sent as text by psql, do what a run does with parameters.
#[test]
fn sampled_statements_do_what_the_run_does() {
    let told = Place::new(&["zoo"]);
    told.must(&["seed", &scenario("zoo.yaml")]);
    let script = told.must(&["sample", &scenario("zoo.yaml"), "-n", SLOTS, "--format", "sql"]).out;
    let done = told.psql("zoo", &script);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let sent = Place::new(&["zoo"]);
    sent.must(&["run", &scenario("zoo.yaml"), "--out", "run"]);
    let summary = sent.summary("run");
    assert_eq!(
        (&summary["streams"][0]["failed"], &summary["streams"][0]["missed"]),
        (&0.into(), &0.into())
    );
    sent.assert_counted(&summary);
    assert_eq!(told.content("zoo"), sent.content("zoo"));
}

/// Steps of one action leave each other's rows alone: none refers to what another deletes, and
/// nothing is deleted twice.
#[test]
fn steps_of_an_action_do_not_get_in_each_others_way() {
    let place = Place::new(&["tangled"]);
    place.must(&["run", &scenario("tangled.yaml"), "--out", "run"]);
    let summary = place.summary("run");
    let stream = &summary["streams"][0];
    let count = |name: &str| stream[name].as_u64().unwrap();
    assert_eq!((count("failed"), count("unknown"), count("missed")), (0, 0, 0), "{stream}");
    assert_eq!(count("scheduled"), 3000);
    assert!(count("skipped") < 600, "{stream}");
    place.assert_counted(&summary);
}

/// Folds the sampled changes of `animals_of` by the rules as documented, and compares.
#[test]
fn updates_that_depend_on_the_old_row_are_what_they_say() {
    let place = Place::new(&["zoo"]);
    place.must(&["run", &scenario("zoo.yaml")]);
    let mut rows: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
    let seeded = ["sample", &scenario("zoo.yaml"), "--table", "animals_of", "-n", "100000"];
    for row in place.must(&seeded).out.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        rows.insert(row["id"].as_i64().unwrap(), texts(&row));
    }
    let mut folded = 0;
    for line in place.must(&["sample", &scenario("zoo.yaml"), "-n", SLOTS]).out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["table"] != "animals_of" {
            continue;
        }
        let id = line["values"]["id"].as_i64().unwrap();
        match (line["change"].as_str().unwrap(), line["action"].as_str().unwrap()) {
            ("insert", _) => assert!(rows.insert(id, texts(&line["values"])).is_none()),
            ("delete", _) => assert!(rows.remove(&id).is_some()),
            ("update", "zoo.fold") => {
                fold(rows.get_mut(&id).unwrap());
                folded += 1;
            }
            ("update", _) => {
                let row = rows.get_mut(&id).unwrap();
                let whole: i64 = row["whole"].parse().unwrap();
                row.insert("whole".to_owned(), (whole + 7).to_string());
                row.insert("note".to_owned(), "changed at birth".to_owned());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(folded > 1000, "{folded} only");
    let columns = [
        "id", "small", "whole", "large", "money", "fine", "tame", "text", "short", "padded",
        "turn", "count", "level", "part", "date", "badge", "open", "note",
    ];
    let list: Vec<_> = columns.iter().map(|column| format!("\"{column}\"::text")).collect();
    let sql = format!("SELECT {} FROM animals_of a ORDER BY a.id", list.join(", "));
    let expected: Vec<Vec<String>> = rows
        .values()
        .map(|row| columns.iter().map(|column| row[*column].clone()).collect())
        .collect();
    let found = place.query("zoo", &sql);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{columns:?}");
    }
}

/// The values of a row as the server prints them; NULL as an empty text.
fn texts(row: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        // Rounded to 24 bits, it has more digits than a `real` is printed with.
        Value::Number(number) if number.is_f64() => {
            let single: f32 = number.to_string().parse().unwrap();
            single.to_string()
        }
        other => other.to_string(),
    };
    row.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// What `fold` in the schema says.
fn fold(row: &mut BTreeMap<String, String>) {
    let mut change = |column: &str, rule: &dyn Fn(&str) -> String| {
        let old = &row[column];
        let new = rule(old);
        row.insert(column.to_owned(), new);
    };
    let add = |old: &str, more: i64| (old.parse::<i64>().unwrap() + more).to_string();
    change("small", &|old| add(old, 3));
    change("large", &|old| add(old, -7));
    change("whole", &|old| multiply(old, (-15, 1), 0));
    change("money", &|old| multiply(old, (1005, 3), 2));
    change("fine", &|old| multiply(old, (-333_333_333, 9), 9));
    let toggle = |old: &str| if old == "true" { "false" } else { "true" }.to_owned();
    change("tame", &toggle);
    change("text", &|old| format!("{old}é'\"\\"));
    change("short", &|old| format!("{old}🦁b").chars().take(9).collect());
    change("padded", &|old| format!("{old}yz").chars().take(5).collect());
    change("turn", &|old| next(old, &["one", "two", "o'3"]));
    change("count", &|old| next(old, &["-1", "0", "32768"]));
    change("level", &|old| next(old, &["1.5", "-2.5", "100.0"]));
    change("part", &|old| next(old, &["1.1", "-2.2", "3.3"]));
    change("date", &|old| next(old, &["1999-12-31", "2000-01-01"]));
    let badges = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
    change("badge", &|old| next(old, &badges));
    change("open", &toggle);
}

/// The value after the old one, the first after the last.
fn next(old: &str, list: &[&str]) -> String {
    let at = list.iter().position(|value| *value == old).unwrap();
    list[(at + 1) % list.len()].to_owned()
}

/// An exact number times another, rounded half away from zero.
fn multiply(old: &str, (factor, factor_scale): (i128, u32), scale: u32) -> String {
    let digits: i128 = old.replace('.', "").parse().unwrap();
    let product = digits * factor;
    let divisor = 10_i128.pow(factor_scale);
    let rounded = (product.abs() + divisor / 2) / divisor * product.signum();
    let (sign, all) = (if rounded < 0 { "-" } else { "" }, rounded.unsigned_abs());
    if scale == 0 {
        return format!("{sign}{all}");
    }
    let point = 10_u128.pow(scale);
    format!("{sign}{}.{:0width$}", all / point, all % point, width = scale as usize)
}

#[test]
fn numbers_stop_at_the_ends_of_their_columns() {
    let place = Place::new(&["ends"]);
    place.must(&["run", &scenario("ends.yaml"), "--out", "run"]);
    assert_eq!(place.summary("run")["streams"][0]["acknowledged"], 40);
    let sql = "SELECT DISTINCT small, whole, large, abs(money), part, most, text FROM numbers";
    let most = format!("-{}", "9".repeat(18));
    let row = ["32767", "-2147483648", "9223372036854775807", "9999.99", "-0.99", &most, "abcbc"];
    assert_eq!(place.server.query(&place.database("ends"), sql), [row]);
}

#[test]
fn computed_numbers_are_as_near_as_their_columns_allow() {
    let place = Place::new(&["sums"]);
    place.must(&["run", &scenario("sums.yaml"), "--out", "run"]);
    let wrong = "SELECT count(*) FROM sums WHERE abs(square - one * one) > 0.000001 \
                 OR abs(thrice - part * 3) > 0.006 OR third <> round(id / 3.0) \
                 OR twice <> 9223372036854775807 OR small <> -32768";
    let database = place.database("sums");
    assert_eq!(place.server.query(&database, wrong), [["0"]]);
    assert_eq!(place.server.query(&database, "SELECT count(*) FROM sums"), [["50"]]);
}
