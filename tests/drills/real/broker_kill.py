"""`kill -9` of the only broker in mid-run; it comes back three seconds later, while loadgen goes on."""

import random
import time

import far_end
from pipeline import Pipeline, Run

ROUNDS = 10
FEW = 2
AWAY_S = 3
PROFILE = "load.streams.sessions.profile=[{ hold: 1500/s, for: 20s }]"


def drill(pipeline: Pipeline) -> None:
    print(f"kill -9 of Apache Kafka under page views, acks=all, started again after {AWAY_S} s: @web-events-kafka, start: now")
    for number in range(1, ROUNDS + 1):
        run, found, when = one(pipeline, f"killed-{number}", "start=now")
        events = run.passed().events("clicks")
        distinct = len(set(found))
        assert events["acknowledged"] == events["sent"] == len(found) == distinct, f"{events}, found {len(found)}, {distinct}"
        assert events["failed"] == events["unknown"] == events["repeated"] == 0, events
        tell(number, run, events, found, when)
    print("the same with idempotence: false, where what is sent again may be there twice:")
    doubled(pipeline, "careless", "start=now", "targets.clicks.kafka.idempotence=false")
    print("the same with the fixed start of the scenario: a broker forgets producers by the times of their records, and so, when it starts")
    print("again, the one whose events are older than a day")
    doubled(pipeline, "old")
    print("the same with timeout: 4s, and a broker that stays away for 12 s:")
    for number in range(1, FEW + 1):
        run, found, when = one(pipeline, f"late-{number}", "start=now", "targets.clicks.kafka.timeout=4s", away_s=12)
        events = run.events("clicks")
        assert len(found) == len(set(found)), f"{len(found) - len(set(found))} are doubled: {events}"
        most = events["acknowledged"] + events["unknown"]
        assert events["acknowledged"] <= len(found) <= most, f"{events}, found {len(found)}"
        assert events["sent"] == most + events["failed"], events
        tell(number, run, events, found, when)


def doubled(pipeline: Pipeline, name: str, *settings: str) -> None:
    """Nothing is missing, and no more is there twice than loadgen says."""
    for number in range(1, FEW + 1):
        run, found, when = one(pipeline, f"{name}-{number}", *settings)
        events = run.passed().events("clicks")
        distinct = len(set(found))
        assert events["acknowledged"] == events["sent"] == distinct, f"{events}, found {distinct}"
        assert len(found) - distinct <= events["repeated"], f"{len(found) - distinct} are doubled: {events}"
        tell(number, run, events, found, when)


def one(pipeline: Pipeline, topic: str, *settings: str, away_s: float = AWAY_S) -> "tuple[Run, list[str], float]":
    """A run whose broker is killed; the ids of the events that are there in the end, and when it was killed."""
    brokers = pipeline["KAFKA"]
    far_end.make_topic(brokers, topic)
    words = [f"targets.clicks.kafka.topic={topic}", PROFILE, "validity=off", "thresholds=[]", "load.drain=2m", *settings]
    run = pipeline.start("@web-events-kafka", *words)
    while far_end.length(brokers, topic) == 0:
        assert run.child.poll() is None, run.finish().err
        time.sleep(0.1)
    when = random.uniform(2, 14)
    time.sleep(when)
    pipeline.kill("kafka")
    time.sleep(away_s)
    pipeline.up("kafka")
    run.finish()
    found = [record.event["event_id"] for record in far_end.records(brokers, topic)]
    far_end.delete_topic(brokers, topic)
    return run, found, when


def tell(number: int, run: Run, events: dict, found: "list[str]", when: float) -> None:
    counts = ", ".join(f"{name} {events[name]}" for name in ["acknowledged", "failed", "unknown", "repeated"])
    print(
        f"round {number:>2}: {run.took_s:5.1f} s, killed {when:4.1f} s after the first; summary: {counts};"
        f" counted by a consumer: {len(found)}, {len(found) - len(set(found))} of them twice"
    )
