//! Events in Avro, read by the schema that was registered for them, beside the same events in JSON.

use std::collections::BTreeMap;

use chrono::DateTime;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use serde_json::Value;
use serde_json::json;

use super::count;
use super::run;
use super::sessions;
use crate::support::broker::Broker;
use crate::support::command::scenario;
use crate::support::registry::Registry;

const LOGIN: &str = "Basic bWU6c2VjcmV0LXdvcmQ=";

fn target(registry: &Registry, topic: &str) -> Vec<String> {
    let words = [("topic", topic), ("format", "avro"), ("registry", &registry.url())];
    let set = |(word, value): (&str, &str)| {
        ["--set".to_owned(), format!("targets.clicks.kafka.{word}={value}")]
    };
    words.into_iter().flat_map(set).collect()
}

/// What a field holds, as JSON has it in the column of that type.
fn as_json(field: &Value, value: Value) -> Value {
    let kind = match &field["type"] {
        Value::Array(options) => &options[1],
        kind => kind,
    };
    if value.is_null() {
        return value;
    }
    match (kind["type"].as_str(), kind["logicalType"].as_str()) {
        (_, Some("date")) => {
            let days = chrono::Duration::days(value.as_i64().unwrap());
            let day = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap().checked_add_signed(days);
            // What chrono does not know is written otherwise, too.
            day.map_or(Value::Null, |day| json!(day.to_string()))
        }
        (_, Some("decimal")) => json!(value.as_str().unwrap().parse::<f64>().unwrap()),
        (Some("array"), _) => {
            let items = json!({ "type": kind["items"] });
            let each = value.as_array().unwrap().iter();
            json!(each.map(|each| as_json(&items, each.clone())).collect::<Vec<_>>())
        }
        _ => value,
    }
}

/// What JSON says, in what Avro counts times in; bytes as a list of their values. None of times that have no
/// end, or a year of other than four digits.
fn plain(name: &str, value: &Value) -> Option<Value> {
    let Some(text) = value.as_str() else { return Some(value.clone()) };
    let micros = |text: &str| {
        let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
        Some(json!(at.and_utc().timestamp_micros()))
    };
    match name {
        "day" => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|_| value.clone()),
        "local" | "local_ms" => micros(text),
        "moment" | "moment_s" => {
            Some(json!(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros()))
        }
        "clock" if text.starts_with("24") => Some(json!(86_400_000_000_i64)),
        "clock" => micros(&format!("1970-01-01 {text}")),
        "raw" => {
            let digits = text.trim_start_matches("\\x");
            let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
            Some(json!((0..digits.len() / 2).map(byte).collect::<Vec<u8>>()))
        }
        _ => Some(value.clone()),
    }
}

/// Whether two values are the same; numbers may be written in several ways.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        // What is no number is text in JSON, and null in the test's reader.
        (Value::Null, Value::String(text)) => {
            ["NaN", "Infinity", "-Infinity"].contains(&text.as_str())
        }
        _ => a == b || a.as_f64().is_some_and(|a| b.as_f64().is_some_and(|b| close(a, b))),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(1e-30)
}

