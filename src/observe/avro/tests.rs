//! Schemas and bytes that ask for more than they are.

use serde_json::Value as Json;
use serde_json::json;

use super::Cursor;
use super::Shape;

fn read(schema: &Json, bytes: &[u8]) -> Result<Json, String> {
    Cursor::new(bytes).value(&Shape::read(schema)?)
}

fn record(name: &str, fields: &[Json]) -> Json {
    let field = |(at, kind): (usize, &Json)| json!({ "name": format!("f{at}"), "type": kind });
    let fields: Vec<_> = fields.iter().enumerate().map(field).collect();
    json!({ "type": "record", "name": name, "fields": fields })
}

#[test]
fn a_name_is_looked_for_where_it_is_used() {
    // Both namespaces have a `Value`.
    let mut inner = record("Value", &[json!("long")]);
    inner["namespace"] = json!("b");
    let first = record("Value", &[json!("string")]);
    let mut outer = record("Outer", &[first, inner, json!("Value"), json!("b.Value")]);
    outer["namespace"] = json!("a");
    let read = read(&outer, &[2, b'x', 4, 2, b'y', 6]).unwrap();
    let expected = json!({
        "f0": { "f0": "x" }, "f1": { "f0": 2 }, "f2": { "f0": "y" }, "f3": { "f0": 3 }
    });
    assert_eq!(read, expected);
}

#[test]
fn lists_come_in_blocks_and_maps_by_name() {
    let list = json!({ "type": "array", "items": "int" });
    // Two, then one whose bytes are told before it.
    assert_eq!(read(&list, &[4, 2, 4, 1, 2, 6, 0]), Ok(json!([1, 2, 3])));
    let map = json!({ "type": "map", "values": "boolean" });
    assert_eq!(read(&map, &[2, 2, b'k', 1, 0]), Ok(json!({ "k": true })));
    let kinds = json!([{ "type": "enum", "name": "e", "symbols": ["a", "b"] }, { "type": "fixed", "name": "g", "size": 2 }]);
    assert_eq!(read(&kinds, &[0, 2]), Ok(json!("b")));
    assert_eq!(read(&kinds, &[2, 1, 5]), Ok(json!("AQU=")));
    assert_eq!(read(&json!("float"), &0.1_f32.to_le_bytes()), Ok(json!(0.1)));
    assert_eq!(read(&json!("double"), &f64::NAN.to_le_bytes()), Ok(json!("NaN")));
}

#[test]
fn nonsense_is_refused() {
    let text = json!("string");
    let endless = [0xff; 11];
    let too_long = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(read(&text, &[]), Err("it ends too early".to_owned()));
    assert_eq!(read(&text, &[1]), Err("it has a count below zero".to_owned()));
    assert_eq!(read(&text, &too_long), Err("it ends too early".to_owned()));
    assert_eq!(read(&text, &[2, 0xff]), Err("it has a text that is no UTF-8".to_owned()));
    assert_eq!(read(&json!("long"), &endless), Err("it has a number that does not end".to_owned()));
    let list = json!({ "type": "array", "items": "null" });
    assert_eq!(read(&list, &too_long), Err("it has a list that is too long".to_owned()));
    assert_eq!(read(&json!(["null"]), &[2]), Err("it has a value of no type".to_owned()));
    assert_eq!(read(&json!(["null"]), &[1]), Err("it has a value of no type".to_owned()));
}

/// Few bytes that stand for much: they end soon.
#[test]
fn what_costs_nothing_to_write_has_a_limit() {
    // Lists of four million NULLs each, as many as bytes allow.
    let list = json!({ "type": "array", "items": { "type": "array", "items": "null" } });
    let four_million = [0x80, 0x80, 0x80, 0x04];
    let many: Vec<u8> =
        [2].into_iter().chain(four_million).chain([0]).cycle().take(9_000).collect();
    assert!(read(&list, &many).is_err());
    // Each type has the one before it twice.
    let mut types = vec![record("t0", &[])];
    for at in 1..28 {
        let before = json!(format!("t{}", at - 1));
        types.push(record(&format!("t{at}"), &[before.clone(), before]));
    }
    assert_eq!(read(&record("all", &types), &[]), Err("it has too many values".to_owned()));
}

#[test]
fn types_in_types_have_a_limit() {
    let deep = (0..1_000).fold(json!("int"), |inner, _| json!({ "type": "array", "items": inner }));
    assert_eq!(Shape::read(&deep).unwrap_err(), "its schema is too deep");
    // Beside each other, and yet in each other.
    let mut types = vec![record("t0", &[])];
    for at in 1..100 {
        types.push(record(&format!("t{at}"), &[json!(format!("t{}", at - 1))]));
    }
    assert_eq!(Shape::read(&record("all", &types)).unwrap_err(), "its schema is too deep");
    // A list of itself.
    let own = record("own", &[json!({ "type": "array", "items": "own" })]);
    assert_eq!(Shape::read(&own).unwrap_err(), "its schema has no type `own`");
}
