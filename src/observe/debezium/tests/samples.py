"""Writes samples.json: records as Confluent's AvroConverter has them, written by an encoder that is not ours (fastavro), each
beside what JsonConverter makes of the same record; and files of several, packed in each of the ways that are read. Schemas are
shaped as AvroData.java shapes them.

    pip install fastavro cramjam backports.zstd && python samples.py > samples.json
"""

import base64
import io
import json

import fastavro

NAMESPACE = "domain_orders.public.orders"


def connect(kind, name=None, **more):
    said = {"connect.name": name} if name else {}
    return {"type": kind, **said, **{word.replace("_", "."): value for word, value in more.items()}}


def decimal(scale, is_told=True):
    said = {"type": "bytes", "scale": scale, "precision": 10, "logicalType": "decimal"}
    if is_told:
        said |= {
            "connect.version": 1,
            "connect.parameters": {"scale": str(scale), "connect.decimal.precision": "10"},
            "connect.name": "org.apache.kafka.connect.data.Decimal",
        }
    return said


VARIABLE = {
    "type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data",
    "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
    "connect.doc": "Variable scaled decimal", "connect.version": 1, "connect.name": "io.debezium.data.VariableScaleDecimal",
}
ENUM = connect("string", "io.debezium.data.Enum", connect_version=1, connect_parameters={"allowed": "sad,ok"})

# Column, its type, a value as it is written, and as JsonConverter writes it.
COLUMNS = [
    ("id", "int", 1, 1),
    ("x", "string", "größer", "größer"),
    ("small", connect("int", connect_type="int16"), -7, -7),
    ("price", decimal(2), b"\x04\xe2", "BOI="),
    ("debt", decimal(2), b"\xfe\xcf", "/s8="),
    ("any", VARIABLE, {"scale": 3, "value": b"\x04\xe2"}, {"scale": 3, "value": "BOI="}),
    ("other", "io.debezium.data.VariableScaleDecimal", {"scale": 0, "value": b"\x05"}, {"scale": 0, "value": "BQ=="}),
    ("local", connect("long", "io.debezium.time.MicroTimestamp", connect_version=1), 5, 5),
    ("local_ns", connect("long", "io.debezium.time.NanoTimestamp"), 5_000, 5_000),
    ("local_ms", connect("long", "org.apache.kafka.connect.data.Timestamp", logicalType="timestamp-millis"), 1, 1),
    ("clock", connect("long", "io.debezium.time.MicroTime"), 5, 5),
    ("clock_ms", connect("int", "org.apache.kafka.connect.data.Time", logicalType="time-millis"), 5, 5),
    ("day", connect("int", "io.debezium.time.Date"), 20_000, 20_000),
    ("moment", connect("string", "io.debezium.time.ZonedTimestamp"), "2027-01-15T08:00:00.123456Z", "2027-01-15T08:00:00.123456Z"),
    ("span", connect("string", "io.debezium.time.Interval"), "P1DT2H", "P1DT2H"),
    ("mark", connect("string", "io.debezium.data.Uuid"), "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000001"),
    # As text they could be hexadecimal digits as well.
    ("raw", "bytes", b"\x75\xe6\x9d\x6d\xe7\x9f", "deadbeef"),
    ("facts", connect("string", "io.debezium.data.Json"), '{"a": 1}', '{"a": 1}'),
    ("tags", {"type": "array", "items": ["null", "string"]}, ["x", None, "y"], ["x", None, "y"]),
    ("sums", {"type": "array", "items": ["null", decimal(2)]}, [b"\x04\xe2", None], ["BOI=", None]),
    ("mood", ENUM, "ok", "ok"),
    ("flag", "boolean", True, True),
    ("one", "float", 0.5, 0.5),
    ("two", "double", float("-inf"), "-Infinity"),
    ("bits", connect("bytes", "io.debezium.data.Bits", connect_parameters={"length": "11"}), b"\x01\x05", "AQU="),
    ("_2nd_word", "string", "b", "b"),
]
# `connect.meta.data=false`: what Avro itself says is all.
BARE = [
    ("id", "int", 1, 1),
    ("price", decimal(2, False), b"\x04\xe2", "BOI="),
    ("local_ms", {"type": "long", "logicalType": "timestamp-millis"}, 1, 1),
    ("clock_ms", {"type": "int", "logicalType": "time-millis"}, 5, 5),
]


def field(name, kind):
    return {"name": name, "type": ["null", kind] if name != "id" else kind, **({"default": None} if name != "id" else {})}


def value_of(columns):
    fields = [field(name, kind) for name, kind, *_ in columns]
    return {"type": "record", "name": "Value", "fields": fields, "connect.name": NAMESPACE + ".Value"}


