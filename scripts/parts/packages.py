"""What the pipeline is made of, fetched by Maven and pip from where they fetch by themselves, and kept in the user's cache.

Each list in `packages/` becomes a folder of the cache. The folder's name has the list's hash, so a new version is fetched and an old
one is not taken for it; and it gets its name when it is whole."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Callable

from parts.state import Refused

LISTS = Path(__file__).parent / "packages"
# Named, because the one that Maven takes by itself is years older.
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def cache() -> Path:
    chosen = os.environ.get("LOADGEN_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(chosen) if chosen else base / "loadgen") / "pipeline"


def fetch_python() -> Path:
    """A Python with moto and with clients of Kafka, S3 and PostgreSQL."""
    folder = fetched("python.txt", install_python)
    return folder / "bin" / "python"


def fetch_kafka() -> Path:
    """The folder of jars of the broker and of Connect."""
    return fetched("kafka.xml", copy_jars)


def fetch_debezium() -> Path:
    """A folder of plugins of Connect."""

    def unpack(listed: Path, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as archives:
            copy_jars(listed, Path(archives))
            for archive in Path(archives).glob("*.tar.gz"):
                tarfile.open(archive).extractall(folder)

    return fetched("debezium.xml", unpack)


def fetch_lake() -> Path:
    """A folder of plugins of Connect."""

    def gather(listed: Path, folder: Path) -> None:
        copy_jars(listed, folder / "iceberg")
        # A plugin must not bring what Connect itself logs by.
        for jar in (folder / "iceberg").glob("slf4j-api-*.jar"):
            jar.unlink()

    return fetched("lake.xml", gather)


def fetched(name: str, fetch: "Callable[[Path, Path], None]") -> Path:
    listed = LISTS / name
    digest = hashlib.sha256(listed.read_bytes()).hexdigest()[:12]
    folder = cache() / f"{listed.stem}-{digest}"
    if not (folder / "complete").exists():
        print(f"fetching {listed.stem} into `{folder}`", file=sys.stderr)
        # What an earlier attempt has left is of no use; a virtual environment cannot be moved to its place later.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fetch(listed, folder)
        (folder / "complete").touch()
    return folder


def copy_jars(listed: Path, folder: Path) -> None:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        raise Refused("`mvn` and `java` (17 or later) are needed; on Debian: apt-get install maven default-jre-headless")
    run(["mvn", "--quiet", "--batch-mode", "-Dstyle.color=never", "--file", listed, COPY, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"])


def install_python(listed: Path, folder: Path) -> None:
    run([sys.executable, "-m", "venv", folder])
    run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", listed])


def run(command: "list") -> None:
    """Standard output is for what is to be exported."""
    ended = subprocess.run([str(word) for word in command], stdout=sys.stderr)
    if ended.returncode != 0:
        raise Refused(f"`{command[0]}` failed ({ended.returncode}); with the network there, call this again")
