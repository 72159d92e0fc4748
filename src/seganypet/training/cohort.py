"""The cases of one or more manifests, checked and cached before the first step, with all that is wrong in one error."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from seganypet.errors import ManifestError, SegAnyPETWarning, UsageError
from seganypet.targets import MIN_VOXELS
from seganypet.training.cache import CacheEntry, open_case, read_entry, remove_leftovers
from seganypet.training.cases import CachedCase, Target
from seganypet.training.cohort_files import OnCase, Source, cache_all, folders_of, same_images, sources_of
from seganypet.training.cohort_summary import summary_of
from seganypet.training.folders import require_folder

SPLITS_OF: Final[Mapping[str, tuple[str, ...]]] = {"train": ("train", ""), "val": ("val",)}
"""Rows that belong to a split; those without one are for training."""

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class CohortCase:
    """One case of a cohort, without its voxels.

    Attributes:
        name: As its manifest calls it; two manifests may use the same name.
        manifest: Number of its manifest in `Cohort.manifests`.
        hq: Whether its labels are of high quality; an empty cell of the manifest counts as "hq".
        folder: Where its arrays lie.
        targets: What to segment in it; never empty.
    """

    name: str
    manifest: int
    hq: bool
    folder: Path
    targets: tuple[Target, ...]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Cases to train or validate on. Only their index is in memory.

    Attributes:
        manifests: Where they come from.
        split: "train" or "val".
        cases: Those that have a target, in the manifests' order.
        left_out: Why something was left out, and how often, by name.
    """

    manifests: tuple[Path, ...]
    split: str
    cases: tuple[CohortCase, ...]
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def open(self, number: int) -> CachedCase:
        """Return a case, memory-mapped.

        Raises:
            ImageReadError: Its folder in the cache is damaged, or gone.
        """
        case = self.cases[number]
        return open_case(case.folder, case.targets, hq=case.hq)

    def summary(self) -> dict[str, Any]:
        """Return cases, targets by name, quality and size, and what was left out and why, as JSON holds it."""
        return {
            "manifests": [str(path) for path in self.manifests],
            "split": self.split,
            **summary_of([(case.hq, case.targets) for case in self.cases]),
            "left_out": {reason: dict(counts) for reason, counts in self.left_out.items()},
        }


def read_cohort(
    manifests: Sequence[Path],
    split: str,
    cache: Path,
    *,
    names: Sequence[str] = (),
    jobs: int = 1,
    on_case: OnCase | None = None,
) -> Cohort:
    """Return the cases of a split that have targets; every file is read once, checked, and kept in the cache.

    Targets of a case are the names of `labels.json` that its reference holds, and each instance of its lesions;
    where the row lists targets, only those. Ids without a name and cases without a target are left out with a
    warning, as are names that no case holds; targets of fewer than `MIN_VOXELS` voxels are counted in the summary.
    Cases of split "val" whose image is that of a case of split "train" in the same cache are warned of.

    Args:
        manifests: Each with a `labels.json` of its own beside it.
        split: "train" (rows without a split included) or "val".
        cache: Folder for the cases, made if needed; several runs may share it at the same time.
        names: Which targets count, "lesion" for the lesions; empty for all.
        jobs: Processes that read side by side.
        on_case: Called with the number of cases that are cached, and of all, at the start and after each.

    Raises:
        ManifestError: What `check_cohort` finds, before any image is read; else everything that is wrong with the
            images, in one message: a file that cannot be read; a map on another grid than its image, or with values
            that are no ids; no target at all.
        OutputError: The cache is a file, lies in one, or cannot be written.
        UsageError: Another split, no manifest, or `jobs` below 1.
    """
    if jobs < 1:
        raise UsageError(f"jobs is {jobs}; expected 1 or more")
    folders = _checked(manifests, split, cache, names)
    remove_leftovers(cache)
    _refuse(cache_all(folders, jobs, on_case or (lambda done, cases: None)))
    cohort = _cohort(tuple(manifests), split, folders, names)
    if split == "val":
        training, _ = sources_of(manifests, "train", SPLITS_OF["train"], names)
        _warn(_trained_on(folders_of(training, cache, []), folders))
    return cohort


def check_cohort(manifests: Sequence[Path], split: str, cache: Path, *, names: Sequence[str] = ()) -> None:
    """Refuse what `read_cohort` would, as far as that takes no image: reading them can take hours.

    Args:
        manifests: As for `read_cohort`.
        split: As for `read_cohort`.
        cache: As for `read_cohort`; nothing is written.
        names: As for `read_cohort`.

    Raises:
        ManifestError: Everything that is wrong, in one message: a manifest or its labels; a file that is not there;
            a name that is unknown; no case of the split.
        OutputError: The cache is a file, or lies in one.
        UsageError: Another split, or no manifest.
    """
    _checked(manifests, split, cache, names)


def _checked(
    manifests: Sequence[Path], split: str, cache: Path, names: Sequence[str]
) -> dict[Path, list[Source]]:
    """Return the cases that share a folder of the cache, by that folder."""
    if split not in SPLITS_OF:
        raise UsageError(f"split {split!r}; expected {' or '.join(SPLITS_OF)}")
    if not manifests:
        raise UsageError("no manifest; give one or more")
    require_folder(cache)
    sources, problems = sources_of(manifests, split, SPLITS_OF[split], names)
    folders = folders_of(sources, cache, problems)
    _refuse(problems)
    return folders


