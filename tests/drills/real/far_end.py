"""What is at the far ends, read by clients that are not ours."""

import gzip
import json
import time
from dataclasses import dataclass
from typing import Iterator

import boto3
import psycopg2
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


@dataclass
class Record:
    partition: int
    offset: int
    key: bytes
    value: bytes
    at_ms: int
    headers: "dict[str, str]"

    @property
    def event(self) -> dict:
        return json.loads(self.value)


def make_topic(brokers: str, topic: str, partitions: int = 6, **settings: str) -> None:
    """Records are kept for ever unless it is told otherwise: those of a fixed `start` are months old."""
    client = AdminClient({"bootstrap.servers": brokers})
    settings = {"retention.ms": "-1", **{name.replace("_", "."): value for name, value in settings.items()}}
    for made in client.create_topics([NewTopic(topic, partitions, 1, config=settings)]).values():
        made.result(timeout=30)


def delete_topic(brokers: str, topic: str) -> None:
    client = AdminClient({"bootstrap.servers": brokers})
    for deleted in client.delete_topics([topic]).values():
        deleted.result(timeout=30)


def length(brokers: str, topic: str) -> int:
    """How many records a topic has; one that was just made may have no leader yet."""
    consumer, until = reader(brokers), time.monotonic() + 30
    while True:
        try:
            known = consumer.list_topics(topic, timeout=30).topics[topic]
            marks = [consumer.get_watermark_offsets(TopicPartition(topic, it), timeout=30) for it in known.partitions]
            return sum(high - low for low, high in marks)
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def records(brokers: str, topic: str) -> "list[Record]":
    """All of a topic, each partition in its order."""
    consumer = reader(brokers)
    partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    assert partitions, f"there is no topic `{topic}`"
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    found, ended = [], set()
    while len(ended) < len(partitions):
        for message in consumer.consume(num_messages=1000, timeout=1.0):
            if message.error() is None:
                headers = {name: value.decode() for name, value in message.headers() or []}
                at = message.timestamp()[1]
                place = (message.partition(), message.offset())
                found.append(Record(*place, message.key(), message.value(), at, headers))
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended.add(message.partition())
    consumer.close()
    found.sort(key=lambda record: (record.partition, record.offset))
    return found


def reader(brokers: str) -> Consumer:
    settings = {"group.id": "drill", "enable.auto.commit": False, "enable.partition.eof": True}
    return Consumer({"bootstrap.servers": brokers, "isolation.level": "read_committed", **settings})


def amazon(service: str, endpoint: str):
    names = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **names)


def objects(endpoint: str, bucket: str, prefix: str) -> "Iterator[bytes]":
    """The content of each object, unpacked."""
    client = amazon("s3", endpoint)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for listed in page.get("Contents", []):
            body = client.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read()
            yield gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def rows(url: str, database: str, sql: str) -> "list[tuple]":
    session = psycopg2.connect(url.rpartition("/")[0] + f"/{database}")
    with session.cursor() as cursor:
        cursor.execute(sql)
        found = cursor.fetchall()
    session.close()
    return found


def murmur2_partition(key: bytes, partitions: int) -> int:
    """Where Java's own client puts a key."""
    mask, times = 0xFFFFFFFF, 0x5BD1E995
    found = (0x9747B28C ^ len(key)) & mask
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * times & mask
        word = (word ^ word >> 24) * times & mask
        found = (found * times & mask) ^ word
    if key[whole:]:
        found = (found ^ int.from_bytes(key[whole:], "little")) * times & mask
    found = (found ^ found >> 13) * times & mask
    return ((found ^ found >> 15) & 0x7FFFFFFF) % partitions
