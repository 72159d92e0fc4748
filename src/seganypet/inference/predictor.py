"""One patch at a time: embed it once, decode it for every click."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from seganypet.inference.tiling import Start
from seganypet.models.checks import FIRST_CORNER, LAST_CORNER
from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.cropping import overlap
from seganypet.preprocessing.intensity import normalise
from seganypet.preprocessing.working_image import WorkingImage
from seganypet.prompts import Box, Click
from seganypet.volume import FloatArray

# Embeddings that are kept: some 80 windows of the shipped or of the papers' network.
_EMBEDDED_BYTES = 64 << 20
# Windows whose logits are kept at the patch's resolution, 8 MB each at 128 voxels a side; more are upscaled anew.
_UPSCALED = 8


class Predictor:
    """Predicts windows of one image on the working grid; embeddings are cached, the least recently used goes first.

    Args:
        model: What `load_model` returns.
        image: SUV, seen through the model's working grid.
        embedded_bytes: How much the embeddings that are kept may hold; the newest is kept in any case.
    """

    def __init__(
        self, model: SegmentationModel, image: WorkingImage, *, embedded_bytes: int = _EMBEDDED_BYTES
    ) -> None:
        self.model = model
        self.image = image
        self._embedded_bytes = embedded_bytes
        self._embeddings: OrderedDict[Start, Any] = OrderedDict()
        # Tensors are found by identity; being held as keys, none gives its identity to another.
        self._upscaled: OrderedDict[torch.Tensor, FloatArray] = OrderedDict()

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
        box: Box | None = None,
    ) -> torch.Tensor:
        """Return what the decoder says about a window, at its own resolution, [1, 1, L, L, L]; see `logits`.

        Args:
            window: First voxel of the window on the working grid; beyond the image, air is assumed.
            clicks: In voxels of the window, in order; under the policy "newest" the last one is shown, in a new
                window the newest positive one and then all negative ones, which now have something to exclude from.
            previous: What `decode` returned before, or `previous`, or None where nothing is known.
            first: Whether the window is seen for the first time, which the model may give more passes.
            box: What the window sees of a box around the target, in its voxels; shown in every pass.
        """
        embedding, (passes, later_passes) = self._embed(window), self.model.description.passes
        shown, *later = self._shown(clicks, first)
        low_res = self._decode(embedding, shown, box, previous, passes if first else later_passes)
        for shown in later:
            low_res = self._decode(embedding, shown, box, low_res, later_passes)
        return low_res

    def logits(self, low_res: torch.Tensor) -> FloatArray:
        """Return what `decode` returned at the patch's resolution, float32 [P, P, P], read-only."""
        if low_res in self._upscaled:
            self._upscaled.move_to_end(low_res)
            return self._upscaled[low_res]
        logits: FloatArray = self.model.upscale(low_res)[0, 0].float().cpu().numpy()
        logits.setflags(write=False)
        self._upscaled[low_res] = logits
        while len(self._upscaled) > _UPSCALED:
            self._upscaled.popitem(last=False)
        return logits

    def previous(self, window: Start, known: FloatArray, own: torch.Tensor | None) -> torch.Tensor:
        """Return what is known of a window, as logits for the next `decode`.

        Averaging to the decoder's resolution what was interpolated from there would blur it with every click; so only
        what its neighbours changed of a window's own logits is averaged. Beyond the image they change nothing. A
        network that decodes at the patch's resolution is shown what is known as it is.

        Args:
            window: First voxel of the window on the working grid.
            known: Logits [P, P, P], 0 where nothing is known, as beyond the image.
            own: What `decode` returned for this window before, if it did.
        """
        if own is None or self.model.logits_size == self.size:
            return self.model.to_low_res(torch.from_numpy(known)[None, None])
        _, inside = overlap(self.image.shape, known.shape, window)
        change = np.zeros_like(known)
        change[inside] = known[inside] - self.logits(own)[inside]
        return own + self.model.to_low_res(torch.from_numpy(change)[None, None]).to(own.device)

    def _shown(self, clicks: Sequence[Click], first: bool) -> list[Sequence[Click]]:
        """Return the clicks of one decoding after the other, as the model's policy says."""
        if self.model.description.prompt_policy == "all":
            return [clicks]
        positive = [click for click in clicks if click.positive]
        if first and positive:
            return [positive[-1:], *([click] for click in clicks if not click.positive)]
        return [clicks[-1:]]

    def _decode(
        self,
        embedding: Any,
        clicks: Sequence[Click],
        box: Box | None,
        previous: torch.Tensor | None,
        passes: int,
    ) -> torch.Tensor:
        """Return the decoder's logits after some passes, each of which is shown those of the one before."""
        points = [(c.ijk, int(c.positive)) for c in clicks]
        if box is not None:
            points += [(box.ijk_min, FIRST_CORNER), (box.ijk_max, LAST_CORNER)]
        coords = torch.tensor([[ijk for ijk, _ in points]], dtype=torch.float32).reshape(1, -1, 3)
        labels = torch.tensor([[label for _, label in points]], dtype=torch.long).reshape(1, -1)
        low_res = self.model.decode(embedding, coords, labels, previous)
        for _ in range(passes - 1):
            low_res = self.model.decode(embedding, coords, labels, low_res)
        return low_res

    def _embed(self, window: Start) -> Any:
        """Return the window's embedding, computed at its first use."""
        if window in self._embeddings:
            self._embeddings.move_to_end(window)
            return self._embeddings[window]
        field = self.model.field_size
        start = [at - (field - self.size) // 2 for at in window]
        patch = normalise(self.image.crop(start, (field,) * 3), self.model.description.normalisation)
        self._embeddings[window] = self.model.encode(torch.from_numpy(patch)[None, None])
        held = sum(map(_bytes_of, self._embeddings.values()))
        while held > self._embedded_bytes and len(self._embeddings) > 1:
            held -= _bytes_of(self._embeddings.popitem(last=False)[1])
        return self._embeddings[window]


def _bytes_of(embedding: Any) -> int:
    """Return the bytes of an embedding: a tensor, or a tuple of embeddings."""
    return embedding.nbytes if isinstance(embedding, torch.Tensor) else sum(map(_bytes_of, embedding))
