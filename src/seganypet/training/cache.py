"""The cases of a cohort as memory-mapped arrays on disk: written once, shared by runs, read where a patch needs them.

A case is a folder with `suv.npy` (float16), `reference.npy`, `lesions.npy` and `clean.npy` (unsigned integers; those
that it has), all on the image's own grid, and `case.json`, which says where its targets lie. The folder's name holds
a hash of everything that its content depends on, and it appears when all of it is written: what has the name is
whole and never changes. Folders of images that have changed since stay until the cache is deleted.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import ImageReadError, OutputError, SegAnyPETWarning
from seganypet.io import ManifestRow, write_json
from seganypet.io.case_files import source_files
from seganypet.targets import MIN_VOXELS
from seganypet.training.case_images import MAPS, CaseImages, read_images
from seganypet.training.cases import CachedCase, Target, targets_of
from seganypet.volume import Affine

CACHE_VERSION: Final = 1
"""Part of every name; raised whenever the same sources would give another content."""

_RECORD: Final = "case.json"
_ARRAYS: Final = {"suv": "suv", "reference": "reference", "lesions": "lesions", "clean_reference": "clean"}
_PARTIAL: Final = ".partial"
_LEFTOVER_AFTER_S: Final = 24 * 3600
# Each case holds up to four file descriptors, of which systems allow a process 1,024.
_OPEN_CASES: Final = 64


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """What a cached case holds, without its voxels.

    Attributes:
        folder: Where it lies.
        targets: What can be segmented in it.
        small: Names of the targets that were left out because they have fewer than `MIN_VOXELS`.
        unnamed: Ids of its reference that no name stands for.
        notes: What was unusual about its files and was accepted.
    """

    folder: Path
    targets: tuple[Target, ...]
    small: tuple[str, ...]
    unnamed: tuple[int, ...]
    notes: tuple[str, ...]


def cached_folder(row: ManifestRow, labels: Mapping[str, Sequence[int]], cache: Path) -> Path:
    """Return the folder in which a case lies, or will lie, while its files are as they are now.

    Args:
        row: The case, of a manifest.
        labels: Ids of every name, of the same manifest.
        cache: Folder of all cases.

    Raises:
        OSError: A file of the case cannot be looked at.
    """
    depends_on = {
        "version": [CACHE_VERSION, MIN_VOXELS],
        "files": source_files(row, ("image", *MAPS)),
        "labels": labels,
        "targets": row.targets,
    }
    digest = hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()[:20]
    return cache / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', row.case).lstrip('.')[:60]}-{digest}"


def cache_case(row: ManifestRow, labels: Mapping[str, Sequence[int]], folder: Path) -> list[str]:
    """Write a case into the folder that `cached_folder` gave, if it is not there; return what is wrong with it.

    Nothing is written where something is wrong. A process that writes the same case at the same time does no harm.

    Raises:
        OutputError: The folder cannot be written.
    """
    if is_cached(folder):
        return []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SegAnyPETWarning)
        images, problems = read_images(row)
    if images is None:
        return problems
    try:
        changed = cached_folder(row, labels, folder.parent) != folder
    except OSError:
        changed = True
    if changed:
        return ["its files changed while they were read; start again when they are complete"]
    notes = [str(note.message) for note in caught if issubclass(note.category, SegAnyPETWarning)]
    with _whole(folder) as place:
        _write(place, row, labels, images, notes)
    return []


def is_cached(folder: Path) -> bool:
    """Return whether a case is there; what is there is whole."""
    return (folder / _RECORD).exists()


def read_entry(folder: Path) -> CacheEntry:
    """Return what a cached case holds.

    Raises:
        ImageReadError: The folder is damaged.
    """
    record = _record(folder)
    return CacheEntry(
        folder=folder,
        targets=tuple(_target_from(target) for target in record["targets"]),
        small=tuple(record["small"]),
        unnamed=tuple(record["unnamed"]),
        notes=tuple(record["notes"]),
    )


def open_case(folder: Path, targets: tuple[Target, ...], *, hq: bool) -> CachedCase:
    """Return a cached case, memory-mapped; of those opened last, this process keeps a few open.

    Args:
        folder: As of `CacheEntry`.
        targets: Those of its targets that count.
        hq: Whether its labels are of high quality.

    Raises:
        ImageReadError: The folder is damaged, or gone.
    """
    affine, arrays = _opened(folder)
    return CachedCase(
        suv=arrays["suv"],
        reference=arrays.get("reference"),
        lesions=arrays.get("lesions"),
        clean=arrays.get("clean_reference"),
        affine=affine,
        targets=targets,
        hq=hq,
    )


def remove_leftovers(cache: Path) -> None:
    """Remove what killed processes left more than a day ago; younger ones may be being written."""
    for place in cache.glob(f".*{_PARTIAL}"):
        try:
            old = time.time() - place.stat().st_mtime > _LEFTOVER_AFTER_S
        except OSError:  # finished, or removed by another run
            continue
        if old:
            shutil.rmtree(place, ignore_errors=True)


def _write(
    place: Path,
    row: ManifestRow,
    labels: Mapping[str, Sequence[int]],
    images: CaseImages,
    notes: Sequence[str],
) -> None:
    """Write arrays and record; the record says nothing of quality, which is the manifest's to say."""
    maps, volume = images.maps, images.volume
    reference, lesions = maps.get("reference"), maps.get("lesions")
    targets, small = targets_of(
        reference, lesions, labels, volume.affine, names=row.targets, find_deepest=True
    )
    limit = float(np.finfo(np.float16).max)
    np.save(place / "suv.npy", np.clip(volume.array, -limit, limit).astype(np.float16, order="C"))
    for column, label_map in maps.items():
        np.save(place / f"{_ARRAYS[column]}.npy", np.ascontiguousarray(label_map))
    named = {identifier for ids in labels.values() for identifier in ids}
    present = set() if reference is None else set(np.flatnonzero(np.bincount(reference.ravel())).tolist())
    record = {
        "case": row.case,
        "image": row.image,
        "affine": volume.affine,
        "shape": volume.shape,
        "arrays": ["suv", *maps],
        "targets": [asdict(target) for target in targets],
        "small": small,
        "unnamed": sorted(present - named - {0}),
        "notes": notes,
    }
    write_json(record, place / _RECORD)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a folder that takes its name when the block succeeds, and is removed when it does not."""
    place = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        place.mkdir(parents=True)
        yield place
        try:
            place.replace(folder)
        except OSError:
            if not is_cached(folder):  # else another process was quicker, with the same content
                raise
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder or free space"
        ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


@lru_cache(maxsize=_OPEN_CASES)
def _opened(folder: Path) -> tuple[Affine, dict[str, npt.NDArray[Any]]]:
    """Return affine and memory-mapped arrays, by column of the manifest."""
    record = _record(folder)
    affine = np.array(record["affine"], dtype=np.float64)
    affine.setflags(write=False)
    try:
        arrays = {name: np.load(folder / f"{_ARRAYS[name]}.npy", mmap_mode="r") for name in record["arrays"]}
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from error
    return affine, arrays


def _record(folder: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from error
    return record


def _damaged(folder: Path, error: Exception) -> ImageReadError:
    return ImageReadError(f"{folder}: cannot be read ({error}); remove it to have it written again")


def _target_from(values: Mapping[str, Any]) -> Target:
    """Return a target as JSON holds it."""
    tupled: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return Target(**tupled)
