"""A target at several scales: where to look next, and which scale's mask is shown.

A click is looked at on the network's own grid. A target that leaves its window is seen whole on a coarser grid first,
then window by window on this one; a target that fills little of its window is looked at again on a finer grid. With a
mask or a box to start from, the scale follows from their size and stays.
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
MOST = 1.25


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
        self._finer = max((scale for scale in wanted.scales if scale < _OWN), default=None)
        self._coarser = min((scale for scale in wanted.scales if scale > _OWN), default=None)

    def click(self, found: Found, clicks: Sequence[Click]) -> Found:
        """Return what is known after the newest click.

        Args:
            found: Before it.
            clicks: All of them, in order, in the volume's own voxels.
        """
        if found.fixed:
            return self._clicked(found, clicks)
        if found.shown != _OWN and self._holds_newest(found, clicks):
            again = self._clicked(found, clicks, grow=False)
            if not self._reached(again).open:
                return again
        if found.shown > _OWN:
            return self._clicked(found, clicks)
        found = self._clicked(replace(found, shown=_OWN), clicks, grow=self._coarser is None)
        reach = self._reached(found)
        if reach.open and self._coarser is not None:
            return self._from_afar(found, clicks, self._coarser)
        return self._closer(found, clicks, reach)

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

    def _from_afar(self, found: Found, clicks: Sequence[Click], scale: float) -> Found:
        """Return what a coarser scale shows of a target; one that takes few windows of the own is looked at there."""
        seen = self._clicked(found.with_(scale, Evidence()), clicks)
        if self._reached(seen).length * scale > MOST * self._size:
            return seen
        rough = self._as_rough(seen, _OWN)
        return self._clicked(seen.with_(_OWN, Evidence(rough=rough)), clicks)

    def _closer(self, found: Found, clicks: Sequence[Click], reach: Reach) -> Found:
        """Return what a finer scale shows of a target, if it is small enough for a window there."""
        scale = self._finer
        if scale is None or not 0 < reach.length * _OWN <= _FILLED * self._size * scale:
            return found
        middle = (np.add(reach.low, reach.high) / 2) * (_OWN / scale) - 0.5
        i, j, k = (round(float(c)) - self._size // 2 for c in middle)
        rough = Evidence(rough=self._as_rough(found, scale))
        closer = self._clicked(found.with_(scale, rough), clicks, first=(i, j, k), grow=False)
        return found if self._reached(closer).open else closer

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
        if self._finer is None:
            return _OWN
        placed = on_grid(box, self.grids[self._finer])
        length = max(b - a + 1 for a, b in zip(placed.ijk_min, placed.ijk_max, strict=True))
        return self._finer if length <= _FILLED * self._size else _OWN
