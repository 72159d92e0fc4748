"""What a run was: command, inputs with their hashes, versions, configuration and times."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from seganypet.errors import ImageReadError
from seganypet.volume import Source

_PACKAGES = ("seganypet", "numpy", "nibabel", "pydicom")


def run_record(
    command: str | Sequence[str],
    inputs: Sequence[str | Path | Source],
    outputs: Sequence[str | Path],
    config: Any,
    started: datetime,
    *,
    finished: datetime | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what must be known to repeat a run, ready for `write_json`.

    Args:
        command: The command line, whole or as its arguments.
        inputs: Files, folders, or the `Source` of a volume that was read; a DICOM series is hashed in
            slice order, a folder in the order of its file names.
        outputs: Files that were written.
        config: The resolved configuration: a dataclass or a mapping.
        started: When the run began; without a time zone it is taken as local time.
        finished: When it ended; now by default.
        extra: Further entries, which may not replace those above.

    Raises:
        ImageReadError: An input cannot be read.
        ValueError: An entry of `extra` has the name of one of the record's own.
    """
    began = started.astimezone()
    ended = (finished or datetime.now(UTC)).astimezone(began.tzinfo)
    record: dict[str, Any] = {
        "command": command if isinstance(command, str) else list(command),
        "inputs": [_described(entry) for entry in inputs],
        "outputs": [str(path) for path in outputs],
        "config": asdict(config) if is_dataclass(config) and not isinstance(config, type) else config,
        "versions": _versions(),
        "platform": platform.platform(),
        "started": began.isoformat(timespec="seconds"),
        "finished": ended.isoformat(timespec="seconds"),
        "duration_s": round((ended - began).total_seconds(), 3),
    }
    if taken := sorted(set(record) & set(extra or ())):
        raise ValueError(f"entries {taken} are the record's own; choose other names")
    return record | dict(extra or {})


def sha256_of_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageReadError: The file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageReadError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error


def sha256_of_files(paths: Sequence[str | Path]) -> str:
    """Return one SHA-256 for several files: that of their hexadecimal hashes, one after the other.

    Names and folders play no part, the order does.

    Raises:
        ImageReadError: A file cannot be read.
    """
    return hashlib.sha256("".join(sha256_of_file(path) for path in paths).encode("ascii")).hexdigest()


def _described(entry: str | Path | Source) -> dict[str, Any]:
    """Return path, number of files and hash of one input."""
    if isinstance(entry, Source):
        if entry.kind == "memory":
            return {"path": "", "kind": "memory"}
        if entry.dicom_files:
            return _described_files(entry.path, "dicom", entry.dicom_files)
        entry = entry.path
    path = Path(entry)
    if path.is_dir():
        return _described_files(path, "folder", sorted(p for p in path.rglob("*") if p.is_file()))
    return {"path": str(path), "kind": "file", "sha256": sha256_of_file(path)}


def _described_files(path: str | Path, kind: str, files: Sequence[str | Path]) -> dict[str, Any]:
    return {"path": str(path), "kind": kind, "files": len(files), "sha256": sha256_of_files(files)}


def _versions() -> dict[str, str | None]:
    """Return the versions of Python and of the packages a result depends on; torch only where it is used."""
    packages = (*_PACKAGES, *(("torch",) if "torch" in sys.modules else ()))
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return getattr(sys.modules.get(package), "__version__", None)
