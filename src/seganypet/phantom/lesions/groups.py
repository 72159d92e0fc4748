"""`LesionGroup` and `LesionPreset`: what lesions of one kind, and of one disease, are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from scipy.special import ndtr, ndtri

from seganypet.errors import UsageError
from seganypet.phantom.lesions.stations import STATIONS

Range = tuple[float, float]
# Smallest and largest lesion, in ml.
VOLUME_ML: Range = (0.3, 500.0)
# Stations of metastases in bone, with weights: they follow the red marrow (approximate).
BONE_SITES: Mapping[str, float] = MappingProxyType(
    {"spine": 0.43, "pelvis": 0.3, "ribs": 0.19, "long_bones": 0.08}
)


@dataclass(frozen=True, kw_only=True)
class LogNormal:
    """A log-normal distribution that is cut off at both ends.

    Attributes:
        median: Before it is cut off.
        spread: Standard deviation of the natural logarithm.
        low: Smallest value.
        high: Largest value.

    Raises:
        UsageError: Not 0 < low <= median <= high, or the spread is not above 0.
    """

    median: float
    spread: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.median <= self.high and self.spread > 0):
            raise UsageError(
                f"log-normal of median {self.median:g}, spread {self.spread:g} and range {self.low:g} to "
                f"{self.high:g}; expected 0 < low <= median <= high and a spread above 0"
            )

    def quantile(self, share: float) -> float:
        """Return the value below which this share of what is drawn lies, share 0 to 1."""
        low, high = (ndtr(np.log(edge / self.median) / self.spread) for edge in (self.low, self.high))
        value = self.median * np.exp(self.spread * ndtri(low + share * (high - low)))
        return float(np.clip(value, self.low, self.high))


def log_normal(median: float, spread: float, low: float, high: float) -> LogNormal:
    """Return a `LogNormal` of these four in a row, as tables write it."""
    return LogNormal(median=median, spread=spread, low=low, high=high)


_CHANCES = (
    "chance",
    "same_side",
    "faint",
    "cold",
    "cluster",
    "confluent",
    "core",
    "infiltrating",
    "reaction",
)
_CONTRAST = LogNormal(median=5.0, spread=0.6, low=1.5, high=20.0)


@dataclass(frozen=True, kw_only=True)
class LesionGroup:
    """Lesions of one kind that a disease may make.

    Attributes:
        kind: Of the lesions: "node", "primary", "bone_metastasis", …
        stations: Where they lie, with weights.
        chance: That a patient has any of them.
        count: Fewest and most; small numbers are likelier (log-uniform).
        needs: Station of which the patient must already have a lesion, or none.
        same_side: Chance that a lesion lies on the side of the patient's first lesion; none: sides do not matter.
        volume_ml: Of a lesion.
        suv: By tracer, of a lesion's viable part before the scanner.
        contrast: SUV over that of the host, for the other tracers.
        faint: Share that stays below 1 SUV above its host.
        cold: Share that lies below a host of more than 1.5 SUV.
        cluster: Chance that a lesion lies close to the one before.
        confluent: Chance that a lesion is several that have grown together.
        core: Chance of a necrotic core in lesions above 8 ml.
        infiltrating: Chance of an edge of 3 to 12 mm.
        reaction: Highest uptake of the tissue next to a lesion over that of the lesion.
        elongation: Log standard deviation of the half axes.
        bumpiness: Of the surface, lowest and highest.
        unevenness: Log standard deviations of the uptake, lowest and highest: coarse, and fine.

    Raises:
        UsageError: A station is unknown, a chance is not one, or volumes or counts leave their range.
    """

    kind: str
    stations: Mapping[str, float]
    volume_ml: LogNormal
    chance: float = 1.0
    count: tuple[int, int] = (1, 1)
    needs: str | None = None
    same_side: float | None = None
    suv: Mapping[str, LogNormal] = field(default_factory=dict)
    contrast: LogNormal = _CONTRAST
    faint: float = 0.0
    cold: float = 0.0
    cluster: float = 0.0
    confluent: float = 0.0
    core: float = 0.4
    infiltrating: float = 0.2
    reaction: float = 0.0
    elongation: float = 0.22
    bumpiness: Range = (0.1, 0.5)
    unevenness: tuple[Range, Range] = ((0.05, 0.2), (0.05, 0.15))

    def __post_init__(self) -> None:
        object.__setattr__(self, "stations", dict(self.stations))
        object.__setattr__(self, "suv", dict(self.suv))
        unknown = sorted({*self.stations, *([self.needs] if self.needs else [])} - set(STATIONS))
        if unknown or not self.stations:
            raise UsageError(
                f"station {unknown[0] if unknown else None!r} of group {self.kind!r}; expected some of "
                f"{', '.join(STATIONS)}"
            )
        for name in _CHANCES:
            chance = getattr(self, name)
            if chance is not None and not 0 <= chance <= 1:
                raise UsageError(f"{name} is {chance:g} in group {self.kind!r}; expected 0 to 1")
        if not 1 <= self.count[0] <= self.count[1]:
            raise UsageError(f"count {self.count} of group {self.kind!r}; expected 1 <= fewest <= most")
        if not VOLUME_ML[0] <= self.volume_ml.low <= self.volume_ml.high <= VOLUME_ML[1]:
            raise UsageError(
                f"volumes {self.volume_ml.low:g} to {self.volume_ml.high:g} ml of group {self.kind!r}; expected "
                f"{VOLUME_ML[0]:g} to {VOLUME_ML[1]:g} ml"
            )


@dataclass(frozen=True, kw_only=True)
class LesionPreset:
    """The lesions of one disease.

    Attributes:
        groups: In the order in which they are planned; later ones may need earlier ones.
        likeness: Correlation of the uptake of one patient's lesions, 0 to 1.

    Raises:
        UsageError: The likeness is not between 0 and 1.
    """

    groups: tuple[LesionGroup, ...] = ()
    likeness: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.likeness <= 1:
            raise UsageError(f"likeness {self.likeness:g} of a preset; expected 0 to 1")


def draw_numbers(
    groups: tuple[LesionGroup, ...], rng: np.random.Generator, target: int | None = None
) -> list[int]:
    """Return how many lesions of each group a patient has; one at least, unless there is a target.

    Args:
        groups: Of a preset; must hold one at least.
        rng: Source of randomness.
        target: How many there are to be in total, if not what the groups give. Of too many, the first lesion, the
            primary, stays; missing ones are added to the groups that come in numbers.
    """
    numbers: list[int] = []
    for group in groups:
        earlier = {name for one, n in zip(groups, numbers, strict=False) if n for name in one.stations}
        present = rng.random() < group.chance and (group.needs is None or group.needs in earlier)
        low, high = group.count
        numbers.append(int(np.exp(rng.uniform(np.log(low), np.log(high + 1)))) if present else 0)
    if not sum(numbers):
        numbers[0] = 1
    while target is not None and sum(numbers) > target:
        spare = np.array([n - (at == 0) if n else 0 for at, n in enumerate(numbers)], dtype=np.float64)
        if not spare.any():
            break
        numbers[int(rng.choice(len(groups), p=spare / spare.sum()))] -= 1
    while target is not None and sum(numbers) < target:
        numbers[_another(groups, numbers, rng)] += 1
    return numbers


def _another(groups: tuple[LesionGroup, ...], numbers: list[int], rng: np.random.Generator) -> int:
    """A group for one more lesion: one the patient has and that comes in numbers, if there is any."""
    weights = np.array(
        [g.count[1] * (n > 0) * (g.count[1] > 1) for g, n in zip(groups, numbers, strict=True)]
    )
    if not weights.any():
        weights = np.array([g.chance * g.count[1] for g in groups])
    return int(rng.choice(len(groups), p=weights / weights.sum()))
