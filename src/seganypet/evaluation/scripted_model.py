"""A network that does all its work, and whose masks are those of a threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seganypet.models.model import SegmentationModel

# Of the patch's range, from its coldest to its hottest voxel.
_THRESHOLD = 0.4
_LOGIT = 4.0


class ScriptedEmbedding(NamedTuple):
    """An image embedding, and what the decoder will be said to have answered.

    Attributes:
        embedding: The network's own.
        logits: [B, 1, L, L, L].
    """

    embedding: Any
    logits: Tensor


class ScriptedModel(SegmentationModel):
    """A model for measuring costs without trained weights.

    A network's cost does not depend on its weights, but a session's does: with random weights the masks are
    random and windows grow over the whole body. So encoder and decoder run as always, and then the decoder's
    logits are replaced by those of the voxels above 40 % of the patch's range. The number of windows is thus
    set by the target, for every network and normalisation that keeps the order of the values.

    Args:
        model: Whose network and description are used.

    Attributes:
        encoded: How many patches were encoded.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__(model.network, model.description, device=model.device, precision=model.precision)
        self.encoded = 0

    def encode(self, patch: Tensor) -> ScriptedEmbedding:
        """Return the image embedding of a patch [B, 1, P, P, P], with the answer to all clicks on it."""
        self.encoded += len(patch)
        return ScriptedEmbedding(super().encode(patch), threshold_logits(patch, self.logits_size))

    def decode(
        self,
        image_embedding: Any,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None = None,
    ) -> Tensor:
        """Run the decoder; return the scripted logits [B, 1, L, L, L] in place of its own."""
        logits = super().decode(image_embedding.embedding, point_coords, point_labels, low_res_logits)
        scripted: Tensor = image_embedding.logits.to(logits)
        return scripted


def threshold_logits(patch: Tensor, size: int) -> Tensor:
    """Return logits [B, 1, size, size, size]: 4 above 40 % of the range of a patch [B, 1, P, P, P], -4 below."""
    low, high = patch.amin((1, 2, 3, 4), keepdim=True), patch.amax((1, 2, 3, 4), keepdim=True)
    logits = torch.where(patch > low + _THRESHOLD * (high - low), _LOGIT, -_LOGIT)
    return nn.functional.adaptive_avg_pool3d(logits, size)