def envelope(columns):
    source = [("version", "string"), ("lsn", ["null", "long"]), ("txId", ["null", "long"]), ("sequence", ["null", "string"])]
    block = [("id", "string"), ("total_order", "long"), ("data_collection_order", "long")]
    record = lambda name, namespace, fields: {
        "type": "record", "name": name, "namespace": namespace, "fields": [{"name": at, "type": of} for at, of in fields],
        "connect.name": namespace + "." + name,
    }
    return {
        "type": "record", "name": "Envelope", "namespace": NAMESPACE,
        "fields": [
            {"name": "before", "type": ["null", value_of(columns)], "default": None},
            {"name": "after", "type": ["null", "Value"], "default": None},
            {"name": "source", "type": record("Source", "io.debezium.connector.postgresql", source)},
            {"name": "transaction", "type": ["null", record("block", "event", block)], "default": None},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": ["null", "long"], "default": None},
        ],
        "connect.version": 2, "connect.name": NAMESPACE + ".Envelope",
    }


def row(columns, at):
    return {name: both[at] for name, _, *both in columns}


def changed(op, before, after):
    source = {"version": "3.7.0.Final", "lsn": 34, "txId": 9, "sequence": '["33","34"]'}
    block = {"id": "9:34", "total_order": 1, "data_collection_order": 1}
    return {"before": before, "after": after, "source": source, "transaction": block, "op": op, "ts_ms": 5}


def sample(name, schema, value, same):
    # Written as they are: no decimals and times of Python.
    def bare(part):
        if isinstance(part, dict):
            return {word: bare(of) for word, of in part.items() if word != "logicalType"}
        return [bare(of) for of in part] if isinstance(part, list) else part

    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(bare(schema)), value)
    return {"name": name, "schema": schema, "hex": out.getvalue().hex(), "json": same}


def container(codec, schema, values, same):
    out = io.BytesIO()
    # A block is full behind so many bytes.
    fastavro.writer(out, fastavro.parse_schema(schema), values, codec=codec, sync_interval=200, sync_marker=bytes(range(16)))
    return {"name": codec + " file", "schema": schema, "hex": out.getvalue().hex(), "json": same}


def flattened(columns, at):
    return {**row(columns, at), "__op": "u", "__lsn": 34, "__txId": 9, "__deleted": "false"}


def samples():
    nothing = {name: 1 if name == "id" else None for name, *_ in COLUMNS}
    for op, before, after in [("c", None, True), ("u", None, True), ("d", nothing, None)]:
        both = [changed(op, before, after and row(COLUMNS, at)) for at in (0, 1)]
        yield sample(op, envelope(COLUMNS), *both)
    yield sample("null", envelope(COLUMNS), *[changed("c", None, nothing)] * 2)
    yield sample("bare", envelope(BARE), *[changed("c", None, row(BARE, at)) for at in (0, 1)])
    schema = value_of(COLUMNS)
    more = [("__op", "string"), ("__lsn", "long"), ("__txId", "long"), ("__deleted", "string")]
    schema["fields"] += [{"name": name, "type": ["null", kind]} for name, kind in more]
    schema["namespace"] = NAMESPACE
    yield sample("flattened", schema, flattened(COLUMNS, 0), flattened(COLUMNS, 1))
    key = {"type": "record", "name": "Key", "namespace": NAMESPACE, "fields": [{"name": "id", "type": "int"}], "connect.name": NAMESPACE + ".Key"}
    yield sample("key", key, {"id": 5}, {"id": 5})
    collection = {
        "type": "record", "name": "collection", "namespace": "event",
        "fields": [{"name": "data_collection", "type": "string"}, {"name": "event_count", "type": "long"}],
    }
    transaction = {
        "type": "record", "name": "TransactionMetadataValue", "namespace": "io.debezium.connector.common",
        "fields": [
            {"name": "status", "type": "string"}, {"name": "id", "type": "string"},
            {"name": "event_count", "type": ["null", "long"], "default": None},
            {"name": "data_collections", "type": ["null", {"type": "array", "items": collection}], "default": None},
            {"name": "ts_ms", "type": "long"},
        ],
    }
    end = {
        "status": "END", "id": "9:34", "event_count": 2, "ts_ms": 5,
        "data_collections": [{"data_collection": "public.orders", "event_count": 2}],
    }
    yield sample("end", transaction, end, end)
    text = b"action 3f 100000007"
    said = {
        "type": "record", "name": "Message", "namespace": "io.debezium.connector.postgresql",
        "fields": [{"name": "prefix", "type": ["null", "string"]}, {"name": "content", "type": ["null", "bytes"]}],
    }
    message = {
        "type": "record", "name": "MessageValue", "namespace": "io.debezium.connector.postgresql",
        "fields": [
            {"name": "op", "type": ["null", "string"]},
            {"name": "source", "type": {"type": "record", "name": "Source", "fields": [{"name": "txId", "type": ["null", "long"]}]}},
            {"name": "message", "type": said},
        ],
    }
    both = [
        {"op": "m", "source": {"txId": 9}, "message": {"prefix": "loadgen", "content": content}}
        for content in (text, base64.b64encode(text).decode())
    ]
    yield sample("message", message, *both)
    for codec in ("null", "deflate", "snappy", "zstandard", "bzip2"):
        both = [[changed("c", None, {**row(BARE, at), "id": number}) for number in range(9)] for at in (0, 1)]
        yield container(codec, envelope(BARE), *both)


print("[")
print(",\n".join(json.dumps(of, ensure_ascii=False) for of in samples()))
print("]")
