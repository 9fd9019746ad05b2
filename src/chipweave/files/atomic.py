"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from chipweave.errors import InputError


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
    """Write a file under a temporary name in the same folder, then rename: no reader sees half a file.

    An existing file is replaced and keeps its permissions; on any error it stays as it was.

    Raises:
        InputError: the path is a folder, its folder is missing, or nothing can be written there.
    """
    target = Path(os.path.realpath(path))  # write through a link, do not replace it
    if os.path.isdir(target):  # unlike Path.is_dir, quiet about names no file system takes
        raise InputError(f"{path}: is a folder; name a file in it")
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=".tmp", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be written: {reason}; check the folder and its permissions") from None
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)  # gone already where the rename succeeded


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
        InputError: the path is a folder, or the nearest folder that exists takes no files.
    """
    if os.path.isdir(path):  # unlike pathlib, quiet about names that no file system takes
        raise InputError(f"{path}: is a folder; name a file in it")
    folder = next(parent for parent in path.absolute().parents if os.path.exists(parent))
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written: {folder} takes no files; choose another folder")


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced, or those of any new file."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
