"""Parts inside an organ drawn anew, and sides of a pair swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Spacing
from seganypet.phantom.labels.config import NoiseConfig
from seganypet.phantom.labels.confusion import move_divides, relabel
from seganypet.phantom.labels.units import Unit

Kinds = dict[str, tuple[str, ...]]

# Divides inside an organ show less in PET than its border does.
_DIVIDES_OVER_BORDER = 2.0


def redraw_parts(
    label_map: LabelArray, unit: Unit, spacing_mm: Spacing, config: NoiseConfig, rng: np.random.Generator
) -> tuple[LabelArray, Kinds]:
    """Return an organ's box with its parts drawn separately, int16 [I, J, K], and the kinds of error by part.

    The organ as a whole keeps its voxels. What happens is drawn from `config.parts_moved` and
    `config.parts_merged`.
    """
    kinds: Kinds = dict.fromkeys(unit.parts, ())
    moved, merged = rng.random(2) < (config.parts_moved, config.parts_merged)
    if moved and unit.parts and len(unit.ids) > 1:
        amplitude_mm = _DIVIDES_OVER_BORDER * float(rng.uniform(*config.wave_mm))
        length_mm = float(rng.uniform(*config.wave_length_mm))
        label_map = move_divides(label_map, unit.ids, amplitude_mm, length_mm, spacing_mm, rng)
        kinds = dict.fromkeys(unit.parts, ("parts_moved",))
    if merged and len(unit.parts) > 1:
        given, taking = (str(name) for name in rng.choice(sorted(unit.parts), size=2, replace=False))
        label_map = relabel(label_map, dict.fromkeys(unit.parts[given], unit.parts[taking][0]))
        for name in (given, taking):
            kinds[name] = (*kinds[name], "parts_merged")
    return label_map, kinds


def swap_sides(
    label_map: LabelArray, units: Sequence[Unit], probability: float, rng: np.random.Generator
) -> tuple[LabelArray, set[str]]:
    """Return the map with some pairs swapped, int16 [I, J, K], and the names of the organs concerned.

    Pairs are organs `…_left` and `…_right` of as many ids each and without parts.
    """
    by_name = {unit.name: unit for unit in units}
    swapped: set[str] = set()
    for name in sorted(name for name in by_name if name.endswith("_left")):
        left, right = by_name[name], by_name.get(name.removesuffix("_left") + "_right")
        if right is None or left.parts or right.parts or len(left.ids) != len(right.ids):
            continue
        if rng.random() < probability:
            pairs = zip((*left.ids, *right.ids), (*right.ids, *left.ids), strict=True)
            label_map = relabel(label_map, dict(pairs))
            swapped |= {left.name, right.name}
    return label_map, swapped
