"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from chipweave.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes` does.

    Raises:
        InputError: as `write_bytes`, or the text holds half a character.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: cannot be written: {error}; correct the name that holds it") from None
    write_bytes(path, content)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file as `replacing` does.

    Raises:
        InputError: as `replacing`.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to, under a temporary name in the same folder; it is renamed at the end: no reader sees half a
    file.

    An existing file is replaced and keeps its permissions; on any error it stays as it was.

    Raises:
        InputError: the path is a folder, a device or a pipe, its folder is missing, or nothing can be written there.
    """
    target = Path(os.path.realpath(path))  # write through a link, do not replace it
    _require_file(target, path)
    temporary = ""
    try:
        _sweep(target)
        descriptor, temporary = _temporary(target)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # while it is locked, so that nobody sweeps it
                _put(temporary, target)
        if fcntl is None:  # Windows renames no open file
            _put(temporary, target)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be written: {reason}; check the folder and its permissions") from None
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)  # gone already where the rename succeeded


def _put(temporary: str, target: Path) -> None:
    os.chmod(temporary, _mode(target))
    os.replace(temporary, target)


def _require_file(target: Path, path: str | Path) -> None:
    """Only files are replaced: no folder, device or pipe, and no link that leads back to itself."""
    try:
        mode = os.stat(target).st_mode
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise InputError(
                f"{path}: cannot be written: its links lead round in a circle; choose another name"
            ) from None
        return  # nothing there yet, or a name that no file system takes, which writing says
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is a device, a pipe or a socket, which is not replaced; name a file")


def _temporary(target: Path) -> tuple[int, str]:
    """A new file beside `target`, locked for as long as it is open, so that `_sweep` of others leaves it alone."""
    while True:
        descriptor, path = tempfile.mkstemp(prefix=_prefix(target), suffix=".tmp", dir=target.parent)
        _lock(descriptor, wait=True)
        if os.path.exists(path):
            return descriptor, path
        os.close(descriptor)  # swept between the two steps


def _sweep(target: Path) -> None:
    """Remove what a process that was killed while it wrote `target` left behind: nobody has it locked."""
    if fcntl is None:
        return
    with suppress(OSError):
        for entry in os.scandir(target.parent):
            if entry.name.startswith(_prefix(target)) and entry.name.endswith(".tmp"):
                with suppress(OSError):
                    descriptor = os.open(entry.path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
                    try:
                        if _lock(descriptor, wait=False):
                            os.unlink(entry.path)
                    finally:
                        os.close(descriptor)


def _prefix(target: Path) -> str:
    return f".{target.name[:60]}."


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Whether the file could be locked for this process."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # locked by another, or a file system without locks
        return False
    return True


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, where they are missing.

    Raises:
        InputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made a folder: {error.strerror}; choose another") from None


def require_writable(path: Path) -> None:
    """Say before a long search, not after it, that its result cannot be written.

    Raises:
        InputError: the path is a folder, a name that no file system takes, or the nearest folder that exists takes no
            files.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long, links that go round in circles, a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be written: {reason}; choose another name") from None
    _require_file(path, path)
    folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))  # or a link to nowhere
    if not _takes_files(folder):
        raise InputError(f"{path}: cannot be written: {folder} takes no files; choose another folder")


def _takes_files(folder: Path) -> bool:
    """Tried, with a file that has no name where the system has such: what rights say is not all that counts."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def require_inside(folder: Path, name: str) -> None:
    """A folder of results may come from others: no link in it may have a file elsewhere replaced.

    Raises:
        InputError: `name` in `folder` is, or lies behind, a link that leads out of the folder.
    """
    if not Path(os.path.realpath(folder / name)).is_relative_to(os.path.realpath(folder)):
        raise InputError(f"{folder / name}: is a link that leads out of {folder}; remove it, or choose another folder")


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced, or those of any new file."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
