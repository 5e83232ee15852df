"""Servers that go on when the program that started them has ended, and are found again by the next one."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, Optional

from parts.state import Refused, State

# A machine that is busy may take so long; on an idle one it is seconds.
READY_WITHIN_S = 120
STOPPED_WITHIN_S = 60
# How each is asked to end; by SIGTERM PostgreSQL waits until its clients have gone.
ENDS = {"postgres": signal.SIGINT}


class Process:
    """One server, known by its pid and the moment at which it began: a pid alone may be somebody else's by now."""

    def __init__(self, state: State, name: str) -> None:
        self.name = name
        self.file = state.folder / f"{name}.pid"
        self.log = state.folder / f"{name}.log"
        self.end = ENDS.get(name, signal.SIGTERM)
        self.child: "Optional[subprocess.Popen]" = None

    def start(self, command: "list[str]", environment: "Optional[dict]" = None, user: "Optional[str]" = None) -> None:
        as_user = {"user": user, "group": user_group(user), "extra_groups": []} if user else {}
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **(environment or {})},
                # Ctrl-C is for us, not for what we have started.
                start_new_session=True,
                **as_user,
            )
        self.file.write_text(f"{self.child.pid} {begin_of(self.child.pid)}\n")

    def pid(self) -> "Optional[int]":
        """The pid, if it runs."""
        if self.child is not None:
            # One that has ended stays in the table until its parent has asked.
            self.child.poll()
        if not self.file.exists():
            return None
        pid, begin = self.file.read_text().split()
        return int(pid) if begin_of(int(pid)) == begin else None

    def stop(self) -> None:
        pid = self.pid()
        if pid is not None:
            os.kill(pid, self.end)
            until = time.monotonic() + STOPPED_WITHIN_S
            while self.pid() is not None:
                if time.monotonic() > until:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.02)
        self.file.unlink(missing_ok=True)

    def wait(self, is_ready: "Callable[[], bool]") -> None:
        """Waits until it is ready; says what it said last if it never is."""
        until = time.monotonic() + READY_WITHIN_S
        while not is_ready():
            if self.pid() is None:
                raise Refused(f"{self.name} has ended:\n{self.last_words()}")
            if time.monotonic() > until:
                raise Refused(f"{self.name} is not ready after {READY_WITHIN_S} s:\n{self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([*lines[-15:], f"its log: {self.log}"])

    def memory_mib(self) -> int:
        """What it has in memory, with its children."""
        said = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True).stdout
        rows = [[int(word) for word in line.split()] for line in said.splitlines()]
        pid = self.pid()
        return sum(rss for own, parent, rss in rows if pid in (own, parent)) // 1024


def begin_of(pid: int) -> str:
    """When a process began, in words that no other process of that pid has; nothing if there is none."""
    try:
        # Behind the program's name, which may hold anything, in brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return ""
    said = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True).stdout
    state, _, begin = said.strip().partition(" ")
    return "" if state.startswith("Z") else "-".join(begin.split())


def user_group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid
