"""A certificate authority of one's own, a certificate for the broker, and one for a client."""

import shutil
import subprocess
from pathlib import Path

from parts.state import Refused

DAYS = "3650"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


def make(folder: Path) -> None:
    """Leaves `ca.pem`, and of `server` and `client` `.pem` and `.key`; and for Kafka `server.chain`, both in one file."""
    if (folder / "server.chain").exists():
        return
    if shutil.which("openssl") is None:
        raise Refused("`openssl` is needed for certificates")
    authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=loadgen pipeline", "-days", DAYS]
    openssl(folder, "req", "-x509", *KEY, *authority)
    (folder / "names").write_text(NAMES)
    for name in ["server", "client"]:
        openssl(folder, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.request", "-subj", f"/CN={name}")
        signed = ["-in", f"{name}.request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
        openssl(folder, "x509", "-req", *signed, "-days", DAYS, "-out", f"{name}.pem")
    chain = [(folder / name).read_text() for name in ["server.key", "server.pem", "ca.pem"]]
    (folder / "server.chain").write_text("".join(chain))


def openssl(folder: Path, *words: str) -> None:
    ended = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    if ended.returncode != 0:
        raise Refused(f"`openssl {words[0]}` failed: {ended.stderr.strip()}")
