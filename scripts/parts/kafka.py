"""Apache Kafka: one broker, which is its own controller.

It listens four times: without anything, with a login (SCRAM or PLAIN), with a login by TLS, and by TLS with a certificate of the client."""

import base64
import subprocess
import uuid

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from parts import certificates, java, packages
from parts.process import Process
from parts.state import Refused, State

USER = "loadgen"
LOGIN = "org.apache.kafka.common.security"


class Kafka:
    name = "kafka"

    def __init__(self, state: State) -> None:
        self.state = state
        self.process = Process(state, self.name)

    def fetch(self) -> None:
        packages.fetch_kafka()

    def address(self) -> str:
        return f"127.0.0.1:{self.state.port('kafka')}"

    def exports(self) -> "dict[str, str]":
        certificate = self.state.folder / "certificates"
        return {
            "LOADGEN_KAFKA": self.address(),
            "LOADGEN_KAFKA_SASL": f"127.0.0.1:{self.state.port('kafka_sasl')}",
            "LOADGEN_KAFKA_SASL_TLS": f"127.0.0.1:{self.state.port('kafka_sasl_tls')}",
            "LOADGEN_KAFKA_TLS": f"127.0.0.1:{self.state.port('kafka_tls')}",
            "LOADGEN_KAFKA_USER": USER,
            "LOADGEN_KAFKA_PASSWORD": self.state.password,
            "LOADGEN_KAFKA_CA": str(certificate / "ca.pem"),
            "LOADGEN_KAFKA_CERTIFICATE": str(certificate / "client.pem"),
            "LOADGEN_KAFKA_KEY": str(certificate / "client.key"),
        }

    def start(self) -> None:
        jars = packages.fetch_kafka()
        certificates.make(self.state.subfolder("certificates"))
        folder = self.state.subfolder("kafka")
        properties = folder / "server.properties"
        properties.touch(mode=0o600)
        properties.write_text("".join(f"{name}={value}\n" for name, value in self.properties().items()))
        if not (folder / "log" / "meta.properties").exists():
            # 22 letters of base64, as it wants it.
            number = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            words = ["format", "--cluster-id", number, "--config", properties]
            ended = subprocess.run(java.command(jars, "kafka.tools.StorageTool", *words), capture_output=True, text=True)
            if ended.returncode != 0:
                raise Refused(f"Kafka's storage is not made:\n{ended.stdout}{ended.stderr}")
        self.process.start(java.command(jars, "kafka.Kafka", properties, heap_mib=384))

    def properties(self) -> "dict[str, object]":
        listeners = {
            "PLAIN": (self.state.port("kafka"), "PLAINTEXT"),
            "LOGIN": (self.state.port("kafka_sasl"), "SASL_PLAINTEXT"),
            "LOGIN_TLS": (self.state.port("kafka_sasl_tls"), "SASL_SSL"),
            "TLS": (self.state.port("kafka_tls"), "SSL"),
        }
        controller = f"127.0.0.1:{self.state.port('controller')}"
        addresses = [f"{name}://127.0.0.1:{port}" for name, (port, _) in listeners.items()]
        protocols = [f"{name}:{protocol}" for name, (_, protocol) in listeners.items()]
        properties: "dict[str, object]" = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join([*addresses, f"CONTROLLER://{controller}"]),
            "advertised.listeners": ",".join(addresses),
            "listener.security.protocol.map": ",".join([*protocols, "CONTROLLER:PLAINTEXT"]),
            "inter.broker.listener.name": "PLAIN",
            "log.dirs": self.state.folder / "kafka" / "log",
            # A topic that is written wrongly is a mistake, and shows.
            "auto.create.topics.enable": "false",
            # There is one broker, and one partition is made sooner than fifty.
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            # The first consumer of a group need not wait for others.
            "group.initial.rebalance.delay.ms": 0,
            # A transaction that a killed worker left open is ended as soon as it may be, not up to 10 s later.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.state.folder / "certificates" / "server.chain",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.state.folder / "certificates" / "ca.pem",
            "listener.name.tls.ssl.client.auth": "required",
        }
        for listener in ["login", "login_tls"]:
            properties |= self.logins(f"listener.name.{listener}")
        return properties

    def logins(self, listener: str) -> "dict[str, object]":
        """Users of SCRAM are kept by the cluster; those of PLAIN stand in its settings."""
        plain = f'{LOGIN}.plain.PlainLoginModule required user_{USER}="{self.state.password}";'
        scram = f"{LOGIN}.scram.ScramLoginModule required;"
        return {
            f"{listener}.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
            f"{listener}.plain.sasl.jaas.config": plain,
            f"{listener}.scram-sha-256.sasl.jaas.config": scram,
            f"{listener}.scram-sha-512.sasl.jaas.config": scram,
        }

    def wait(self) -> None:
        """Ready is a broker that knows itself: before, it takes connections and knows of nothing."""
        client = AdminClient({"bootstrap.servers": self.address(), "log_level": 0})

        def answers() -> bool:
            try:
                return len(client.list_topics(timeout=2).brokers) == 1
            except KafkaException:
                return False

        self.process.wait(answers)
        for mechanism in [ScramMechanism.SCRAM_SHA_512, ScramMechanism.SCRAM_SHA_256]:
            info = ScramCredentialInfo(mechanism, 4096)
            user = UserScramCredentialUpsertion(USER, info, self.state.password.encode())
            for made in client.alter_user_scram_credentials([user]).values():
                made.result(timeout=30)
