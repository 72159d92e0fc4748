"""Organ labels of low quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.labels.boundary import Field, Spacing, signed_distance_mm
from seganypet.phantom.labels.case_errors import CaseErrors
from seganypet.phantom.labels.config import NoiseConfig
from seganypet.phantom.labels.confusion import contact, take_piece
from seganypet.phantom.labels.parts import Kinds, redraw_parts, swap_sides
from seganypet.phantom.labels.resolution import shift_mask
from seganypet.phantom.labels.shape import shape_errors
from seganypet.phantom.labels.thresholds import window_contour
from seganypet.phantom.labels.units import Box, Unit, is_one_of, padded
from seganypet.volume import BoolArray

# Window of SUV that a reader would set: ranges of factors on the 20th and the 80th percentile of an organ's SUV.
_PERCENTILES = (20, 80)
_WINDOW = ((0.6, 0.95), (1.15, 1.8))


@dataclass(frozen=True, eq=False, kw_only=True)
class OrganNoise:
    """Draws the organs of one case badly.

    Attributes:
        reference: True tissues, int16 [I, J, K].
        suv: Image that thresholds look at, float32 [I, J, K].
        units: What is outlined.
        fillers: Ids of the tissues that take what organs lose.
        spacing_mm: Voxel size along i, j, k, in mm.
        config: How often what goes wrong.
        case: What all labels of the case share.
    """

    reference: LabelArray
    suv: Field
    units: Sequence[Unit]
    fillers: Sequence[int]
    spacing_mm: Spacing
    config: NoiseConfig
    case: CaseErrors

    def drawn(self, rng: np.random.Generator) -> tuple[LabelArray, Kinds]:
        """Return the organs as labelled, int16 [I, J, K], and the kinds of error by target."""
        label_map = self.reference.copy()
        kinds: Kinds = {}
        for at in rng.permutation(len(self.units)):
            unit = self.units[at]
            box = padded(unit.box, self.reference.shape, self.spacing_mm, self._margin_mm())
            truth = is_one_of(self.reference[box], unit.ids)
            contour, kinds[unit.name] = self._contour(unit, box, truth, rng)
            if kinds[unit.name]:
                self._paint(label_map[box], box, unit, truth, contour)
            label_map[box], more = redraw_parts(label_map[box], unit, self.spacing_mm, self.config, rng)
            kinds.update(more)
        label_map, swapped = swap_sides(label_map, self.units, self.config.sides_swapped, rng)
        return label_map, {name: of + ("sides_swapped",) * (name in swapped) for name, of in kinds.items()}

    def _margin_mm(self) -> float:
        """Return how far from an organ its label may run: displaced by 3 standard deviations, or moved twice."""
        config = self.config
        displaced = 3 * (config.habit_mm + config.offset_mm + config.wave_mm[1])
        return 6.0 + max(config.reach_mm[1], config.leak_mm[1], 2 * config.shift_mm[1], displaced)

    def _contour(
        self, unit: Unit, box: Box, truth: BoolArray, rng: np.random.Generator
    ) -> tuple[BoolArray, tuple[str, ...]]:
        """Return one organ as labelled in its box, and what was done to it."""
        config, contour = self.config, truth
        before: tuple[str, ...] = ()
        missing, window, leak = rng.random(3) < (config.organ_missing, config.organ_window, config.organ_leak)
        if missing:
            return np.zeros_like(truth), ("missing",)
        found = self._window(self.suv[box], truth, rng) if window else None
        if found is not None:
            contour, before = found, ("window",)
        probabilities = config.organ_coarse, config.organ_boundary, config.organ_slices
        contour, kinds = shape_errors(
            contour, self.spacing_mm, rng, config, probabilities, self.case.habit_mm
        )
        piece = self._leak(unit, box, truth, rng) if leak else None
        if piece is not None:
            contour, kinds = contour | piece, (*kinds, "leak")
        way_mm, moves = self.case.of_organ(unit.name)
        if moves:
            contour = shift_mask(contour, way_mm, self.spacing_mm)
        return contour, (*before, *kinds, *moves)

    def _window(self, suv: Field, truth: BoolArray, rng: np.random.Generator) -> BoolArray | None:
        """Return the organ contoured by an SUV window about its own values."""
        low, high = np.percentile(suv[truth], _PERCENTILES) * [rng.uniform(*ends) for ends in _WINDOW]
        reach = float(rng.uniform(*self.config.reach_mm))
        return window_contour(
            suv, truth, (float(low), float(high)), signed_distance_mm(truth, self.spacing_mm) < reach
        )

    def _leak(self, unit: Unit, box: Box, truth: BoolArray, rng: np.random.Generator) -> BoolArray | None:
        """Return a piece of a neighbouring organ, or None where there is no neighbour."""
        others = [one for other in self.units if other is not unit for one in other.ids]
        crop = self.reference[box]
        touching = np.argwhere(contact(truth, np.isin(crop, others)))
        if not touching.size:
            return None
        center = touching[rng.integers(len(touching))]
        neighbour = next(other for other in self.units if crop[tuple(center)] in other.ids)
        radius = float(rng.uniform(*self.config.leak_mm))
        return take_piece(is_one_of(crop, neighbour.ids), center.tolist(), radius, self.spacing_mm)

    def _paint(
        self, label_map: LabelArray, box: Box, unit: Unit, truth: BoolArray, contour: BoolArray
    ) -> None:
        """Change the map in a box: what the organ gains gets its nearest part's id, what it loses a filler's."""
        reference = self.reference[box]
        lost = truth & ~contour & is_one_of(label_map, unit.ids)
        label_map[lost] = self._filler(reference)
        gained = contour & ~truth & (reference > 0)
        if len(unit.ids) == 1:
            label_map[gained] = unit.ids[0]
        elif gained.any():
            nearest = ndimage.distance_transform_edt(
                ~truth, sampling=self.spacing_mm, return_distances=False, return_indices=True
            )
            label_map[gained] = reference[tuple(axis[gained] for axis in nearest)]

    def _filler(self, reference: LabelArray) -> int:
        """Return the commonest filler in a box, or the first one where the box holds none."""
        counts = [int(np.count_nonzero(reference == filler)) for filler in self.fillers]
        return int(self.fillers[int(np.argmax(counts))])
