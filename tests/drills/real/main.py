"""The drills against real servers: loadgen puts its load on PostgreSQL, Apache Kafka and moto's Firehose as `scripts/pipeline` starts
them, and what is there afterwards is counted by clients that are not ours (confluent-kafka, boto3, psycopg2).

    just real                    all of them, a quarter of an hour
    just real shop broker-kill   some of them: shop, broker-kill, refusals, connector, doctor

A drill fails by an assertion. `drills/real-*.txt` have what they printed.
"""

import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import broker_kill  # noqa: E402
import connector  # noqa: E402
import doctor  # noqa: E402
import refusals  # noqa: E402
import shop  # noqa: E402
from pipeline import Pipeline  # noqa: E402

DRILLS = {
    "shop": shop.drill,
    "broker-kill": broker_kill.drill,
    "refusals": refusals.drill,
    "connector": connector.drill,
    "doctor": doctor.drill,
}


def main() -> None:
    wanted = sys.argv[1:] or list(DRILLS)
    unknown = [name for name in wanted if name not in DRILLS]
    if unknown:
        sys.exit(f"there is no drill `{unknown[0]}`: {', '.join(DRILLS)}")
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory(prefix="loadgen-real-") as folder:
        # PostgreSQL runs as somebody else, and has to get in.
        Path(folder).chmod(0o755)
        pipeline = Pipeline(Path(folder) / "pipeline")
        try:
            pipeline.up("postgres", "kafka", "s3")
            for name in wanted:
                DRILLS[name](pipeline)
        finally:
            # Before the folder goes, which says what runs.
            pipeline.down()


if __name__ == "__main__":
    main()
