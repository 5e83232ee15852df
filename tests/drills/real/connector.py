"""Debezium as `loadgen connector` configures it: what it captures is what was sent, what is wrong with it is said, what befalls it is
told, and nothing of it stays."""

import json
import time
import urllib.request
from collections import Counter
from pathlib import Path

import far_end
from pipeline import Pipeline, Run

TABLES = ["customers", "order_items", "orders", "products"]
AT_CONNECT = "cdc.connect=${LOADGEN_CONNECT}"
# What the pipeline may take to carry the rest, on a busy machine too.
PATIENCE_S = 60


def drill(pipeline: Pipeline) -> None:
    print("the connectors of a scenario, at Kafka Connect with Debezium")
    pipeline.up("postgres", "kafka", "connect")
    captured(pipeline)
    refused(pipeline)
    killed(pipeline)
    cleaned(pipeline)


def captured(pipeline: Pipeline) -> None:
    """A run registers, and every change of it is in Kafka, once."""
    run = pipeline.run("@cdc-ci", "validity=off", AT_CONNECT).passed()
    tables = {it["table"].partition(".")[2]: it for it in run.summary["tables"]}
    wanted = Counter()
    for name in TABLES:
        wanted.update({(name, op): tables[name][word] for op, word in [("c", "inserted"), ("u", "updated"), ("d", "deleted")]})
    wanted = +wanted
    found = until(lambda: changes(pipeline), lambda found: found >= wanted)
    assert found == wanted, f"sent {wanted}, found {found}"
    kept = told(run)
    assert [it["slot"] for it in kept["connectors"]] == ["debezium_orders"], kept
    assert kept["interruptions"] == [], kept["interruptions"]
    print(f"  {sum(wanted.values())} changes of a run: as many in Kafka, by table and operation; nothing befell the connector")


def refused(pipeline: Pipeline) -> None:
    """What Debezium says is wrong is what loadgen says, with exit code 4; and no password is shown."""
    at = pipeline["CONNECT"]
    # Each is registered by another name, so the good one stays as it is.
    for scenario, said in [
        (["--set", "cdc.password=wrong"], "password authentication failed"),
        (["--set", "cdc.password=wrong", "--set", "cdc.connect.servers={ operational: 'nowhere.invalid:5432' }"], "The connection attempt failed"),
    ]:
        ended = pipeline.loadgen("connector", "@cdc-ci", "--set", "scenario=refused", *scenario, "--register", at)
        assert ended.returncode == 4 and said in ended.stderr, (ended.returncode, ended.stderr)
        assert "wrong" not in ended.stderr.replace("is wrong", ""), ended.stderr
        print(f"  refused: {ended.stderr.strip().partition('error(s): ')[2].partition(' You can')[0]}")
    shown = pipeline.loadgen("connector", "@cdc-ci", "--domain", "orders")
    config = json.loads(shown.stdout)
    assert config["database.password"] == "${env:DEBEZIUM_ORDERS_PASSWORD}", config
    registered = get(at, "/connectors/loadgen-cdc-ci-orders/config")
    different = {key for key in registered if registered[key] != config.get(key)}
    assert different == {"database.password"}, different
    print(f"  what is printed is what is registered, {len(config)} properties, but for the password")


def killed(pipeline: Pipeline) -> None:
    """Kafka Connect is killed and comes back; the run says so, and goes on."""
    cleaned(pipeline)
    run = pipeline.start("@cdc-ci", "validity=off", AT_CONNECT)
    until(lambda: streaming(pipeline), lambda count: count > 0)
    pipeline.kill("connect")
    time.sleep(2)
    pipeline.up("connect")
    run.finish().passed()
    what = [it["what"] for it in told(run)["interruptions"]]
    assert any("no Kafka Connect answers" in it for it in what), what
    until(lambda: streaming(pipeline), lambda count: count > 0)
    print(f"  killed by SIGKILL in mid-run: told as {len(what)} interruptions, and the slot is read again")


def cleaned(pipeline: Pipeline) -> None:
    ended = pipeline.loadgen("clean", "@cdc-ci")
    assert ended.returncode == 0, ended.stderr
    assert get(pipeline["CONNECT"], "/connectors") == []
    slots = far_end.rows(pipeline["POSTGRES"], "postgres", "SELECT slot_name FROM pg_replication_slots")
    assert slots == [], slots
    print("  cleaned: no connector, no slot")


def changes(pipeline: Pipeline) -> "Counter[tuple[str, str]]":
    """Of each table, how many changes of each kind are in its topic."""
    found = Counter()
    for table in TABLES:
        for body in bodies(pipeline["KAFKA"], f"domain_orders.public.{table}"):
            found[table, body["op"]] += 1
    return found


def bodies(brokers: str, topic: str) -> "list[dict]":
    """Without tombstones. A table that nobody changed has no topic."""
    if topic not in far_end.reader(brokers).list_topics(timeout=30).topics:
        return []
    return [json.loads(record.value) for record in far_end.records(brokers, topic) if record.value]


def streaming(pipeline: Pipeline) -> int:
    sql = (
        "SELECT count(*) FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid"
        " WHERE s.slot_name = 'debezium_orders' AND r.state = 'streaming'"
    )
    return far_end.rows(pipeline["POSTGRES"], "postgres", sql)[0][0]


def until(look, is_good):
    end = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if is_good(found) or time.monotonic() > end:
            return found
        time.sleep(0.5)


def told(run: Run) -> dict:
    return json.loads((Path(run.folder.name) / "out/connectors.json").read_text())


def get(at: str, path: str) -> object:
    with urllib.request.urlopen(f"{at}{path}", timeout=20) as answer:
        return json.load(answer)
