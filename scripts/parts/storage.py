"""S3 and Amazon Data Firehose, by moto: it keeps all in memory, and delivers each call's records into S3 at once, as an object."""

import urllib.error
import urllib.request
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from parts.process import Process
from parts.state import State

# Where the records of Firehose are delivered, and where the lake is.
EVENTS = "events"
LAKE = "lake"
ROLE = "arn:aws:iam::000000000000:role/delivery"


class Storage:
    name = "s3"

    def __init__(self, state: State) -> None:
        self.state = state
        self.process = Process(state, self.name)

    def fetch(self) -> None:
        """It is in the Python that we run in."""

    def address(self) -> str:
        return f"http://127.0.0.1:{self.state.port('s3')}"

    def exports(self) -> "dict[str, str]":
        return {"LOADGEN_FIREHOSE": self.address(), "LOADGEN_S3": self.address(), "LOADGEN_EVENTS": f"s3://{EVENTS}"}

    def start(self) -> None:
        server = Path(sys.prefix) / "bin" / "moto_server"
        self.process.start([server, "-H", "127.0.0.1", "-p", self.state.port("s3")])

    def wait(self) -> None:
        self.process.wait(self.answers)
        for bucket in [EVENTS, LAKE]:
            self.client("s3").create_bucket(Bucket=bucket)
        firehose = self.client("firehose")
        for stream in self.state.settings["streams"]:
            try:
                firehose.describe_delivery_stream(DeliveryStreamName=stream)
            except ClientError:
                bucket = {"BucketARN": f"arn:aws:s3:::{EVENTS}", "RoleARN": ROLE, "Prefix": f"{stream}/"}
                firehose.create_delivery_stream(DeliveryStreamName=stream, ExtendedS3DestinationConfiguration=bucket)

    def answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.address()}/moto-api/", timeout=2).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def client(self, service: str):
        """A client of it; any credentials will do."""
        return boto3.client(
            service,
            endpoint_url=self.address(),
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )
