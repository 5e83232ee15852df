"""The Iceberg sink, which writes what connectors capture into tables in the bucket of the lake, and the catalog of these tables."""

import json
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import psycopg2

from parts.connect import CONTROL_TOPIC, Connect
from parts.postgres import Postgres
from parts.state import Refused, State
from parts.storage import LAKE, Storage

# Also the name of the catalog, and of the database in which it is.
NAME = "lake"
WAREHOUSE = f"s3://{LAKE}/warehouse"
# The topics of tables, as connectors of `loadgen connector` call them; Debezium's own have fewer dots.
TOPICS = r"domain_[^.]+\.[^.]+\.[^.]+"
RUNS_WITHIN = 60


class Lake:
    def __init__(self, state: State) -> None:
        self.state = state
        self.connect = Connect(state)
        self.server = Postgres(state).exports()["LOADGEN_POSTGRES"]
        self.storage = Storage(state)

    def catalog(self) -> str:
        return urlsplit(self.server)._replace(path=f"/{NAME}").geturl()

    def exports(self) -> "dict[str, str]":
        return {"LOADGEN_LAKE": WAREHOUSE, "LOADGEN_LAKE_CATALOG": self.catalog()}

    def make(self, is_storage_new: bool, seconds: float) -> None:
        """Makes the catalog and registers the sink. A storage that was started is empty: no table of an older catalog is in it."""
        if is_storage_new:
            self.call("DELETE", None, [204, 404])
        database = psycopg2.connect(self.server)
        database.autocommit = True
        cursor = database.cursor()
        if is_storage_new:
            cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [NAME])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {NAME}")
        database.close()
        self.call("PUT", self.configuration(seconds), [200, 201])
        until = time.monotonic() + RUNS_WITHIN
        while not self.is_running():
            if time.monotonic() > until:
                raise Refused(f"the sink does not run after {RUNS_WITHIN} s; ask {self.connect.address()}/connectors/{NAME}/status")
            time.sleep(0.2)

    def configuration(self, seconds: float) -> "dict[str, str]":
        login = urlsplit(self.server)
        return {
            "name": NAME,
            "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
            "tasks.max": "1",
            "topics.regex": TOPICS,
            # Topics that are made later are found so soon.
            "consumer.override.metadata.max.age.ms": "1000",
            # A table for each topic. Rows are Debezium's envelopes as they are: with the place in the log, which
            # Iceberg's own transform of them leaves out.
            "transforms": "topic",
            "transforms.topic.type": "org.apache.kafka.connect.transforms.InsertField$Value",
            "transforms.topic.topic.field": "_topic",
            "iceberg.tables.dynamic-enabled": "true",
            "iceberg.tables.route-field": "_topic",
            "iceberg.tables.auto-create-enabled": "true",
            # A column shows first in a row in which it is not NULL.
            "iceberg.tables.evolve-schema-enabled": "true",
            "iceberg.tables.schema-force-optional": "true",
            "iceberg.control.topic": CONTROL_TOPIC,
            "iceberg.control.commit.interval-ms": str(int(seconds * 1000)),
            "iceberg.control.commit.timeout-ms": "10000",
            "iceberg.catalog": NAME,
            "iceberg.catalog.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
            "iceberg.catalog.uri": f"jdbc:postgresql://127.0.0.1:{self.state.port('postgres')}/{NAME}",
            "iceberg.catalog.jdbc.user": login.username or "",
            "iceberg.catalog.jdbc.password": login.password or "",
            "iceberg.catalog.jdbc.schema-version": "V1",
            "iceberg.catalog.warehouse": WAREHOUSE,
            "iceberg.catalog.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            "iceberg.catalog.s3.endpoint": self.storage.address(),
            "iceberg.catalog.s3.path-style-access": "true",
            "iceberg.catalog.s3.access-key-id": "any",
            "iceberg.catalog.s3.secret-access-key": "any",
            "iceberg.catalog.client.region": "us-east-1",
        }

    def is_running(self) -> bool:
        status = self.connect.get(f"/connectors/{NAME}/status") or {}
        parts = [status.get("connector", {}), *status.get("tasks", [])]
        failed = [part.get("trace", "") for part in parts if part.get("state") == "FAILED"]
        if failed:
            raise Refused(f"the sink failed: {failed[0].splitlines()[0] if failed[0] else 'it does not say why'}")
        return len(parts) > 1 and all(part.get("state") == "RUNNING" for part in parts)

    def call(self, method: str, body: "dict | None", good: "list[int]") -> None:
        path = f"/connectors/{NAME}" + ("/config" if body else "")
        content = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"{self.connect.address()}{path}", content, {"content-type": "application/json"}, method=method
        )
        try:
            status, said = urllib.request.urlopen(request, timeout=30).status, ""
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read().decode(errors="replace")[:300]
        except (urllib.error.URLError, OSError) as error:
            status, said = 0, str(error)
        if status not in good:
            raise Refused(f"Connect did not take the sink: {status}: {said}")