#[test]
fn an_event_of_every_type_is_what_it_is_in_json() {
    let (broker, registry) = (Broker::new(&["kinds", "coded"]), Registry::start());
    let file = scenario("kinds.yaml");
    let (done, _) = run(&broker.address(), &file, &[]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let arguments = target(&registry, "coded");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (done, summary) = run(&broker.address(), &file, &arguments);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);

    let schema = registry.schema("coded-value");
    assert_eq!((&schema["name"], &schema["namespace"]), (&json!("reading_taken"), &json!("kinds")));
    let fields = schema["fields"].as_array().unwrap();
    let kind = |name: &str| &fields.iter().find(|field| field["name"] == name).unwrap()["type"];
    assert_eq!(kind("large"), &json!(["null", "long"]));
    assert_eq!(kind("unlimited"), &json!("string"));
    assert_eq!(kind("moment")[1]["logicalType"], "timestamp-micros");
    assert_eq!(kind("local")["logicalType"], "local-timestamp-micros");
    assert_eq!(kind("mood")["symbols"], json!(["sad", "ok", "happy"]));
    assert_eq!(kind("again"), &json!(["null", "kinds.types.mood"]));
    assert_eq!(kind("sound"), &json!("string"));
    assert!(fields.iter().any(|field| field["name"] == "_2nd_word"));
    assert!(fields.iter().all(|field| field["name"] != "kept"));

    let mut events: BTreeMap<String, Value> = BTreeMap::new();
    for each in broker.read("kinds") {
        events.insert(each.key, serde_json::from_str(&each.payload).unwrap());
    }
    let coded = broker.read("coded");
    assert_eq!((events.len(), coded.len()), (300, 300));
    assert_eq!(count(&summary, "acknowledged"), 300);
    let mut nulls = 0;
    for each in coded {
        let (wanted, mut found) = (&events[&each.key], registry.read(&each.bytes));
        for (field, (name, wanted)) in fields.iter().zip(wanted.as_object().unwrap()) {
            let found = found[field["name"].as_str().unwrap()].take();
            nulls += usize::from(found.is_null());
            let Some(wanted) = plain(name, wanted) else {
                assert!(found.is_i64(), "{name}: {found}");
                continue;
            };
            let found = as_json(field, found);
            let found = match found.as_str() {
                // JSON in JSON is no text; in Avro it is.
                Some(text) if name == "document" => serde_json::from_str(text).unwrap(),
                Some(text) if wanted.is_number() => json!(text.parse::<f64>().unwrap()),
                _ => found,
            };
            assert!(is_same(&found, &wanted), "{name}: {found} is not {wanted}");
        }
    }
    assert!(nulls > 500, "{nulls}");
}

#[test]
fn a_registry_with_a_login_is_asked_once_for_each_event() {
    let (broker, registry) = (Broker::new(&["pages"]), Registry::start());
    registry.require(LOGIN);
    let with = |login: &str| {
        let set =
            format!("targets.clicks.kafka.registry={{ url: \"{}/\"{login} }}", registry.url());
        let format = "targets.clicks.kafka.format=avro";
        sessions(&broker.address(), "pages", &["--set", format, "--set", &set])
    };
    let (done, summary) = with(", user: me, password: secret-word");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert_eq!(
        registry.requests(),
        ["GET /subjects/pages-value/versions", "POST /subjects/pages-value/versions"]
    );
    let arrived = broker.read("pages");
    assert_eq!(count(&summary, "acknowledged"), arrived.len());
    let first = registry.read(&arrived[0].bytes);
    assert_eq!(first.as_object().unwrap().len(), 30, "{first}");
    assert_eq!(first["user_domain_id"], arrived[0].key.as_str());

    for login in ["", ", user: me, password: other-word"] {
        let (done, _) = with(login);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        assert!(done.err.contains("refused the login (Unauthorized)"), "{}", done.err);
        assert!(!done.err.contains("other-word"), "{}", done.err);
    }
}

/// Nothing is sent where nobody could read it.
#[test]
fn set_up_says_what_is_wrong_with_a_registry() {
    let broker = Broker::new(&["pages"]);
    let with = |registry: &Registry| {
        let arguments = target(registry, "pages");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        sessions(&broker.address(), "pages", &arguments).0
    };
    let registry = Registry::start();
    registry.refuse(409, "Schema being registered is incompatible with an earlier schema");
    let done = with(&registry);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("refused the schema of `pages-value`"), "{}", done.err);
    assert!(done.err.contains("incompatible with an earlier schema"), "{}", done.err);
    registry.refuse(422, "Invalid schema");
    let done = with(&registry);
    assert!(done.err.contains("did not take the schema of `pages-value`: 422"), "{}", done.err);

    let nowhere = ["--set", "targets.clicks.kafka.format=avro"];
    let registry = "targets.clicks.kafka.registry=http://127.0.0.1:1";
    let (done, _) =
        sessions(&broker.address(), "pages", &[&nowhere[..], &["--set", registry]].concat());
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(
        done.err.contains("no schema registry answers at `http://127.0.0.1:1`"),
        "{}",
        done.err
    );
    assert!(broker.read("pages").is_empty());
}
