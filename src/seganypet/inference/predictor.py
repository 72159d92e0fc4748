"""One patch at a time: embed it once, decode it for every click."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.intensity import normalise
from seganypet.preprocessing.working_image import WorkingImage
from seganypet.prompts import Click

FloatArray = npt.NDArray[np.float32]
Start = tuple[int, int, int]

# Windows whose logits are kept at the patch's resolution, 8 MB each at 128 voxels a side; more are upscaled anew.
_UPSCALED = 8


class Predictor:
    """Predicts windows of one image on the working grid; embeddings are cached, the least recently used goes first.

    Args:
        model: What `load_model` returns.
        image: SUV, seen through the model's working grid.
        cached: How many embeddings are kept.
    """

    def __init__(self, model: SegmentationModel, image: WorkingImage, *, cached: int = 16) -> None:
        self.model = model
        self.image = image
        self._cached = cached
        self._embeddings: OrderedDict[Start, Any] = OrderedDict()
        self._upscaled = lru_cache(maxsize=_UPSCALED)(self._upscale)

    @property
    def size(self) -> int:
        """Voxels along each side of a window."""
        return self.model.patch_size

    def decode(
        self,
        window: Start,
        clicks: Sequence[Click],
        previous: torch.Tensor | None,
        *,
        first: bool = False,
    ) -> torch.Tensor:
        """Return what the decoder says about a window, at its own resolution, [1, 1, L, L, L]; see `logits`.

        Args:
            window: First voxel of the window on the working grid; beyond the image, air is assumed.
            clicks: In voxels of the window, in order; under the policy "newest" the last one is shown.
            previous: What `decode` returned before, or `previous`, or None where nothing is known.
            first: Whether the window is seen for the first time, which the model may give more passes.
        """
        shown = clicks[-1:] if self.model.description.prompt_policy == "newest" else clicks
        coords = torch.tensor([[c.ijk for c in shown]], dtype=torch.float32).reshape(1, -1, 3)
        labels = torch.tensor([[int(c.positive) for c in shown]], dtype=torch.long).reshape(1, -1)
        embedding = self._embed(window)
        low_res = self.model.decode(embedding, coords, labels, previous)
        for _ in range(self.model.description.passes[0 if first else 1] - 1):
            low_res = self.model.decode(embedding, coords, labels, low_res)
        return low_res

    def logits(self, low_res: torch.Tensor) -> FloatArray:
        """Return what `decode` returned at the patch's resolution, float32 [P, P, P], read-only."""
        return self._upscaled(low_res)

    def previous(self, known: FloatArray, own: torch.Tensor | None) -> torch.Tensor:
        """Return what is known of a window, as logits for the next `decode`.

        Averaging to the decoder's resolution what was interpolated from there would blur it with every click; so only
        what its neighbours changed of a window's own logits is averaged.

        Args:
            known: Logits [P, P, P], 0 where nothing is known.
            own: What `decode` returned for this window before, if it did.
        """
        change = known if own is None else known - self.logits(own)
        low_res = self.model.to_low_res(torch.from_numpy(change)[None, None])
        return low_res if own is None else own + low_res.to(own.device)

    def _upscale(self, low_res: torch.Tensor) -> FloatArray:
        logits: FloatArray = self.model.upscale(low_res)[0, 0].float().cpu().numpy()
        logits.setflags(write=False)
        return logits

    def _embed(self, window: Start) -> Any:
        """Return the window's embedding, computed at its first use."""
        if window in self._embeddings:
            self._embeddings.move_to_end(window)
            return self._embeddings[window]
        patch = normalise(self.image.crop(window, (self.size,) * 3), self.model.description.normalisation)
        self._embeddings[window] = self.model.encode(torch.from_numpy(patch)[None, None])
        while len(self._embeddings) > self._cached:
            self._embeddings.popitem(last=False)
        return self._embeddings[window]
