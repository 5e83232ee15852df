"""The pipeline, and loadgen, as a user calls them."""

import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
# Longer than any run may take, on a busy machine too.
PATIENCE_S = 300
PROGRAM = os.environ.get("LOADGEN", str(ROOT / "target/release/loadgen"))


class Pipeline:
    """Started by `scripts/pipeline up`; what that says is the environment of every run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: "dict[str, str]" = {}

    def up(self, *parts: str) -> float:
        """Starts what of these does not run. Returns how long that took."""
        begun = time.monotonic()
        only = [word for part in parts for word in ("--only", part)]
        said = self.call("up", *only).stdout
        for line in said.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.variables[name] = shlex.split(value)[0]
        return time.monotonic() - begun

    def down(self) -> None:
        self.call("down")

    def call(self, command: str, *words: str) -> "subprocess.CompletedProcess[str]":
        program = [ROOT / "scripts/pipeline", command, "--dir", self.folder, *words]
        ended = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S)
        assert ended.returncode == 0, ended.stderr
        return ended

    def kill(self, part: str) -> None:
        """By SIGKILL: nothing is flushed, and nobody is told."""
        pid, _ = (self.folder / f"{part}.pid").read_text().split()
        os.kill(int(pid), signal.SIGKILL)

    def __getitem__(self, name: str) -> str:
        return self.variables[f"LOADGEN_{name}"]

    def start(self, scenario: str, *settings: str, **more: str) -> "Run":
        """A run that is under way; a `--set` for each setting, a variable for each of `more`."""
        return Run(scenario, settings, {**os.environ, **self.variables, **more})

    def loadgen(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Another command."""
        variables = {**os.environ, **self.variables}
        return subprocess.run([PROGRAM, *words], env=variables, capture_output=True, text=True, timeout=PATIENCE_S)

    def run(self, scenario: str, *settings: str, **more: str) -> "Run":
        """A run, to its end."""
        return self.start(scenario, *settings, **more).finish()


class Run:
    """One run of loadgen, and what came of it."""

    def __init__(self, scenario: str, settings: "tuple[str, ...]", variables: "dict[str, str]") -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="loadgen-run-")
        words = [word for setting in settings for word in ("--set", setting)]
        self.begun = time.monotonic()
        self.child = subprocess.Popen(
            [PROGRAM, "run", scenario, "--out", "out", *words],
            cwd=self.folder.name,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> "Run":
        self.out, self.err = self.child.communicate(timeout=PATIENCE_S)
        self.took_s = time.monotonic() - self.begun
        self.code = self.child.returncode
        file = Path(self.folder.name) / "out/summary.json"
        self.summary = json.loads(file.read_text()) if file.exists() else None
        return self

    def passed(self) -> "Run":
        assert self.code == 0, f"exit code {self.code}\n{self.out}{self.err}"
        return self

    def events(self, target: str) -> dict:
        return next(it for it in self.summary["events"] if it["target"] == target)

    def said(self) -> str:
        """What it says is wrong: lines that people read, without those for programs."""
        lines = [line for line in self.err.splitlines() if line.strip() and not line.startswith("{")]
        return " ".join(line.strip() for line in lines)
