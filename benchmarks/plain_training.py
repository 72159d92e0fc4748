"""A training loop as the released one is written, to compare with: plain operations, one process, float32.

Described by what it does, not copied: the embedding once per batch, a click anywhere in error after each prediction,
the newest click with the previous low-resolution logits, two steps without a click, every prediction brought to the
patch's resolution and compared there, one backward pass through the sum of the losses.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seganypet.models.sam3d import SegAny3D
from seganypet.training.sample import Sample

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from literal_network import LiteralNetwork

_CLICKLESS = (2, 9)  # a random step of these, counted from 1, sees the mask alone, and so does the last
_ABOVE = 0.5  # the released code compares logits, not probabilities


class PlainNetwork(LiteralNetwork):
    """The literal network, which in training may also see no prompt at all."""

    def _points(self, coords: Tensor, labels: Tensor, patch: int) -> Tensor:
        if coords.shape[1] == 0:  # not even the padding token
            return coords.new_zeros(len(coords), 0, self.tensors["mask_decoder.iou_token.weight"].shape[1])
        return super()._points(coords, labels, patch)


class PlainLoop:
    """The network's tensors, their optimiser, and a step of training.

    Args:
        network: Where the tensors' first values come from; they are copied.
        clicks: Decoder passes of a step.
        learning_rate: Of AdamW.
    """

    def __init__(self, network: SegAny3D, *, clicks: int = 11, learning_rate: float = 8e-4) -> None:
        from monai.losses.dice import DiceCELoss

        parameters = {name: tensor.detach().clone() for name, tensor in network.named_parameters()}
        for tensor in parameters.values():
            tensor.requires_grad_()
        self.tensors = {**dict(network.named_buffers()), **parameters}
        self.clicks = clicks
        self._loss = cast(nn.Module, DiceCELoss(sigmoid=True, squared_pred=True))
        self._heads, self._decoder_heads = network.config.num_heads, network.config.decoder_heads
        self._optimiser = torch.optim.AdamW(list(parameters.values()), lr=learning_rate, weight_decay=0.1)

    def step(self, batch: Sample) -> float:
        """Train on a batch and return the sum of its losses over the clicks."""
        network = PlainNetwork(self.tensors, num_heads=self._heads)
        embedding = network.encode(batch.patch)
        prediction = torch.zeros_like(batch.patch)
        low_res: Tensor | None = None
        total = prediction.new_zeros(())
        clickless = (int(torch.randint(*_CLICKLESS, ())), self.clicks)
        for number in range(1, self.clicks + 1):
            coords, labels = _clicks_in_error(prediction, batch.reference)
            if self.clicks > 1 and number in clickless:
                coords, labels = coords[:, :0], labels[:, :0]
            low_res = network.decode(embedding, coords, labels, low_res, num_heads=self._decoder_heads)
            logits = F.interpolate(low_res, size=batch.patch.shape[2:], mode="trilinear", align_corners=False)
            total = total + self._loss(logits, batch.reference.float())
            prediction, low_res = logits.detach(), low_res.detach()
        self._optimiser.zero_grad()
        total.backward()
        self._optimiser.step()
        return float(total.detach())


def _clicks_in_error(prediction: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Return a click for each sample, [B, 1, 3] and [B, 1]: any voxel in error, or any at all where there is none."""
    places, labels = [], []
    for predicted, wanted in zip(prediction[:, 0] > _ABOVE, reference[:, 0], strict=True):
        wrong = torch.argwhere(predicted ^ wanted)
        if not len(wrong):
            wrong = torch.argwhere(torch.ones_like(wanted))
        place = wrong[torch.randint(len(wrong), ())]
        places.append(place)
        labels.append(wanted[tuple(place)].long())
    return torch.stack(places)[:, None], torch.stack(labels)[:, None]
