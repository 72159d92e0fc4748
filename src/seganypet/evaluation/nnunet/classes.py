"""From names of targets to the classes of a label map, each voxel in one, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import ManifestError
from seganypet.targets import LESION, LESIONS

BACKGROUND = "background"


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Classes 1, 2, … of a label map.

    Ids that belong to the same targets share a class, so that there are no more of them than the targets ask for: of a
    heart alone, myocardium and blood pool are one.

    Attributes:
        parts: Ids in the reference of each organ class.
        names: Of the targets that each organ class belongs to.
        lesion: Whether there is a class of lesions, the last. It covers the organs that they lie in, which so lose
            their lesions.
    """

    parts: tuple[tuple[int, ...], ...]
    names: tuple[tuple[str, ...], ...]
    lesion: bool

    @property
    def count(self) -> int:
        """How many there are, the background aside."""
        return len(self.parts) + self.lesion

    @property
    def titles(self) -> dict[str, int]:
        """Number of each class by a name of its own, the background first."""
        organs = {"/".join(names): number for number, names in enumerate(self.names, start=1)}
        return {BACKGROUND: 0, **organs, **({LESION: self.count} if self.lesion else {})}

    @property
    def targets(self) -> dict[str, list[int]]:
        """Classes of each target, as labels.json has them."""
        found: dict[str, list[int]] = {}
        for number, names in enumerate(self.names, start=1):
            for name in names:
                found.setdefault(name, []).append(number)
        return {**found, **({LESION: [self.count]} if self.lesion else {})}

    def label_map(
        self, reference: npt.NDArray[np.integer[Any]] | None, lesions: npt.NDArray[np.integer[Any]] | None
    ) -> npt.NDArray[np.int16]:
        """Return the classes of a case [I, J, K]; ids of no target become background.

        Args:
            reference: Organ label map [I, J, K]; None only without organ classes.
            lesions: Lesion instances on the same grid; None only without a class of lesions.
        """
        given = lesions if reference is None else reference
        assert given is not None, "a case without label maps"
        classes = np.zeros(given.shape, dtype=np.int16)
        if reference is not None and self.parts:
            highest = max(int(reference.max()), max(max(part) for part in self.parts))
            numbers = np.zeros(highest + 1, dtype=np.int16)
            for number, part in enumerate(self.parts, start=1):
                numbers[list(part)] = number
            classes = numbers[reference]
        if self.lesion and lesions is not None:
            classes[lesions > 0] = self.count
        return classes


def classes_of(labels: Mapping[str, Sequence[int]], targets: Sequence[str]) -> Classes:
    """Return the classes that targets need.

    Args:
        labels: Ids of every name.
        targets: Names of them; "lesion" or "lesions" for all lesions together.

    Raises:
        ManifestError: A name that is not in labels.json, or one of lesions that is; no target.
    """
    for name in targets:
        if name not in (*labels, LESION, LESIONS):
            known = ", ".join((*labels, LESION))
            raise ManifestError(f"target {name!r} is not in labels.json; it has {known}")
        if name in (LESION, LESIONS) and name in labels:
            raise ManifestError(f"labels.json has {name!r}, which stands for the lesions' own map; rename it")
    if not targets:
        raise ManifestError("no target; labels.json is empty, and there are no lesions")
    owners: dict[int, list[str]] = {}
    for name in dict.fromkeys(targets):
        for i in dict.fromkeys(labels.get(name, ())):
            owners.setdefault(i, []).append(name)
    parts: dict[tuple[str, ...], list[int]] = {}
    for i in sorted(owners):
        parts.setdefault(tuple(owners[i]), []).append(i)
    return Classes(
        parts=tuple(tuple(part) for part in parts.values()),
        names=tuple(parts),
        lesion=LESION in targets or LESIONS in targets,
    )
