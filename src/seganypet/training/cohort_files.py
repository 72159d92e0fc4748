"""From manifests to cases in the cache: which rows belong, which folder each has, and all that is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import ManifestError
from seganypet.io import ManifestRow, read_labels, read_manifest
from seganypet.io.side_by_side import side_by_side
from seganypet.targets import LESION
from seganypet.training.cache import cache_case, cached_folder, is_cached, open_case

OnCase = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Source:
    """A row of a manifest, and what is needed to make sense of it.

    Attributes:
        manifest: Number of its manifest.
        path: Its manifest.
        row: The row.
        labels: Ids of every name, of the same manifest.
    """

    manifest: int
    path: Path
    row: ManifestRow
    labels: Mapping[str, Sequence[int]]

    @property
    def where(self) -> str:
        """Manifest and case, for messages."""
        return f"{self.path}, case {self.row.case!r}"


def sources_of(
    manifests: Sequence[Path], split: str, splits: Sequence[str], names: Sequence[str]
) -> tuple[list[Source], list[str]]:
    """Return the rows of a split, and what is wrong with manifests, labels and names.

    Args:
        manifests: Each with its labels beside it.
        split: Name of the split, for messages.
        splits: What rows that belong to it have in their column `split`.
        names: Of targets, which some manifest must know.
    """
    sources: list[Source] = []
    problems: list[str] = []
    known = {LESION}
    for number, path in enumerate(manifests):
        if path in manifests[:number]:
            problems.append(f"{path}: given twice; leave one out")
        try:
            rows, labels = read_manifest(path), read_labels(path)
        except ManifestError as error:
            problems.append(str(error))
            continue
        if LESION in labels:
            problems.append(f"{path}: its labels.json has {LESION!r}, which stands for `lesions`; rename it")
        known |= labels.keys()
        sources += [Source(number, path, row, labels) for row in rows if row.split in splits]
    for source in sources:
        for name in source.row.targets:
            if name != LESION and name not in source.labels:
                problems.append(
                    f"{source.where}: target {name!r} is not in its labels.json; add it, or rename"
                )
    if not problems:
        problems += [
            f"target {name!r}: no labels.json has it; check the name" for name in names if name not in known
        ]
        if not sources:
            listed = ", ".join(str(path) for path in manifests)
            problems.append(f"{listed}: no case of split {split!r}; fill the column split")
    return sources, problems


def folders_of(sources: Iterable[Source], cache: Path, problems: list[str]) -> dict[Path, list[Source]]:
    """Return the cases that share a folder of the cache, by that folder; add to `problems` what is wrong."""
    folders: dict[Path, list[Source]] = {}
    for source in sources:
        try:
            folder = cached_folder(source.row, source.labels, cache)
        except OSError as error:
            problems.append(f"{source.where}: {error.filename or 'a file'} cannot be read ({error.strerror})")
            continue
        folders.setdefault(folder, []).append(source)
    return folders


def same_images(one: Iterable[Path], other: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return the folders of cases that have the same image, whatever their names and labels.

    Args:
        one: Folders of the cache; those of cases that are not there yet are passed over.
        other: To compare them with, likewise.

    Returns:
        Pairs of a folder of `one` and one of `other`; of several with the same image, the first of `one`.

    Raises:
        ImageReadError: A folder is damaged.
    """
    known: dict[bytes, Path] = {}
    for folder in filter(is_cached, one):
        known.setdefault(_middle(folder), folder)
    alike = [(known.get(_middle(folder)), folder) for folder in filter(is_cached, other)]
    return [(a, b) for a, b in alike if a is not None and np.array_equal(_suv(a), _suv(b))]


def _middle(folder: Path) -> bytes:
    """Return a hash of a plane of a case's image, which takes a moment to read and tells scans apart."""
    suv = _suv(folder)
    return hashlib.sha256(suv[suv.shape[0] // 2].tobytes()).digest()


def _suv(folder: Path) -> npt.NDArray[Any]:
    """Return a cached image, memory-mapped."""
    return open_case(folder, (), hq=True).suv


def cache_all(folders: Mapping[Path, Sequence[Source]], jobs: int, on_case: OnCase) -> list[str]:
    """Write the cases that are not there yet; return what is wrong with them, in the manifests' order.

    Args:
        folders: As of `folders_of`.
        jobs: Processes that work side by side.
        on_case: Called with the number of cases that are there, and of all, at the start and after each.

    Raises:
        OutputError: The cache cannot be written, or a process was ended.
    """
    missing = {folder: sources[0] for folder, sources in folders.items() if not is_cached(folder)}
    done = len(folders) - len(missing)
    on_case(done, len(folders))
    arguments = [(source.row, source.labels, folder) for folder, source in missing.items()]
    found: dict[int, list[str]] = {}
    for number, problems in side_by_side(cache_case, arguments, jobs, called="read_cohort"):
        found[number] = problems
        on_case(done + len(found), len(folders))
    return [
        f"{source.where}: {problem}"
        for number, source in enumerate(missing.values())
        for problem in found[number]
    ]