def _cohort(
    manifests: tuple[Path, ...],
    split: str,
    folders: Mapping[Path, Sequence[Source]],
    names: Sequence[str],
) -> Cohort:
    """Return the cohort of cases that are all cached, and warn of what is left out."""
    cases: list[CohortCase] = []
    entries: list[tuple[Source, CacheEntry]] = []
    left_out: dict[str, Counter[str]] = {}
    without: list[tuple[Source, str]] = []
    for folder, sources in folders.items():
        entry = read_entry(folder)
        targets = tuple(target for target in entry.targets if not names or target.name in names)
        for source in sources:
            entries.append((source, entry))
            _count_left_out(left_out, source, entry, names)
            if targets:
                hq = source.row.quality != "lq"
                cases.append(CohortCase(source.row.case, source.manifest, hq, folder, targets))
            else:
                without.append((source, _why_without(source, entry)))
    if without:
        left_out["cases without a target"] = Counter({"cases": len(without)})
    if not cases:
        found = _listed([f"{source.row.case!r} ({why})" for source, why in without])
        raise ManifestError(
            f"{', '.join(map(str, manifests))}: no case of split {split!r} has a target of {MIN_VOXELS} voxels or "
            f"more: {found}; check reference, lesions, targets and labels.json"
        )
    left_out["ids without a name in labels.json"] = Counter(
        str(i) for _, entry in entries for i in entry.unnamed
    )
    absent = _in_no_case(entries, names)
    left_out["in no case"] = Counter(dict.fromkeys(absent, len(entries)))
    _warn([f"{source.where}: has no target: left out ({why})" for source, why in without])
    _warn(_unnamed(entries))
    if absent:
        found = ", ".join(map(repr, absent))
        _warn(
            [f"no case of split {split!r} holds {found}: left out; check targets and the ids in labels.json"]
        )
    _warn([note for _, entry in entries for note in entry.notes])
    return Cohort(manifests, split, tuple(cases), left_out)


def _count_left_out(
    left_out: dict[str, Counter[str]], source: Source, entry: CacheEntry, names: Sequence[str]
) -> None:
    """Count, by reason and name, the targets that a case does not give."""
    small = [name for name in entry.small if not names or name in names]
    left_out.setdefault(f"fewer than {MIN_VOXELS} voxels", Counter()).update(small)
    there = {target.name for target in entry.targets} | set(entry.small)
    absent = [name for name in source.row.targets if name not in there and (not names or name in names)]
    left_out.setdefault("listed in targets, but not in the label map", Counter()).update(absent)
    if names:
        others = [target.name for target in entry.targets if target.name not in names]
        left_out.setdefault("not asked for", Counter()).update(others)


def _why_without(source: Source, entry: CacheEntry) -> str:
    """Return why a case has no target."""
    row = source.row
    if row.reference is None and row.lesions is None:
        return "neither reference nor lesions are given"
    others = [target.name for target in entry.targets]
    others += [f"{name} of fewer than {MIN_VOXELS} voxels" for name in entry.small]
    if others:
        return f"it has only {_listed(list(dict.fromkeys(others)))}"
    if entry.unnamed:
        return f"labels.json has no name for id {_listed(entry.unnamed)}"
    return "its label maps hold none of the row's targets" if row.targets else "its label maps are all zero"


def _in_no_case(entries: Sequence[tuple[Source, CacheEntry]], names: Sequence[str]) -> list[str]:
    """Return those of the names asked for, or else of those that rows list, that no case holds."""
    listed = names or [name for source, _ in entries for name in source.row.targets]
    there = {target.name for _, entry in entries for target in entry.targets}
    there.update(name for _, entry in entries for name in entry.small)
    return [name for name in dict.fromkeys(listed) if name not in there]


def _unnamed(entries: Iterable[tuple[Source, CacheEntry]]) -> list[str]:
    """Return one message a manifest for the ids that no name stands for."""
    ids: dict[Path, set[int]] = {}
    cases: dict[Path, list[str]] = {}
    for source, entry in entries:
        if entry.unnamed:
            ids.setdefault(source.path, set()).update(entry.unnamed)
            cases.setdefault(source.path, []).append(repr(source.row.case))
    return [
        f"{path}: labels.json has no name for id {', '.join(map(str, sorted(found)))} in the reference of "
        f"{len(cases[path])} case{'' if len(cases[path]) == 1 else 's'}: ignored ({_listed(cases[path])})"
        for path, found in ids.items()
    ]


def _trained_on(
    training: Mapping[Path, Sequence[Source]], held_out: Mapping[Path, Sequence[Source]]
) -> list[str]:
    """Return a message if cases to validate on have images that are trained on."""
    pairs = [
        f"{other.row.case!r} that of {training[folder][0].row.case!r}"
        for folder, same in same_images(training, held_out)
        for other in held_out[same]
    ]
    if not pairs:
        return []
    return [
        f"cases of split 'val' have an image that is trained on: {_listed(pairs)}; scores will be too high: leave "
        "them out, or move them to another split"
    ]


def _listed(items: Sequence[object]) -> str:
    """Return the first items of a list for a message, and how many more there are."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more


def _warn(messages: Sequence[str]) -> None:
    for message in messages[:_SHOWN]:
        warnings.warn(message, SegAnyPETWarning, stacklevel=4)
    if len(messages) > _SHOWN:
        more = len(messages) - _SHOWN
        warnings.warn(f"{more} more of this kind: {messages[0]}", SegAnyPETWarning, stacklevel=4)


def _refuse(problems: Sequence[str]) -> None:
    """Raise all problems as one error, the first of them in full."""
    if not problems:
        return
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    if len(problems) == 1:
        raise ManifestError(problems[0])
    raise ManifestError(f"{len(problems)} problems: " + "; ".join(problems[:_SHOWN]) + more)
