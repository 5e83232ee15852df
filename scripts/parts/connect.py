"""Kafka Connect, one worker, with Debezium and the Iceberg sink; which connectors run is somebody else's business."""

import json
import urllib.error
import urllib.request

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from parts import java, packages
from parts.kafka import Kafka
from parts.process import Process
from parts.state import Refused, State

# The sink's workers talk to each other there, and do not make it themselves.
CONTROL_TOPIC = "control-iceberg"
PLUGINS = ["io.debezium.connector.postgresql.PostgresConnector", "org.apache.iceberg.connect.IcebergSinkConnector"]


class Connect:
    name = "connect"

    def __init__(self, state: State) -> None:
        self.state = state
        self.process = Process(state, self.name)

    def fetch(self) -> None:
        packages.fetch_kafka()
        packages.fetch_debezium()
        packages.fetch_lake()

    def address(self) -> str:
        return f"http://127.0.0.1:{self.state.port('connect')}"

    def exports(self) -> "dict[str, str]":
        return {"LOADGEN_CONNECT": self.address()}

    def start(self) -> None:
        client = AdminClient({"bootstrap.servers": Kafka(self.state).address(), "log_level": 0})
        for made in client.create_topics([NewTopic(CONTROL_TOPIC, 1, 1)]).values():
            try:
                made.result(timeout=30)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise Refused(f"the topic `{CONTROL_TOPIC}` is not made: {error}")
        folder = self.state.subfolder("connect")
        properties = folder / "worker.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self.properties().items()))
        main = "org.apache.kafka.connect.cli.ConnectDistributed"
        # The sink's S3 client wants a region and credentials, and takes them from here as everywhere.
        amazon = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        self.process.start(java.command(packages.fetch_kafka(), main, properties, heap_mib=768), amazon)

    def properties(self) -> "dict[str, object]":
        is_exactly_once = self.state.settings["exactly_once"]
        return {
            "bootstrap.servers": Kafka(self.state).address(),
            "group.id": "pipeline",
            "listeners": self.address(),
            "plugin.path": f"{packages.fetch_debezium()},{packages.fetch_lake()}",
            # Looking into every class of every jar takes five times as long, and as much memory.
            "plugin.discovery": "service_load",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": "false",
            "value.converter.schemas.enable": "false",
            "config.storage.topic": "connect-config",
            "offset.storage.topic": "connect-offsets",
            "status.storage.topic": "connect-status",
            "config.storage.replication.factor": 1,
            "offset.storage.replication.factor": 1,
            "status.storage.replication.factor": 1,
            "offset.storage.partitions": 1,
            "status.storage.partitions": 1,
            "offset.flush.interval.ms": 1000,
            # A worker that comes back gets its tasks at once; there is no other to wait for.
            "scheduled.rebalance.max.delay.ms": 0,
            "exactly.once.source.support": "enabled" if is_exactly_once else "disabled",
            # Or sinks would also write what was rolled back.
            "consumer.isolation.level": "read_committed",
        }

    def wait(self) -> None:
        """Healthy is a worker that has joined and read its topics. That says nothing of connectors: RUNNING is not streaming."""
        self.process.wait(lambda: self.get("/health") is not None)
        known = [plugin["class"] for plugin in self.get("/connector-plugins") or []]
        missing = [plugin for plugin in PLUGINS if plugin not in known]
        if missing:
            raise Refused(f"Connect does not know {', '.join(missing)}")

    def get(self, path: str) -> object:
        try:
            # Before it is healthy it may hold a request for 10 s.
            with urllib.request.urlopen(f"{self.address()}{path}", timeout=2) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return None
