"""PostgreSQL, by the machine's own programs, with what change data capture needs."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Optional

import psycopg2

from parts.process import Process
from parts.state import Refused, State

USERS = ["postgres", "nobody"]
SETTINGS = {
    "wal_level": "logical",
    "max_replication_slots": 32,
    "max_wal_senders": 32,
    "max_connections": 200,
    # A connector that nobody stopped cannot fill the disk.
    "max_slot_wal_keep_size": "8GB",
    "password_encryption": "scram-sha-256",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}
# Where the lake's catalog is kept.
CATALOG = "lake_catalog"
# How long a server may refuse to start because a killed one's sessions are still there.
AWAY_WITHIN_S = 30


class Postgres:
    name = "postgres"

    def __init__(self, state: State) -> None:
        self.state = state
        self.process = Process(state, self.name)

    def fetch(self) -> None:
        program("initdb")

    def address(self) -> str:
        return f"127.0.0.1:{self.state.port('postgres')}"

    def exports(self) -> "dict[str, str]":
        return {"LOADGEN_POSTGRES": f"postgres://postgres:{self.state.password}@{self.address()}/postgres"}

    def start(self) -> None:
        data = self.state.folder / "postgres"
        if not (data / "PG_VERSION").exists():
            self.initialise(data, somebody_else())
        words = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [program("postgres"), "-D", data, "-p", self.state.port("postgres"), *words]
        self.process.start(command, user=somebody_else())

    def initialise(self, data: Path, user: "Optional[str]") -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        password = self.state.folder / "postgres.password"
        password.touch(mode=0o600)
        password.write_text(self.state.password)
        as_user = {}
        if user:
            for path in [data, password]:
                shutil.chown(path, user)
            as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
            closed = [it for it in self.state.folder.parents if not it.stat().st_mode & 0o001]
            if closed:
                raise Refused(f"`{closed[0]}` is closed to `{user}`, as whom PostgreSQL runs: name another folder by `--dir`")
        words = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--locale=C", "-N"]
        ended = subprocess.run(
            [program("initdb"), "-D", str(data), *words], capture_output=True, text=True, cwd="/", **as_user
        )
        password.unlink()
        if ended.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise Refused(f"PostgreSQL's folder is not made:\n{ended.stdout}{ended.stderr}")

    def wait(self) -> None:
        until = time.monotonic() + AWAY_WITHIN_S
        while True:
            try:
                self.process.wait(self.answers)
                break
            except Refused:
                # Sessions of a server that was killed let go of its memory a while later, and no other starts before.
                if self.process.pid() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.5)
                self.start()
        session = self.connect()
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [CATALOG])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {CATALOG}")
        session.close()

    def answers(self) -> bool:
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            return False

    def connect(self, database: str = "postgres"):
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.state.port("postgres"),
            user="postgres",
            password=self.state.password,
            dbname=database,
            connect_timeout=5,
        )


def somebody_else() -> "Optional[str]":
    """As whom a server of root's runs; PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for user in USERS:
        try:
            return pwd.getpwnam(user).pw_name
        except KeyError:
            pass
    raise Refused(f"PostgreSQL does not run as root, and there is none of {', '.join(USERS)}")


def program(name: str) -> str:
    """One of PostgreSQL's programs: of `PG_BIN`, of the path, or the newest where distributions put them."""
    folders = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    found = shutil.which(name)
    folders += [Path(found).parent] if found else []
    patterns = ["/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"]
    for pattern in patterns:
        folders += sorted(Path("/").glob(pattern.lstrip("/")), key=version_of, reverse=True)
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    raise Refused("there is no PostgreSQL here: install it (Debian: apt-get install postgresql), or set `PG_BIN`")


def version_of(folder: Path) -> int:
    digits = "".join(letter for letter in str(folder) if letter.isdigit())
    return int(digits or 0)
