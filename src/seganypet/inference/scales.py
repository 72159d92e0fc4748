"""A target at several scales: where to look next, and which scale's mask is shown.

A click is looked at on the network's own grid. A target that leaves its window is looked at on a coarser grid, whose
window holds more of it, so that a later click speaks of all of it; a target that fills little of its window is looked
at again on a finer grid. With a mask or a box to start from, the scale follows from their size and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seganypet.inference.boxes import on_grid
from seganypet.inference.growth import Evidence, Growth, Reach
from seganypet.inference.predictor import Predictor
from seganypet.inference.prior import Prior, Rough
from seganypet.inference.tiling import LogitBox, Start, holds
from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.cropping import bounding_box
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.preprocessing.working_image import WorkingImage
from seganypet.prompts import Box, Click
from seganypet.volume import Mask, Volume

# How much of a finer window a target may fill, along its longest axis, to be looked at there.
_FILLED = 0.6
_OWN = 1.0
# How much higher the expected Dice on a coarser scale must be to be believed; see docs/experiments.md.
_SURER = 0.15
# How much lower it may be when a later click makes the target leave its window.
_LESS_SURE = 0.1


@dataclass(frozen=True)
class Found:
    """What is known of a target; never changed.

    Attributes:
        evidence: At each scale that was looked at.
        shown: The scale of the mask.
        fixed: Whether the scale stays, as it does with a mask or a box to start from.
    """

    evidence: Mapping[float, Evidence] = field(default_factory=dict)
    shown: float = _OWN
    fixed: bool = False

    def now(self) -> Evidence:
        """Return what is known at the scale of the mask."""
        return self.evidence.get(self.shown, Evidence())

    def with_(self, scale: float, evidence: Evidence) -> Found:
        """Return it with what is known at a scale, which is now shown."""
        return replace(self, evidence={**self.evidence, scale: evidence}, shown=scale)


class Scales:
    """The working grids of a volume, one for each scale of the model.

    Args:
        model: What `load_model` returns.
        volume: In SUVbw.
    """

    def __init__(self, model: SegmentationModel, volume: Volume) -> None:
        wanted, self._size, self._volume = model.description, model.patch_size, volume
        self.grids = {
            scale: ModelGrid.of(volume.affine, volume.shape, wanted.spacing_mm * scale, wanted.orientation)
            for scale in wanted.scales
        }
        self._growth = {
            scale: Growth(Predictor(model, WorkingImage(volume.array, grid)))
            for scale, grid in self.grids.items()
        }

    def click(self, found: Found, clicks: Sequence[Click]) -> Found:
        """Return what is known after the newest click.

        Args:
            found: Before it.
            clicks: All of them, in order, in the volume's own voxels.
        """
        if found.fixed:
            return self._clicked(found, clicks)
        if not found.evidence or (found.shown < _OWN and not self._holds_newest(found, clicks)):
            found = replace(found, shown=_OWN)
        first = not found.evidence
        near = self._clicked(found, clicks, grow=self._next(found.shown, up=True) is None)
        found = self._wider(near, clicks)
        # Later on the mask is worth something: it stays where the target looked at from farther off is less sure.
        if not first and found is not near and self._certainty(found) < self._certainty(near) - _LESS_SURE:
            return near
        found = self._closer(found, clicks, self._reached(found))
        return self._from_afar(found, clicks) if first else found

    def mask(self, mask: Mask) -> Found:
        """Return what is known from a mask on the volume's own grid, which is not empty."""
        part = bounding_box(mask.array)
        assert part is not None, "an empty mask"
        box = Box(tuple(p.start for p in part), tuple(p.stop - 1 for p in part))
        scale = self._scale_of(box)
        prior = Prior(WorkingImage(mask.array, self.grids[scale]))
        return Found({scale: Evidence(prior=prior)}, scale, fixed=True)

    def box(self, box: Box) -> Found:
        """Return what is known from a box in the volume's own voxels.

        Raises:
            PromptError: It takes more windows than any organ needs.
        """
        scale = self._scale_of(box)
        placed = on_grid(box, self.grids[scale])
        windows = self._growth[scale].box(placed)
        return Found({scale: Evidence(box=placed, windows=windows)}, scale, fixed=True)

    def merged(self, found: Found) -> Iterator[LogitBox]:
        """Yield the logits of all windows of the scale that is shown, on its working grid."""
        yield from self._growth[found.shown].merged(found.now())

    def target(self, found: Found) -> list[LogitBox]:
        """Return the merged logits, negative wherever the prediction is not connected to a prompt."""
        return self._growth[found.shown].target(found.now())

    def grid(self, found: Found) -> ModelGrid:
        """Return the working grid of the scale that is shown."""
        return self.grids[found.shown]

    def _clicked(
        self,
        found: Found,
        clicks: Sequence[Click],
        *,
        first: Start | None = None,
        grow: bool = True,
    ) -> Found:
        """Return what is known after the newest click was looked at on the scale that is shown."""
        state = replace(found.now(), placed=self._placed(clicks, found.shown))
        windows = self._growth[found.shown].click(state, first=first, grow=grow)
        return found.with_(found.shown, replace(state, windows=windows))

    def _wider(self, found: Found, clicks: Sequence[Click]) -> Found:
        """Return what the first coarser scale shows that holds the target, or the coarsest."""
        while (coarser := self._next(found.shown, up=True)) and self._reached(found).open:
            # One click says too little for its window to be believed.
            rough = self._as_rough(found, coarser) if len(clicks) > 1 else None
            seen = found.with_(coarser, Evidence(rough=rough))
            found = self._clicked(seen, clicks, grow=self._next(coarser, up=True) is None)
        return found

    def _closer(self, found: Found, clicks: Sequence[Click], reach: Reach) -> Found:
        """Return what finer scales show of a target, as long as it is small enough for a window there."""
        while (finer := self._next(found.shown, up=False)) and self._fits(reach.length * found.shown, finer):
            middle = (np.add(reach.low, reach.high) / 2) * (found.shown / finer) - 0.5
            i, j, k = (round(float(c)) - self._size // 2 for c in middle)
            seen = found.with_(finer, Evidence(rough=self._as_rough(found, finer)))
            closer = self._clicked(seen, clicks, first=(i, j, k), grow=False)
            reach = self._reached(closer)
            if reach.open:
                break
            found = closer
        return found

    def _from_afar(self, found: Found, clicks: Sequence[Click]) -> Found:
        """Return what coarser scales show of a target where that is surer by far: an organ taken for a part of it."""
        unseen = sorted(scale for scale in self.grids if scale > _OWN and scale not in found.evidence)
        shown, wanted = found, self._certainty(found) + _SURER if unseen else 0.0
        for scale in unseen:
            seen = self._clicked(found.with_(scale, Evidence()), clicks, grow=False)
            certainty = self._certainty(seen)
            if certainty > wanted and not self._reached(seen).open:
                shown, wanted = seen, certainty
        return shown

    def _certainty(self, found: Found) -> float:
        return self._growth[found.shown].certainty(found.now())

    def _next(self, scale: float, *, up: bool) -> float | None:
        """Return the next coarser scale, or the next finer one."""
        beyond = [other for other in self.grids if (other > scale if up else other < scale)]
        return (min if up else max)(beyond, default=None)

    def _fits(self, length: float, scale: float) -> bool:
        """Return whether a target of a length, in voxels of the network's own grid, fits into a window of a scale."""
        return 0 < length <= _FILLED * self._size * scale

    def _as_rough(self, found: Found, scale: float) -> Rough:
        return Rough(list(self.merged(found)), scale / found.shown)

    def _reached(self, found: Found) -> Reach:
        return self._growth[found.shown].reached(found.now())

    def _holds_newest(self, found: Found, clicks: Sequence[Click]) -> bool:
        """Return whether the newest click lies well inside a window of the scale that is shown."""
        click = self._placed(clicks[-1:], found.shown)[0]
        return any(holds(w, click.ijk, self._size, margin=self._size / 10) for w in found.now().windows)

    def _placed(self, clicks: Sequence[Click], scale: float) -> tuple[Click, ...]:
        """Return clicks in voxels of a scale's working grid."""
        placed = []
        for click in clicks:
            i, j, k = (float(c) for c in self.grids[scale].to_model_ijk(click.ijk))
            placed.append(Click((i, j, k), click.positive))
        return tuple(placed)

    def _scale_of(self, box: Box) -> float:
        """Return the scale that a box in the volume's own voxels is looked at on."""
        finer = self._next(_OWN, up=False)
        if finer is None:
            return _OWN
        placed = on_grid(box, self.grids[finer])
        length = max(b - a + 1 for a, b in zip(placed.ijk_min, placed.ijk_max, strict=True))
        return finer if self._fits(length * finer, finer) else _OWN
