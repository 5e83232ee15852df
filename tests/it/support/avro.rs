//! What tests write in Avro: records as Confluent's converter has them, behind the number of a schema, and files of many, as sinks
//! do. Knows nothing of how loadgen reads it.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;
use serde_json::json;

use super::connector::Change;
use super::registry::Registry;

/// The digits behind the point of each number of the scenario's tables.
const SCALE: usize = 2;

/// What a block ends with.
const SYNC: [u8; 16] = *b"an end of blocks";
/// Records of a block.
const BLOCK: usize = 7;

/// How the blocks of a file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
            Self::Zstandard => "zstandard",
        }
    }

    fn packed(self, block: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Null => block,
            Self::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&block).unwrap();
                encoder.finish().unwrap()
            }
            Self::Snappy => {
                let mut packed = snap::raw::Encoder::new().compress_vec(&block).unwrap();
                packed.extend(crc32fast::hash(&block).to_be_bytes());
                packed
            }
            Self::Zstandard => zstd::encode_all(block.as_slice(), 1).unwrap(),
        }
    }
}

/// An object container file.
pub(crate) fn container(schema: &Value, records: &[Value], codec: Codec) -> Vec<u8> {
    let mut file = b"Obj\x01".to_vec();
    long(2, &mut file);
    for (name, value) in [("avro.schema", &*schema.to_string()), ("avro.codec", codec.name())] {
        blob(name.as_bytes(), &mut file);
        blob(value.as_bytes(), &mut file);
    }
    long(0, &mut file);
    file.extend(SYNC);
    for records in records.chunks(BLOCK) {
        let mut block = Vec::new();
        for record in records {
            encode(schema, &mut BTreeMap::new(), record, &mut block);
        }
        long(i64::try_from(records.len()).unwrap(), &mut file);
        blob(&codec.packed(block), &mut file);
        file.extend(SYNC);
    }
    file
}

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

/// The schema of a key, a row, an envelope of rows, or of what is told beside them; by a sink, also of what it puts around
/// one.
pub(super) fn schema(change: &Change, value: &Value) -> Value {
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
    if value.get("offset").is_some() {
        let part = |name: &str, of: Value| json!({ "name": name, "type": of });
        let mut key = schema(change, &value["key"]);
        key["name"] = json!("Key");
        let row = schema(change, &value["value"]);
        let fields = [part("key", key), long("offset"), part("value", row)];
        return record("connector_records", "io.aiven", &fields);
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
    let kind = match change.kinds.get(column).map_or(column, String::as_str) {
        "smallint" => json!({ "type": "int", "connect.type": "int16" }),
        "integer" => json!("int"),
        "bigint" | "__lsn" | "__txId" => json!("long"),
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
