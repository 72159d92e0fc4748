"""One patch at a time: embed it once, decode it for every click."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.cropping import crop_or_pad
from seganypet.preprocessing.intensity import normalise
from seganypet.prompts import Click

FloatArray = npt.NDArray[np.float32]
Start = tuple[int, int, int]


class Decoded(NamedTuple):
    """What the decoder says about a patch.

    Attributes:
        logits: At the patch's resolution, float32 [P, P, P].
        low_res: At the decoder's own, [1, 1, L, L, L]: the mask prompt of the next click.
    """

    logits: FloatArray
    low_res: torch.Tensor


class Predictor:
    """Predicts windows of one image on the working grid; embeddings are cached, the least recently used goes first.

    Args:
        model: What `load_model` returns.
        image: SUV on the model's working grid, float32 [I, J, K].
        cached: How many embeddings are kept.
    """

    def __init__(self, model: SegmentationModel, image: FloatArray, *, cached: int = 16) -> None:
        self.model = model
        self.image = image
        self._cached = cached
        self._embeddings: OrderedDict[Start, Any] = OrderedDict()

    @property
    def size(self) -> int:
        """Voxels along each side of a window."""
        return self.model.patch_size

    def decode(
        self,
        window: Start,
        clicks: Sequence[Click],
        previous: FloatArray | torch.Tensor | None,
        *,
        first: bool = False,
    ) -> Decoded:
        """Return the logits of a window.

        Args:
            window: First voxel of the window on the working grid; beyond the image, air is assumed.
            clicks: In voxels of the window.
            previous: Logits so far, either `Decoded.low_res` or an array [P, P, P] with 0 where nothing is known.
            first: Whether the window is seen for the first time, which the model may give more passes.
        """
        if isinstance(previous, np.ndarray):
            previous = self.model.to_low_res(torch.from_numpy(previous)[None, None])
        shown = clicks[-1:] if self.model.description.prompt_policy == "newest" else clicks
        coords = torch.tensor([[c.ijk for c in shown]], dtype=torch.float32).reshape(1, -1, 3)
        labels = torch.tensor([[int(c.positive) for c in shown]], dtype=torch.long).reshape(1, -1)
        embedding = self._embed(window)
        low_res = self.model.decode(embedding, coords, labels, previous)
        for _ in range(self.model.description.passes[0 if first else 1] - 1):
            low_res = self.model.decode(embedding, coords, labels, low_res)
        logits = self.model.upscale(low_res)[0, 0].float().cpu().numpy()
        return Decoded(logits, low_res)

    def _embed(self, window: Start) -> Any:
        """Return the window's embedding, computed at its first use."""
        if window in self._embeddings:
            self._embeddings.move_to_end(window)
            return self._embeddings[window]
        patch = crop_or_pad(self.image, window, (self.size,) * 3)
        patch = normalise(patch, self.model.description.normalisation)
        self._embeddings[window] = self.model.encode(torch.from_numpy(patch)[None, None])
        while len(self._embeddings) > self._cached:
            self._embeddings.popitem(last=False)
        return self._embeddings[window]
