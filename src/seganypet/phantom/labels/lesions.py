"""Lesion labels of low quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Field, Spacing, signed_distance_mm
from seganypet.phantom.labels.config import NoiseConfig
from seganypet.phantom.labels.merging import merge, neighbouring_pairs
from seganypet.phantom.labels.shape import shape_errors
from seganypet.phantom.labels.thresholds import threshold_contour
from seganypet.phantom.labels.units import Box, padded
from seganypet.volume import BoolArray

LesionKinds = dict[int, tuple[str, ...]]

# Thresholds in use: 41 % and 50 % of SUVmax (Boellaard et al. 2015), SUV 2.5 and 4.0.
_RULES: tuple[tuple[str, float], ...] = (("relative", 0.41), ("relative", 0.5), ("suv", 2.5), ("suv", 4.0))
# A lesion of this contrast or more is as conspicuous as can be; one of contrast 1 does not show.
_CONSPICUOUS_CONTRAST = 3.0
# Volume over which small lesions stop being hard to see, in ml (about 12 mm across).
_SMALL_ML = 1.0
_SURROUNDINGS_MM = 10.0


def hardness(volume_ml: float, contrast: float) -> float:
    """Return how easily a lesion is missed, 0 to 1: the greater of its smallness and its faintness.

    Smallness is exp(-volume / 1 ml); faintness falls linearly from 1 at contrast 1 to 0 at contrast 3.

    Args:
        volume_ml: Its volume, in ml.
        contrast: Its SUVmax over the median SUV around it.
    """
    faintness = (_CONSPICUOUS_CONTRAST - contrast) / (_CONSPICUOUS_CONTRAST - 1.0)
    return float(max(np.exp(-volume_ml / _SMALL_ML), np.clip(faintness, 0.0, 1.0)))


@dataclass(frozen=True, eq=False, kw_only=True)
class LesionNoise:
    """Draws the lesions of one case badly.

    Attributes:
        lesions: True instances, int16 [I, J, K].
        body: Where labels may be, bool [I, J, K].
        suv: Image that thresholds look at, float32 [I, J, K].
        spacing_mm: Voxel size along i, j, k, in mm.
        config: How often what goes wrong.
        habit_mm: Offset of every border of the case, outward positive, in mm.
    """

    lesions: LabelArray
    body: BoolArray
    suv: Field
    spacing_mm: Spacing
    config: NoiseConfig
    habit_mm: float = 0.0

    def drawn(self, rng: np.random.Generator) -> tuple[LabelArray, LesionKinds]:
        """Return the lesions as labelled, int16 [I, J, K], and the kinds of error by true instance."""
        boxes = _boxes_by_id(self.lesions)
        label_map = self.lesions.copy()
        kinds: LesionKinds = {}
        for one in sorted(boxes):
            box = padded(boxes[one], self.lesions.shape, self.spacing_mm, self._margin_mm())
            truth = self.lesions[box] == one
            contour, kinds[one] = self._contour(box, truth, rng)
            if kinds[one]:
                crop = label_map[box]
                crop[crop == one] = 0
                crop[contour & (crop == 0) & ((self.lesions[box] == 0) | truth) & self.body[box]] = one
        self._merge(label_map, kinds, boxes, rng)
        return label_map, kinds

    def _margin_mm(self) -> float:
        return max(_SURROUNDINGS_MM, self.config.reach_mm[1] + 2.0)

    def _contour(
        self, box: Box, truth: BoolArray, rng: np.random.Generator
    ) -> tuple[BoolArray, tuple[str, ...]]:
        """Return one lesion as labelled in its box, and what was done to it."""
        config, contour = self.config, truth
        threshold: tuple[str, ...] = ()
        chances = rng.random(2)
        easy, hardest = config.lesion_missed
        if chances[0] < easy + (hardest - easy) * self._hardness(box, truth):
            return np.zeros_like(truth), ("missed",)
        if chances[1] < config.lesion_threshold:
            found = self._threshold(self.suv[box], truth, rng)
            contour, threshold = (contour, ()) if found is None else (found, ("threshold",))
        probabilities = config.lesion_coarse, config.lesion_boundary, config.lesion_slices
        contour, kinds = shape_errors(contour, self.spacing_mm, rng, config, probabilities, self.habit_mm)
        return contour, (*threshold, *kinds)

    def _hardness(self, box: Box, truth: BoolArray) -> float:
        """Return how easily the lesion in a box is missed, 0 to 1."""
        suv = self.suv[box]
        around = suv[self.body[box] & (self.lesions[box] == 0)]
        background = float(np.median(around)) if around.size else 0.0
        contrast = float(suv[truth].max()) / max(background, 1e-3)
        return hardness(np.count_nonzero(truth) * float(np.prod(self.spacing_mm)) / 1000, contrast)

    def _threshold(self, suv: Field, truth: BoolArray, rng: np.random.Generator) -> BoolArray | None:
        """Return the lesion contoured by one of the thresholds in use; at 41 % where it is below an SUV of them.

        What leaks out ends at the reach drawn, or where it would have doubled the lesion's radius.
        """
        rule, value = _RULES[int(rng.integers(len(_RULES)))]
        hottest = float(suv[truth].max())
        level = value if rule == "suv" else value * hottest
        if level > hottest:
            level = _RULES[0][1] * hottest
        radius = (np.count_nonzero(truth) * float(np.prod(self.spacing_mm)) * 0.75 / np.pi) ** (1 / 3)
        reach = min(float(rng.uniform(*self.config.reach_mm)), radius)
        within = signed_distance_mm(truth, self.spacing_mm) < reach
        return threshold_contour(suv, truth, level, within)

    def _merge(
        self, label_map: LabelArray, kinds: LesionKinds, boxes: Mapping[int, Box], rng: np.random.Generator
    ) -> None:
        """Merge some neighbours: all lesions that are linked get the smallest id."""
        gap = self.config.merge_gap_mm
        if self.config.lesion_merged == 0:
            return
        stands_for = {one: one for one in boxes}
        for pair in neighbouring_pairs(self.lesions, boxes, self.spacing_mm, gap):
            stays, goes = sorted(stands_for[one] for one in pair)
            if rng.random() >= self.config.lesion_merged or stays == goes:
                continue
            if not merge(label_map, (stays, goes), self.body, self.spacing_mm, gap):
                continue
            stands_for = {one: stays if now == goes else now for one, now in stands_for.items()}
            for one in {stays, goes, *pair}:
                kinds[one] = (*kinds[one], *(() if "merged" in kinds[one] else ("merged",)))


def _boxes_by_id(lesions: LabelArray) -> dict[int, Box]:
    return {at + 1: box for at, box in enumerate(ndimage.find_objects(lesions)) if box is not None}
