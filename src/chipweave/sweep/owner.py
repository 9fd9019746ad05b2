"""Who works on a sweep: a name of this process that no other ever has, and whether its process has ended."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path


def this_owner() -> str:
    """A new name for work of this process: machine, number, start and something random."""
    return f"{_machine()}|{os.getpid()}|{_started(os.getpid())}|{uuid.uuid4().hex[:12]}"


def has_ended(owner: str) -> bool:
    """Whether it is certain that an owner's process is gone; of other machines nothing is."""
    parts = owner.split("|")
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdecimal():
        return False
    process, started = int(parts[1]), parts[2]
    if not Path("/proc/self/stat").exists():
        return os.name == "posix" and not _is_there(process)
    return _started(process) != started


def _machine() -> str:
    """The host, and on Linux the space in which it counts its processes: containers may share a host's name."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()}{space}"


def _started(process: int) -> str:
    """When a process started, in the system's ticks; empty where there is none, or the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]  # one that nobody has waited for yet has ended


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
