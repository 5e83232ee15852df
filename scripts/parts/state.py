"""The folder of a pipeline: what was decided when it was made, so that whoever comes later finds the same."""

import json
import os
import random
import secrets
import shutil
import socket
from pathlib import Path

PORTS = ["postgres", "kafka", "kafka_sasl", "kafka_sasl_tls", "kafka_tls", "controller", "s3", "connect"]
# Below those that systems give to outgoing connections: a client that tries a server which is away for a moment could
# be given the server's own port, and be connected to itself.
PORTS_FROM = range(20_000, 32_000)


class Refused(Exception):
    """What keeps a pipeline from running, in words for people."""


class State:
    """A pipeline's folder, and what `pipeline.json` in it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "pipeline.json"
        self.is_new = not self.is_there()
        self.settings = {} if self.is_new else json.loads(self.file.read_text())

    def is_there(self) -> bool:
        return self.file.exists()

    def make(self) -> None:
        """Makes the folder. One that others have filled is not ours to use, and later to remove."""
        if self.is_there():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.getuid():
            raise Refused(f"`{self.folder}` is somebody else's: name another by `--dir`")
        if any(entry.name != "lock" for entry in self.folder.iterdir()):
            raise Refused(f"`{self.folder}` is not empty, and not a pipeline's: name another by `--dir`")
        # A server of root's runs as somebody else, who has to get at its folder inside.
        self.folder.chmod(0o755)
        self.settings = {"password": secrets.token_hex(16), "ports": {}}
        self.save()

    def take_ports(self, chosen: "list[str]") -> None:
        """Ports stay what they are: what was told where the broker is would not find it again."""
        ports = self.settings["ports"]
        for text in chosen:
            name, _, port = text.partition("=")
            if name not in PORTS or not port.isdigit():
                raise Refused(f"`--port {text}`: write NAME=PORT; there are {', '.join(PORTS)}")
            if ports.get(name, int(port)) != int(port):
                raise Refused(f"`{name}` has port {ports[name]} already: `scripts/pipeline down` first")
            ports[name] = int(port)
        missing = [name for name in PORTS if name not in ports]
        ports.update(zip(missing, free_ports(len(missing), set(ports.values()))))

    def save(self) -> None:
        """Written whole or not at all, and for its owner alone: there are passwords in it."""
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self.settings, indent=2))
        new.replace(self.file)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def port(self, name: str) -> int:
        return self.settings["ports"][name]

    @property
    def password(self) -> str:
        return self.settings["password"]

    def subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True, mode=0o700)
        return path


def free_ports(count: int, taken: "set[int]") -> "list[int]":
    found = []
    for port in random.sample(PORTS_FROM, len(PORTS_FROM)):
        if len(found) == count:
            break
        if port not in taken and is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
