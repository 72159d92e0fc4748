"""`CaseErrors`: what all labels of a case share, as one annotator and one registration made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seganypet.phantom.labels.config import NoiseConfig
from seganypet.phantom.labels.resolution import Vector

# Share of the diaphragm's way that an organ follows; approximate: the upper abdomen moves with it, the kidneys and
# the pancreas less, the heart least.
_FOLLOWS_BREATH: Mapping[str, float] = {
    "liver": 1.0,
    "gallbladder": 1.0,
    "spleen": 1.0,
    "stomach": 0.8,
    "pancreas": 0.6,
    "duodenum": 0.6,
    "kidney_left": 0.6,
    "kidney_right": 0.6,
    "colon": 0.3,
    "heart": 0.4,
}
_NONE = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class CaseErrors:
    """What all labels of a case share.

    Attributes:
        habit_mm: Offset of every border, outward positive, in mm.
        shift_mm: Misregistration of all organs, along i, j, k, in mm.
        breath_mm: Way of the diaphragm along k, in mm.
    """

    habit_mm: float = 0.0
    shift_mm: Vector = _NONE
    breath_mm: float = 0.0

    def of_organ(self, name: str) -> tuple[Vector, tuple[str, ...]]:
        """Return how far an organ's label is moved along i, j, k, in mm, and the kinds of error that this is."""
        x, y, z = self.shift_mm
        breath = self.breath_mm * _FOLLOWS_BREATH.get(name, 0.0)
        kinds = (("map_shift",) if self.shift_mm != _NONE else ()) + (("breathing",) if breath else ())
        return (x, y, z + breath), kinds


def draw_case_errors(config: NoiseConfig, rng: np.random.Generator) -> CaseErrors:
    """Return the errors that the organs of a case share."""
    shift = _NONE
    if rng.random() < config.map_shifted:
        # Mostly along the body: patients slide and breathe along z.
        direction = rng.normal(0.0, (0.25, 0.25, 1.0))
        x, y, z = direction / np.linalg.norm(direction) * rng.uniform(*config.shift_mm)
        shift = (float(x), float(y), float(z))
    breath = 0.0
    if rng.random() < config.breathing:
        breath = float(rng.uniform(*config.shift_mm) * rng.choice((-1.0, 1.0)))
    return CaseErrors(habit_mm=float(rng.normal(0.0, config.habit_mm)), shift_mm=shift, breath_mm=breath)
