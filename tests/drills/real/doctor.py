"""What `doctor` says of a real Kafka, a real Debezium and a real Iceberg sink, of which it finds nothing wrong until a topic is set otherwise;
and a snapshot that a step asks Debezium for."""

import json
import time
from collections import Counter

import far_end
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pipeline import ROOT, Pipeline

SCENARIO = str(ROOT / "examples/cdc-snapshot.yaml")
AT_CONNECT = "cdc.connect=${LOADGEN_CONNECT}"
COMMIT_S = 2
CLEAN_WITHIN_S = 5
SHORT = ["load.streams.shop.profile=[{ hold: 200/s, for: 25s }]", "load.steps=[{ at: 5s, snapshot: { tables: [ orders, customers ] } }]"]


def drill(pipeline: Pipeline) -> None:
    print("the doctor, and a snapshot that is asked for, with Debezium, Kafka and the Iceberg sink")
    pipeline.call("up", "--lake", str(COMMIT_S))
    pipeline.up("postgres", "kafka", "connect")
    snapshot(pipeline)
    topics(pipeline)


def snapshot(pipeline: Pipeline) -> None:
    run = pipeline.run(SCENARIO, "validity=off", AT_CONNECT, *SHORT).passed()
    step = run.summary["steps"][0]
    read = Counter()
    for table in ["orders", "customers"]:
        for record in far_end.records(pipeline["KAFKA"], f"domain_orders.public.{table}"):
            read[table] += record.value is not None and record.event["op"] == "r"
    tables = {it["table"].partition(".")[2]: it["seeded"] for it in run.summary["tables"]}
    # Rows that change while their window is open are left out of it, and rows are made and deleted meanwhile.
    for table, count in read.items():
        assert 0.8 * tables[table] < count < 1.5 * tables[table], (table, count, tables)
    surfaces = {it["surface"]: it["observed"] for it in run.summary["surfaces"]}
    print(f"  a snapshot in the midst of a load: {step['output']}, rows read: {dict(read)}; changes observed: {surfaces}, all as they must be")


def topics(pipeline: Pipeline) -> None:
    found, took = examined(pipeline)
    wrong = [it for it in found if it["severity"] in ("critical", "warning")]
    assert wrong == [] and took < CLEAN_WITHIN_S, (wrong, took)
    print(f"  a clean pipeline: {len(found)} checks, nothing critical, nothing to be looked at, in {took:.1f} s")
    say(found, "sink", "it commits every 2s")
    admin = AdminClient({"bootstrap.servers": pipeline["KAFKA"]})
    for table, name, value, words in [
        ("orders", "cleanup.policy", "compact", "it is compacted"),
        ("order_items", "message.timestamp.type", "LogAppendTime", "the broker got them"),
        ("customers", "max.message.bytes", "1000", "it takes messages of 1000 B"),
    ]:
        topic = f"domain_orders.public.{table}"
        for operation in [AlterConfigOpType.SET, AlterConfigOpType.DELETE]:
            entry = ConfigEntry(name, value, incremental_operation=operation)
            resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
            for future in admin.incremental_alter_configs([resource]).values():
                future.result()
            time.sleep(1)
            found, _ = examined(pipeline)
            if operation == AlterConfigOpType.SET:
                say(found, "topic", words)
        assert all(it["severity"] != "warning" for it in found), found


def examined(pipeline: Pipeline) -> "tuple[list, float]":
    begun = time.monotonic()
    ended = pipeline.loadgen("doctor", SCENARIO, "--format", "json", "--set", AT_CONNECT)
    took = time.monotonic() - begun
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return [check for report in json.loads(ended.stdout)["reports"] for check in report["checks"]], took


def say(found: list, check: str, words: str) -> None:
    one = next(it for it in found if it["check"] == check and words in it["found"])
    place = f"{one['where']}: " if one.get("where") else ""
    print(f"   {one['severity']:<8}  {check}: {place}{one['found']}")
    if "remedy" in one:
        print(f"             {one['remedy']}")
