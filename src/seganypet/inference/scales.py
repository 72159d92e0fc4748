"""A target at several scales: they all answer the first click, and the answer that is likely to be best is shown.

A finer grid holds the shape of a small lesion, the window of a coarser one a whole organ; which of them a click means
shows in the answers themselves, see `judging`. Later clicks are shown to the scales that may still turn out best. With
a mask or a box to start from, the scale stays: the finer one if its window holds them well, else the model's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from seganypet.inference.boxes import on_grid
from seganypet.inference.frame import Frame
from seganypet.inference.growth import Evidence, Growth
from seganypet.inference.judging import Features, estimated_dice, features_of
from seganypet.inference.predictor import Predictor
from seganypet.inference.prior import Prior
from seganypet.inference.tiling import LogitBox
from seganypet.models.judgement import key_of
from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.cropping import bounding_box
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.preprocessing.working_image import WorkingImage
from seganypet.prompts import Box, Click
from seganypet.volume import BoolArray, Mask, Volume

# How much of a finer window a target may fill, along its longest axis, to be looked at there.
_FILLED = 0.6
_OWN = 1.0
# How much better another scale's mask must be likely to be for the one that the reader sees to give way.
_BETTER = 0.05
# How much worse a scale's mask may be likely to be for later clicks to be shown to it.
_HOPELESS = 0.2
# From which estimated Dice on a mask is good enough to be protected from corrections that reach far.
_TRUSTED = 0.4


@dataclass(frozen=True)
class Found:
    """What is known of a target; never changed.

    Attributes:
        evidence: At each scale that was looked at.
        shown: The scale of the mask.
        estimates: The Dice that each scale's mask may expect; empty where there is one scale alone.
        fixed: Whether the scale stays, as it does with a mask or a box to start from.
    """

    evidence: Mapping[float, Evidence] = field(default_factory=dict)
    shown: float = _OWN
    estimates: Mapping[float, float] = field(default_factory=dict)
    fixed: bool = False

    def now(self) -> Evidence:
        """Return what is known at the scale of the mask."""
        return self.evidence.get(self.shown, Evidence())


class Scales:
    """The working grids of a volume, one for each scale of the model.

    Args:
        model: What `load_model` returns.
        volume: In SUVbw.
    """

    def __init__(self, model: SegmentationModel, volume: Volume) -> None:
        wanted, self._size = model.description, model.patch_size
        self.grids = {
            scale: ModelGrid.of(volume.affine, volume.shape, wanted.spacing_mm * scale, wanted.orientation)
            for scale in wanted.scales
        }
        self._growth = {
            scale: Growth(Predictor(model, WorkingImage(volume.array, grid)))
            for scale, grid in self.grids.items()
        }
        judged = wanted.judgement
        self._judgement = [judged[key_of(scale)] for scale in self.grids] if judged else []

    def click(self, found: Found, clicks: Sequence[Click]) -> Found:
        """Return what is known after the newest click.

        Args:
            found: Before it.
            clicks: All of them, in order, in the volume's own voxels.
        """
        alone = found.fixed or len(self.grids) == 1
        evidence = dict(found.evidence)
        for scale in [found.shown] if alone else self._worth_asking(found):
            before = replace(
                evidence.get(scale, Evidence()),
                placed=self._placed(clicks, scale),
                trusted=found.estimates.get(scale, 0.0) > _TRUSTED,
            )
            evidence[scale] = replace(before, windows=self._growth[scale].click(before, grow=alone))
        if alone:
            return replace(found, evidence=evidence)
        dice = estimated_dice(self.features(evidence, clicks), self._judgement)
        estimates = dict(zip(self.grids, dice.tolist(), strict=True))
        best = max(estimates, key=estimates.__getitem__)
        stays = len(clicks) > 1 and estimates[best] < estimates[found.shown] + _BETTER
        shown = found.shown if stays else best
        if shown == max(self.grids):  # no window is wider: what leaves it goes on in the next
            evidence[shown] = replace(evidence[shown], windows=self._growth[shown].grown(evidence[shown]))
        return Found(evidence, shown, estimates)

    def _worth_asking(self, found: Found) -> list[float]:
        """Return the scales that the newest click is shown to: all at first, then those that may turn out the best."""
        least = found.estimates.get(found.shown, 0.0) - _HOPELESS
        return [scale for scale in self.grids if found.estimates.get(scale, least) >= least]

    def features(self, evidence: Mapping[float, Evidence], clicks: Sequence[Click]) -> Features:
        """Return what the Dice of each scale's mask is estimated from, in the order of the grids.

        Args:
            evidence: At every scale.
            clicks: All of them, in the volume's own voxels.
        """
        targets = {scale: self._growth[scale].target(evidence[scale]) for scale in self.grids}
        placed = self._placed(clicks, _OWN)
        frame = Frame.around(targets, placed)
        seen = [frame.crop(boxes, scale) for scale, boxes in targets.items()]
        return features_of(seen, [(frame.voxel_of(c), c.positive) for c in placed], frame.edge)

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

    def restore(self, found: Found, out: BoolArray) -> None:
        """Write the mask of the scale that is shown into one on the volume's own grid, wherever windows have looked.

        It ends where the prediction is not connected to a prompt.
        """
        grid = self.grids[found.shown]
        for box in self._growth[found.shown].target(found.now()):
            grid.restore(box.logits, box.start, known=box.known, out=out)

    def grid(self, found: Found) -> ModelGrid:
        """Return the working grid of the scale that is shown."""
        return self.grids[found.shown]

    def _placed(self, clicks: Sequence[Click], scale: float) -> tuple[Click, ...]:
        """Return clicks in voxels of a scale's working grid."""
        placed = []
        for click in clicks:
            i, j, k = (float(c) for c in self.grids[scale].to_model_ijk(click.ijk))
            placed.append(Click((i, j, k), click.positive))
        return tuple(placed)

    def _scale_of(self, box: Box) -> float:
        """Return the scale that a box in the volume's own voxels is looked at on."""
        finer = max((scale for scale in self.grids if scale < _OWN), default=None)
        if finer is None:
            return _OWN
        placed = on_grid(box, self.grids[finer])
        length = max(b - a + 1 for a, b in zip(placed.ijk_min, placed.ijk_max, strict=True))
        return finer if length <= _FILLED * self._size else _OWN
