//! What the test's connector writes, in Avro as Confluent's converter has it: the number of a schema, and fields one behind
//! the other. Knows nothing of how loadgen reads it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::Change;
use super::Registry;

/// The digits behind the point of each number of the scenario's tables.
const SCALE: usize = 2;

/// Gives schemas to a registry.
pub(super) struct Coder(Registry);

impl Coder {
    pub(super) fn new(registry: &Registry) -> Self {
        Self(registry.clone())
    }

    /// A key, a row, an envelope of rows, or what is told beside them.
    pub(super) fn bytes(&self, change: &Change, value: &Value) -> Vec<u8> {
        let schema = schema(change, value);
        let mut out = vec![0];
        out.extend(self.0.number(&schema).to_be_bytes());
        encode(&schema, &mut BTreeMap::new(), value, &mut out);
        out
    }
}

fn schema(change: &Change, value: &Value) -> Value {
    let namespace = format!("domain_orders.public.{}", change.table);
    let text = |name: &str| json!({ "name": name, "type": "string" });
    let long = |name: &str| json!({ "name": name, "type": ["null", "long"], "default": null });
    if change.op == "end" {
        let collection =
            record("collection", "event", &[text("data_collection"), long("event_count")]);
        let all = json!({ "name": "data_collections", "type": ["null", { "type": "array", "items": collection }] });
        let fields = [text("status"), text("id"), long("event_count"), all];
        return record("TransactionMetadataValue", "io.debezium.connector.common", &fields);
    }
    let source = record(
        "Source",
        "io.debezium.connector.postgresql",
        &[long("lsn"), long("txId"), text("table")],
    );
    let source = json!({ "name": "source", "type": source });
    if value.get("prefix").is_some() {
        return record("MessageKey", "io.debezium", &[text("prefix")]);
    }
    if change.op == "m" {
        let content = json!({ "name": "content", "type": ["null", "bytes"] });
        let message =
            record("Message", "io.debezium.connector.postgresql", &[text("prefix"), content]);
        let message = json!({ "name": "message", "type": message });
        return record("MessageValue", "io.debezium", &[text("op"), source, message]);
    }
    let row = |name: &str, of: &Value| {
        let columns = of.as_object().unwrap().keys();
        let columns: Vec<_> = columns.map(|column| field(change, column)).collect();
        record(name, &namespace, &columns)
    };
    if value.get("source").is_none() {
        return row("Value", value);
    }
    let either = [&value["before"], &value["after"]].into_iter().find(|it| it.is_object());
    let either = row("Value", either.unwrap_or(&json!({})));
    let sides = [
        json!({ "name": "before", "type": ["null", either], "default": null }),
        json!({ "name": "after", "type": ["null", "Value"], "default": null }),
    ];
    record("Envelope", &namespace, &[&sides[..], &[source, text("op")]].concat())
}

fn record(name: &str, namespace: &str, fields: &[Value]) -> Value {
    json!({
        "type": "record", "name": name, "namespace": namespace, "fields": fields,
        "connect.version": 1, "connect.name": format!("{namespace}.{name}"),
    })
}

fn field(change: &Change, column: &str) -> Value {
    let named =
        |name: &str| json!({ "type": "string", "connect.version": 1, "connect.name": name });
    let kind = match change.kinds[column].as_str() {
        "smallint" => json!({ "type": "int", "connect.type": "int16" }),
        "integer" => json!("int"),
        "bigint" => json!("long"),
        "boolean" => json!("boolean"),
        "uuid" => named("io.debezium.data.Uuid"),
        "timestamp with time zone" => named("io.debezium.time.ZonedTimestamp"),
        "numeric" => json!({
            "type": "bytes", "scale": SCALE, "precision": 12, "logicalType": "decimal",
            "connect.version": 1, "connect.name": "org.apache.kafka.connect.data.Decimal",
            "connect.parameters": { "scale": SCALE.to_string(), "connect.decimal.precision": "12" },
        }),
        _ => json!("string"),
    };
    json!({ "name": column, "type": ["null", kind], "default": null })
}

/// Appends a value, as the specification of Avro says.
fn encode<'a>(
    schema: &'a Value,
    named: &mut BTreeMap<&'a str, &'a Value>,
    value: &Value,
    out: &mut Vec<u8>,
) {
    match schema {
        Value::Array(both) => {
            // Also what is not written has a type, and may be named later.
            if let Some(name) = both[1]["name"].as_str() {
                named.insert(name, &both[1]);
            }
            long(i64::from(!value.is_null()), out);
            if !value.is_null() {
                encode(&both[1], named, value, out);
            }
        }
        Value::String(name) if named.contains_key(name.as_str()) => {
            encode(named[name.as_str()], named, value, out);
        }
        Value::String(plain) => encode_plain((plain, schema), named, value, out),
        of => encode_plain((of["type"].as_str().unwrap(), schema), named, value, out),
    }
}

fn encode_plain<'a>(
    (kind, schema): (&str, &'a Value),
    named: &mut BTreeMap<&'a str, &'a Value>,
    value: &Value,
    out: &mut Vec<u8>,
) {
    match kind {
        "int" | "long" => long(value.as_i64().unwrap(), out),
        "boolean" => out.push(value.as_bool().unwrap().into()),
        "string" => blob(value.as_str().unwrap().as_bytes(), out),
        "bytes" if schema.get("scale").is_some() => blob(&decimal(value.as_str().unwrap()), out),
        "bytes" => blob(&STANDARD.decode(value.as_str().unwrap()).unwrap(), out),
        "array" => {
            for each in value.as_array().unwrap() {
                long(1, out);
                encode(&schema["items"], named, each, out);
            }
            long(0, out);
        }
        "record" => {
            for field in schema["fields"].as_array().unwrap() {
                encode(&field["type"], named, &value[field["name"].as_str().unwrap()], out);
            }
        }
        other => panic!("`{other}` is no type"),
    }
}

/// Two's complement, big-endian, eight bytes of it.
fn decimal(text: &str) -> Vec<u8> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let unscaled: i64 = format!("{whole}{part:0<SCALE$}").parse().unwrap();
    unscaled.to_be_bytes().to_vec()
}

fn blob(bytes: &[u8], out: &mut Vec<u8>) {
    long(i64::try_from(bytes.len()).unwrap(), out);
    out.extend_from_slice(bytes);
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut left = u64::from_ne_bytes(((value << 1) ^ (value >> 63)).to_ne_bytes());
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap());
}
