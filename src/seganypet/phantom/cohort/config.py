"""`CohortConfig`: what a cohort holds, and which case is drawn how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np

from seganypet.errors import UsageError
from seganypet.io.manifest import SPLITS
from seganypet.phantom.anatomy.procedural import check_spacing
from seganypet.phantom.config import PhantomConfig
from seganypet.phantom.labels import NoiseConfig, mild, severe, typical

LabelQuality = Literal["hq", "lq", "both"]
LABEL_QUALITIES: Final[tuple[LabelQuality, ...]] = ("hq", "lq", "both")
LABEL_NOISE: Final[dict[str, Callable[[], NoiseConfig]]] = {
    "mild": mild,
    "typical": typical,
    "severe": severe,
}

_SEED_BITS = 53  # what every reader of JSON keeps


@dataclass(frozen=True, kw_only=True)
class CohortConfig:
    """A cohort of simulated scans.

    Attributes:
        cases: How many scans.
        seed: Seed of the cohort; its cases do not depend on how many there are.
        phantom: What the scans are like.
        labels: "hq" for exact labels; "lq" for labels of low quality with the exact ones behind them; "both" for
            two rows a case in the manifest.
        label_noise: How bad labels of low quality are: "mild", "typical" or "severe".
        split: Shares of training, validation and test cases; they add up to 1.
        anatomies: Label maps whose bodies are scanned, one drawn for each case; procedural bodies where empty.
        tissues: Table for the label maps, label name to tissue name; it goes before the built-in one.
        dicom: Whether each scan is written as a DICOM series too.

    Raises:
        UsageError: A number out of range, or an unknown word.
        GeometryError: The voxel size is unusable.
    """

    cases: int
    seed: int
    phantom: PhantomConfig = field(default_factory=lambda: PhantomConfig(as_written=True))
    labels: LabelQuality = "hq"
    label_noise: str = "typical"
    split: tuple[float, float, float] = (0.8, 0.1, 0.1)
    anatomies: tuple[Path, ...] = ()
    tissues: Mapping[str, str] = field(default_factory=dict)
    dicom: bool = False

    def __post_init__(self) -> None:
        if self.cases < 1:
            raise UsageError(f"cases is {self.cases}; expected 1 or more")
        if self.phantom.spacing_mm is not None:
            check_spacing(self.phantom.spacing_mm)
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; expected 0 or more")
        if self.labels not in LABEL_QUALITIES:
            raise UsageError(f"labels is {self.labels!r}; expected one of {', '.join(LABEL_QUALITIES)}")
        if self.label_noise not in LABEL_NOISE:
            raise UsageError(f"label_noise is {self.label_noise!r}; expected one of {', '.join(LABEL_NOISE)}")
        if self.tissues and not self.anatomies:
            raise UsageError("tissues is a table for label maps; give anatomies as well, or leave it out")
        shares = self.split
        if len(shares) != len(SPLITS) or not all(0 <= share <= 1 for share in shares):
            raise UsageError(f"split is {shares}; expected three shares of {', '.join(SPLITS)}, 0 to 1 each")
        if not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise UsageError(f"split is {shares}, which adds up to {sum(shares):g}; expected 1")

    def seed_of(self, number: int) -> int:
        """Return the seed of a case; no two cohorts share theirs.

        Args:
            number: From 1 on.
        """
        state = np.random.SeedSequence([self.seed, number]).generate_state(1, np.uint64)
        return int(state[0]) >> (64 - _SEED_BITS)

    def anatomy_of(self, number: int) -> Path | None:
        """Return the label map whose body a case has; None for a procedural body."""
        if not self.anatomies:
            return None
        rng = np.random.default_rng([self.seed_of(number), 2])
        return self.anatomies[int(rng.integers(len(self.anatomies)))]

    def splits(self) -> list[str]:
        """Return the split of every case: each in turn goes to the split that is furthest below its share.

        So every beginning of the cohort keeps the shares to within a case, and a cohort that grows keeps its splits.
        """
        counts = [0] * len(SPLITS)
        splits = []
        for number in range(1, self.cases + 1):
            lacks = [
                round(share * number - count, 9) for share, count in zip(self.split, counts, strict=True)
            ]
            chosen = lacks.index(max(lacks))
            counts[chosen] += 1
            splits.append(SPLITS[chosen])
        return splits
