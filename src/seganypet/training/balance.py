"""Which target a patch is drawn of: a balanced choice among the cases of a cohort, prepared so that a draw is quick.

Quality comes first, then the manifest, then lesion or organ. Organs are chosen by name with equal chance, then a case
that has it, so that rare names count as much as frequent ones. Lesions are chosen by case with equal chance, then one
of the size classes that the case has with equal chance, then a lesion of it, so that a patient with a hundred small
lesions counts as much as one with a single large one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seganypet.errors import UsageError
from seganypet.training.cases import Target
from seganypet.training.cohort_summary import size_class
from seganypet.training.sampling import SamplingConfig

Indices = npt.NDArray[np.int32]

# 10 times a share of 0.1 is 1, however 0.1 is rounded.
_ROUNDING: Final = 1e-6


class IndexedCase(NamedTuple):
    """What the choice depends on, of one case."""

    manifest: int
    hq: bool
    targets: Sequence[Target]


class TargetIndex:
    """A seeded choice of case and target.

    Where cases of a quality come from some manifests only, the shares of these are scaled to 1; where a choice has
    either lesions or organs only, `lesion_share` plays no part there.

    Args:
        cases: Each with one target or more.
        config: The shares.

    Raises:
        UsageError: A share of a quality or manifest that has no case, or shares of another number of manifests.
    """

    def __init__(self, cases: Sequence[IndexedCase], config: SamplingConfig) -> None:
        groups: dict[tuple[bool, int], list[int]] = {}
        for number, case in enumerate(cases):
            groups.setdefault((case.hq, case.manifest), []).append(number)
        weights = _weights({key: len(numbers) for key, numbers in groups.items()}, config)
        used = {key: weight for key, weight in weights.items() if weight > 0}
        self._hq_share = config.hq_share
        built = {key: _Group(cases, groups[key], config.lesion_share) for key in used}
        self._pools = {
            hq: _Pool([built[key] for key in keys], [used[key] for key in keys])
            for hq in (None, True, False)
            if (keys := [key for key in used if hq in (None, key[0])])
        }

    def draw(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
        """Return the number of a case, and of a target among its targets.

        Args:
            number: Of the sample; where `hq_share` is given, it says of which quality the case is: every fourth one is
                of high quality for a share of 0.25, so that batches do not differ more than they must.
            rng: Source of randomness for the rest.
        """
        hq = None if self._hq_share is None else is_high_quality(number, self._hq_share)
        return self._pools[hq].draw(rng)


def is_high_quality(number: int, share: float) -> bool:
    """Return whether a sample is one of those that make up a share, evenly spread over the numbers from 0 on."""
    return math.floor((number + 1) * share + _ROUNDING) > math.floor(number * share + _ROUNDING)


class _Pool:
    """Some groups, each with its weight."""

    def __init__(self, groups: Sequence[_Group], weights: Sequence[float]) -> None:
        self._groups, self._until = groups, np.cumsum(weights)

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Return the numbers of a case and of its target."""
        at = int(np.searchsorted(self._until, rng.random() * self._until[-1], side="right"))
        return self._groups[at].draw(rng)


class _Group:
    """The cases of one quality and manifest."""

    def __init__(
        self, cases: Sequence[IndexedCase], numbers: Sequence[int], lesion_share: float | None
    ) -> None:
        organs: dict[str, list[tuple[int, int]]] = {}
        lesions: list[tuple[int, list[Indices]]] = []
        count = 0
        for number in numbers:
            targets = cases[number].targets
            for at, target in enumerate(targets):
                if target.kind == "organ":
                    organs.setdefault(target.name, []).append((number, at))
            if classes := lesions_by_size(targets):
                lesions.append((number, classes))
                count += sum(len(members) for members in classes)
        # In the order of names, whatever the order of cases.
        self._organs = [np.array(organs[name], dtype=np.int32) for name in sorted(organs)]
        self._lesions = lesions
        total = count + sum(len(members) for members in self._organs)
        share = count / total if lesion_share is None else lesion_share
        self._share = share if organs and lesions else float(bool(lesions))

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Return the numbers of a case and of its target."""
        if rng.random() < self._share:
            number, classes = self._lesions[rng.integers(len(self._lesions))]
            return number, draw_lesion(classes, rng)
        members = self._organs[rng.integers(len(self._organs))]
        number, at = members[rng.integers(len(members))]
        return int(number), int(at)


def lesions_by_size(targets: Sequence[Target]) -> list[Indices]:
    """Return the numbers of a case's lesions, by those size classes that it has."""
    classes: dict[int, list[int]] = {}
    for at, target in enumerate(targets):
        if target.kind == "lesion":
            classes.setdefault(size_class(target.volume_ml), []).append(at)
    return [np.array(classes[size], dtype=np.int32) for size in sorted(classes)]


def draw_lesion(classes: Sequence[Indices], rng: np.random.Generator) -> int:
    """Return the number of a lesion: a size class with equal chance, then a lesion of it."""
    members = classes[int(rng.integers(len(classes)))]
    return int(members[rng.integers(len(members))])


def _weights(counts: dict[tuple[bool, int], int], config: SamplingConfig) -> dict[tuple[bool, int], float]:
    """Return the chance of each quality and manifest; see `TargetIndex`."""
    shares = _manifest_shares(counts, config.manifest_shares)
    if config.hq_share is None:
        cases = {m: sum(n for (_, other), n in counts.items() if other == m) for _, m in counts}
        return {(hq, m): shares[m] * n / cases[m] for (hq, m), n in counts.items()}
    weights: dict[tuple[bool, int], float] = {}
    for hq, share in ((True, config.hq_share), (False, 1 - config.hq_share)):
        own = {key: shares[key[1]] for key in counts if key[0] == hq}
        if config.manifest_shares is None:
            own = {key: float(counts[key]) for key in own}
        if share > 0 and not sum(own.values()):
            raise UsageError(
                f"hq_share is {config.hq_share:g}, but no case of quality {'hq' if hq else 'lq'} may be drawn; "
                "add some, or change hq_share"
            )
        weights |= {key: share * weight / sum(own.values()) for key, weight in own.items() if share > 0}
    return weights


def _manifest_shares(
    counts: dict[tuple[bool, int], int], shares: tuple[float, ...] | None
) -> dict[int, float]:
    """Return the share of each manifest that has cases."""
    there = {manifest for _, manifest in counts}
    if shares is None:
        total = sum(counts.values())
        return {m: sum(n for (_, other), n in counts.items() if other == m) / total for m in there}
    for manifest, share in enumerate(shares):
        if share > 0 and manifest not in there:
            raise UsageError(f"manifest_shares gives {share:g} to manifest {manifest + 1}, which has no case")
    if max(there) >= len(shares):
        raise UsageError(f"manifest_shares has {len(shares)} shares; expected one for each manifest")
    return {manifest: shares[manifest] for manifest in there}
