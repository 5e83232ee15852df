"""Logins and TLS against the real broker, and everything that is wrong with a far end: the exit code, and what loadgen says."""

import json
import threading
import time

import far_end
from pipeline import Pipeline, Run

SHORT = ["validity=off", "thresholds=[]"]


def drill(pipeline: Pipeline) -> None:
    print("logins and TLS, Apache Kafka, the default build")
    logins(pipeline)
    print("what is refused before anything is sent")
    wrong_logins(pipeline)
    wrong_addresses(pipeline)
    wrong_topics(pipeline)
    wrong_streams(pipeline)
    print("what is refused in mid-run, counted by class")
    old_events(pipeline)
    too_large(pipeline)
    topic_goes(pipeline)
    stream_goes(pipeline)


def kafka(pipeline: Pipeline, brokers: str, topic: str = "refusals", **words: str) -> Run:
    """A short run of page views to a listener of the broker."""
    target = ", ".join([f"brokers: '{brokers}'", f"topic: {topic}", *[f"{name}: {value}" for name, value in words.items()]])
    profile = "load.streams.sessions.profile=[{ hold: 100/s, for: 2s }]"
    return pipeline.run("@web-events-kafka", f"targets.clicks.kafka={{ {target} }}", profile, *SHORT)


def sasl(pipeline: Pipeline, mechanism: str, user: str = "", password: str = "") -> str:
    user, password = user or pipeline["KAFKA_USER"], password or pipeline["KAFKA_PASSWORD"]
    return f"{{ mechanism: {mechanism}, user: '{user}', password: '{password}' }}"


def logins(pipeline: Pipeline) -> None:
    ca = f"{{ ca: '{pipeline['KAFKA_CA']}' }}"
    own = f"{{ ca: '{pipeline['KAFKA_CA']}', certificate: '{pipeline['KAFKA_CERTIFICATE']}', key: '{pipeline['KAFKA_KEY']}' }}"
    cases = [
        ("SCRAM-SHA-512", "KAFKA_SASL", {"sasl": sasl(pipeline, "scram_sha_512")}),
        ("SCRAM-SHA-256", "KAFKA_SASL", {"sasl": sasl(pipeline, "scram_sha_256")}),
        ("PLAIN", "KAFKA_SASL", {"sasl": sasl(pipeline, "plain")}),
        ("SCRAM-SHA-512 by TLS", "KAFKA_SASL_TLS", {"sasl": sasl(pipeline, "scram_sha_512"), "tls": ca}),
        ("PLAIN by TLS", "KAFKA_SASL_TLS", {"sasl": sasl(pipeline, "plain"), "tls": ca}),
        ("TLS with a certificate of ours", "KAFKA_TLS", {"tls": own}),
    ]
    for name, listener, words in cases:
        topic = "login-" + "".join(letter for letter in name.lower() if letter.isalnum())
        run = kafka(pipeline, pipeline[listener], topic, **words).passed()
        count, found = run.events("clicks")["acknowledged"], far_end.length(pipeline["KAFKA"], topic)
        assert count == found > 0, f"{name}: {count} and {found}"
        print(f"  {name}: {count} events acknowledged, {found} found")


def refused(name: str, run: Run, *words: str) -> None:
    """Exit code 4, a line that says so, nothing secret in it."""
    said = run.said()
    assert run.code == 4, f"{name}: exit code {run.code}\n{run.out}{run.err}"
    for word in words:
        assert word in said, f"{name}: no `{word}` in: {said}"
    print(f"  {name} (4):\n    {said}")


def wrong_logins(pipeline: Pipeline) -> None:
    ca = f"{{ ca: '{pipeline['KAFKA_CA']}' }}"
    plain, login, login_tls, tls = (pipeline[it] for it in ["KAFKA", "KAFKA_SASL", "KAFKA_SASL_TLS", "KAFKA_TLS"])
    right = sasl(pipeline, "scram_sha_512")
    wrong = sasl(pipeline, "scram_sha_512", password="wr0ng")
    refused("a wrong password, SCRAM", kafka(pipeline, login, sasl=wrong), "refused the login", "`sasl`")
    nobody = sasl(pipeline, "scram_sha_512", user="nobody")
    refused("an unknown user, SCRAM", kafka(pipeline, login, sasl=nobody), "refused the login")
    wrong_plain = sasl(pipeline, "plain", password="wr0ng")
    refused("a wrong password, PLAIN by TLS", kafka(pipeline, login_tls, sasl=wrong_plain, tls=ca), "refused the login")
    refused("no login where one is wanted", kafka(pipeline, login), "`sasl`")
    refused("no TLS where it is wanted", kafka(pipeline, login_tls, sasl=right), "`tls`")
    refused("TLS where there is none", kafka(pipeline, plain, tls=ca), "`tls`")
    refused("a login where there is none", kafka(pipeline, plain, sasl=right), "`sasl`")
    refused("an authority that is not trusted", kafka(pipeline, login_tls, sasl=right, tls="{ }"), "`ca`")
    refused("no certificate of ours where one is wanted", kafka(pipeline, tls, tls=ca), "`certificate`")


def wrong_addresses(pipeline: Pipeline) -> None:
    refused("no broker there", kafka(pipeline, "127.0.0.1:9"), "is it running")
    refused("a server that is no broker", kafka(pipeline, f"127.0.0.1:{pipeline['S3'].rpartition(':')[2]}"), "Kafka")


