"""The shipped shop on real servers: orders in PostgreSQL, clicks in Kafka and, by Firehose, in S3."""

import json
from collections import Counter, defaultdict
from datetime import datetime

import far_end
from pipeline import Pipeline, Run

ORDERS = (
    "SELECT id::text, session_id::text, customer_id, quantity, total, "
    "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') FROM orders"
)


def drill(pipeline: Pipeline) -> None:
    print("the shop on PostgreSQL, Apache Kafka, and Firehose with S3 behind it (moto)")
    print("as it is shipped, into a stream that is there:")
    one(pipeline, "clicks", "targets.clicks.kafka.topic=clicks")
    print("ten times as many sessions, into a stream that it makes, several events in a record:")
    made = "create: { bucket: 'arn:aws:s3:::events', role: 'arn:aws:iam::000000000000:role/any', prefix: made/ }"
    endpoint = f"endpoint: '{pipeline['FIREHOSE']}', stream: made, pack: 20"
    settings = [
        f"targets.archive.firehose={{ {endpoint}, {made} }}",
        "targets.clicks.kafka.topic=made",
        "load.streams.sessions.profile=[{ ramp: { from: 200/s, to: 1k/s }, for: 10s }, { hold: 1k/s, for: 25s }]",
    ]
    one(pipeline, "made", *settings)


def one(pipeline: Pipeline, name: str, *settings: str) -> None:
    run = pipeline.run("@shop", "validity=off", *settings).passed()
    records = far_end.records(pipeline["KAFKA"], name)
    objects = [body for body in far_end.objects(pipeline["S3"], "events", f"{name}/")]
    orders = {order[0]: order[1:] for order in far_end.rows(pipeline["POSTGRES"], "shop", ORDERS)}
    counted(run, records, objects)
    keyed(records, far_end.length(pipeline["KAFKA"], name))
    ordered(records)
    archived(records, objects)
    confirmed(records, orders)
    table = next(it for it in run.summary["tables"] if it["table"] == "public.orders")
    assert table["alive"] == len(orders), f"{table} and {len(orders)} orders"
    calls = run.events("archive")["calls"]
    assert calls == len(objects), f"{calls} calls and {len(objects)} objects: moto makes one of each"
    sessions = len({record.key for record in records})
    print(
        f"  {len(records)} events of {sessions} sessions in Kafka, {sum(map(lines, objects))} in {len(objects)} objects of S3,"
        f" {len(orders)} orders: counts, bytes, keys, partitions, event ids, order in each session, orders and their"
        f" confirmations all exact"
    )
    # Room for the next, whose databases are made anew.
    clean(pipeline)


def lines(body: bytes) -> int:
    return body.count(b"\n")


def counted(run: Run, records: "list[far_end.Record]", objects: "list[bytes]") -> None:
    """The summary says what is there."""
    clicks, archive = run.events("clicks"), run.events("archive")
    assert clicks["acknowledged"] == clicks["sent"] == len(records), f"{clicks}, found {len(records)}"
    size = sum(len(record.key) + len(record.value) for record in records)
    assert clicks["bytes"] == size, f"{clicks}, found {size} bytes"
    delivered = sum(map(lines, objects))
    assert archive["acknowledged"] == archive["sent"] == delivered, f"{archive}, found {delivered}"
    for each in [clicks, archive]:
        assert each["failed"] == each["unknown"] == each["repeated"] == each["missed"] == 0, each
    actions = sum(stream["acknowledged"] for stream in run.summary["streams"] if not stream["name"].endswith("/ship"))
    assert actions == len(records), f"{actions} actions with an event"


def keyed(records: "list[far_end.Record]", length: int) -> None:
    """Each event once, by its session, where Java's client would put it."""
    assert length == len(records)
    partitions = 6
    ids = Counter(record.event["event_id"] for record in records)
    assert len(ids) == len(records), ids.most_common(3)
    for record in records:
        assert record.event["session_id"].encode() == record.key, record
        assert far_end.murmur2_partition(record.key, partitions) == record.partition, record
        at = datetime.fromisoformat(record.event["event_timestamp"])
        assert int(at.timestamp() * 1000 + 1e-6) == record.at_ms, record
    assert len({record.partition for record in records}) == partitions


def ordered(records: "list[far_end.Record]") -> None:
    """A session's events are in one partition in the order in which they happened: its pages, none left out, and then the order."""
    sessions: "dict[bytes, list[far_end.Record]]" = defaultdict(list)
    for record in records:
        sessions[record.key].append(record)
    for session, found in sessions.items():
        numbers = [it.headers["loadgen.action"].rpartition("/")[2] for it in found if it.event["event_type"] == "page_view"]
        hops = [int(number.partition(".")[2] or 0) for number in numbers]
        assert hops == list(range(len(hops))), f"{session}: {numbers}"
        assert all(it.event["event_type"] == "page_view" for it in found[:-1]), session
        times = [datetime.fromisoformat(it.event["event_timestamp"]) for it in found]
        assert times == sorted(times) and len({it.partition for it in found}) == 1, session


def archived(records: "list[far_end.Record]", objects: "list[bytes]") -> None:
    """Firehose has the same events, byte by byte."""
    delivered = Counter(line for body in objects for line in body.splitlines())
    assert delivered == Counter(record.value for record in records)


def confirmed(records: "list[far_end.Record]", orders: "dict[str, tuple]") -> None:
    """Each order has one confirmation, which says what stands in it and comes behind the page /payment."""
    last, seen = {}, set()
    for record in records:
        event = record.event
        before, last[record.key] = last.get(record.key), event["page"]
        if event["event_type"] != "confirmation":
            continue
        order = orders[event["order_id"]]
        assert event["order_id"] not in seen, event
        seen.add(event["order_id"])
        assert (event["session_id"], event["customer_id"], event["quantity"]) == order[:3], (event, order)
        assert json.dumps(event["total"]) == json.dumps(float(order[3])), (event, order)
        skew = datetime.fromisoformat(event["event_timestamp"]).replace(tzinfo=None) - datetime.fromisoformat(order[4])
        assert 0.05 <= skew.total_seconds() <= 0.4, skew
        assert before == "/payment", event
    assert seen == set(orders) and orders, f"{len(seen)} confirmations of {len(orders)} orders"


def clean(pipeline: Pipeline) -> None:
    ended = pipeline.loadgen("clean", "@shop")
    assert ended.returncode == 0, ended.stderr