def wrong_topics(pipeline: Pipeline) -> None:
    run = kafka(pipeline, pipeline["KAFKA"], "unknown", create="false")
    refused("an unknown topic that may not be made", run, "has no topic `unknown`", "create")
    run = kafka(pipeline, pipeline["KAFKA"], "three", replication="3")
    refused("more replicas than brokers", run, "replication")


def firehose(pipeline: Pipeline, words: str, hold: str = "100/s, for: 2s", **variables: str) -> Run:
    profile = f"load.streams.sessions.profile=[{{ hold: {hold} }}]"
    target = f"targets.clicks.firehose={{ {words} }}"
    return pipeline.run("@web-events-firehose", target, profile, *SHORT, **variables)


# Nothing of this machine's own, and nobody is asked for a role.
NO_ACCOUNT = {
    **{name: "" for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"]},
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


def wrong_streams(pipeline: Pipeline) -> None:
    at = f"endpoint: '{pipeline['FIREHOSE']}'"
    refused("a stream that does not exist", firehose(pipeline, f"{at}, stream: unknown"), "does not exist", "create")
    words = "endpoint: aws, region: eu-west-1, stream: web_events"
    run = pipeline.run("@web-events-firehose", f"targets.clicks.firehose={{ {words} }}", "allow_remote=true", **NO_ACCOUNT)
    refused("no credentials", run, "no AWS credentials", "AWS_PROFILE")
    run = pipeline.run(
        "@web-events-firehose", "targets.clicks.firehose={ endpoint: aws, stream: web_events }", "allow_remote=true",
        **{**NO_ACCOUNT, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": ""},
    )
    refused("no region", run, "no AWS region")
    refused("nobody there", firehose(pipeline, "endpoint: 'http://127.0.0.1:9', stream: any"), "does not answer")
    run = firehose(pipeline, f"endpoint: 'http://{pipeline['KAFKA']}', stream: any")
    refused("a server that is not Firehose", run, "does not answer")


def counted(name: str, run: Run, kind: str, found: int) -> None:
    """What failed has its class and its reason; what is acknowledged is there."""
    events = run.events("clicks")
    assert events["failed"] > 0 and events["sent"] == events["acknowledged"] + events["failed"] + events["unknown"], events
    assert events["acknowledged"] == found, f"{name}: {events}, found {found}"
    reasons = [line.strip() for line in run.out.splitlines() if kind in line]
    assert reasons, f"{name}: no `{kind}`\n{run.out}"
    print(f"  {name} ({run.code}): acknowledged {events['acknowledged']} and found {found}, failed {events['failed']}:")
    for reason in reasons:
        print(f"    {reason}")


def old_events(pipeline: Pipeline) -> None:
    """A topic that was there, and deletes what is as old as a fixed `start`: that is said beforehand."""
    brokers = pipeline["KAFKA"]
    far_end.make_topic(brokers, "forgetful", retention_ms="604800000")
    run = kafka(pipeline, brokers, "forgetful").passed()
    said = next(json.loads(line)["message"] for line in run.err.splitlines() if "retention.ms" in line)
    assert "`forgetful` keeps records for 168 h" in said, said
    print(f"  a topic that keeps a week, and events of a fixed start ({run.code}):\n    {said}")


def too_large(pipeline: Pipeline) -> None:
    brokers = pipeline["KAFKA"]
    far_end.make_topic(brokers, "small", max_message_bytes="1100")
    target = f"targets.clicks.kafka={{ brokers: '{brokers}', topic: small, headers: false, linger: 0ms, batch: '1' }}"
    run = pipeline.run("@web-events-kafka", target, "load.streams.sessions.profile=[{ hold: 100/s, for: 3s }]", *SHORT)
    counted("a message too large for the topic", run, "too_large", far_end.length(brokers, "small"))


def topic_goes(pipeline: Pipeline) -> None:
    brokers = pipeline["KAFKA"]
    far_end.make_topic(brokers, "going")
    words = [f"targets.clicks.kafka={{ brokers: '{brokers}', topic: going }}", "load.drain=2m", *SHORT]
    run = pipeline.start("@web-events-kafka", *words, "load.streams.sessions.profile=[{ hold: 100/s, for: 8s }]")
    while far_end.length(brokers, "going") < 300:
        assert run.child.poll() is None, run.finish().err
        time.sleep(0.05)
    far_end.delete_topic(brokers, "going")
    run.finish()
    events = run.events("clicks")
    assert events["failed"] > 0 and events["acknowledged"] >= 300, f"{events}\n{run.out}"
    counts = ", ".join(f"{name} {events[name]}" for name in ["acknowledged", "failed", "unknown"])
    print(f"  a topic that is deleted, auto-create off ({run.code}): {counts}:")
    for reason in [line.strip() for line in run.out.splitlines() if "topic" in line.lower()]:
        print(f"    {reason}")


def stream_goes(pipeline: Pipeline) -> None:
    client = far_end.amazon("firehose", pipeline["FIREHOSE"])
    arn = {"BucketARN": "arn:aws:s3:::events", "RoleARN": "arn:aws:iam::000000000000:role/any", "Prefix": "going/"}
    client.create_delivery_stream(DeliveryStreamName="going", ExtendedS3DestinationConfiguration=arn)
    threading.Timer(5, lambda: client.delete_delivery_stream(DeliveryStreamName="going")).start()
    run = firehose(pipeline, f"endpoint: '{pipeline['FIREHOSE']}', stream: going", hold="100/s, for: 10s")
    found = sum(body.count(b"\n") for body in far_end.objects(pipeline["S3"], "events", "going/"))
    counted("a stream that is deleted", run, "ResourceNotFound", found)
