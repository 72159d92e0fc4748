"""Where the time of a training step goes: forward and backward, part by part.

A part's time runs from the end of the part before it, so all parts add up to the step. Backward passes are told apart
by hooks on the tensors that lead from one part to the next: autograd works through the clicks from the last to the
first, each one's upscaling, then its decoder, and through the encoder when all clicks are done.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from torch import Tensor

from seganypet.models.sam3d import SAM3DConfig, SegAny3D


class Seconds(NamedTuple):
    """Time spent.

    Attributes:
        wall: As a clock on the wall tells.
        cpu: Of all threads together, which other work on the machine prolongs less.
    """

    wall: float
    cpu: float


PARTS = (
    "image encoder, forward",
    "mask decoder, forward",
    "upscaling, forward",
    "click simulation",
    "loss, forward",
    "loss, backward",
    "upscaling, backward",
    "mask decoder, backward",
    "image encoder, backward",
    "optimiser",
)


class Stopwatch:
    """Time by part; `lap` closes what has gone on since the last lap."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, Seconds(0.0, 0.0))
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def lap(self, part: str) -> None:
        """Add the time since the last lap, or the start, to a part."""
        wall, cpu = self._wall, self._cpu
        self.start()
        before = self.seconds[part]
        self.seconds[part] = Seconds(before.wall + self._wall - wall, before.cpu + self._cpu - cpu)


class TimedNetwork(SegAny3D):
    """The papers' network with a watch beside it.

    Args:
        config: Shape of the network; the published one if left out.
    """

    def __init__(self, config: SAM3DConfig | None = None) -> None:
        super().__init__(config)
        self.watch = Stopwatch()
        self._loss_passed = False

    def restart(self) -> Stopwatch:
        """Return a new watch, started now, for the next step."""
        self.watch, self._loss_passed = Stopwatch(), False
        return self.watch

    def encode(self, patch: Tensor) -> Tensor:
        """Return the image embedding."""
        self.watch.lap("click simulation")
        embedding = super().encode(patch)
        self._on_gradient(embedding, "mask decoder, backward")
        self.watch.lap("image encoder, forward")
        return embedding

    def decode(
        self,
        image_embedding: Tensor,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None = None,
    ) -> Tensor:
        """Return low-resolution logits."""
        self.watch.lap("click simulation")
        logits = super().decode(image_embedding, point_coords, point_labels, low_res_logits)
        self.watch.lap("mask decoder, forward")
        return logits

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        """Return logits at the patch's resolution."""
        self._on_gradient(low_res_logits, "upscaling, backward")
        logits = super().upscale(low_res_logits)
        if logits.requires_grad:
            logits.register_hook(self._reached)
        self.watch.lap("upscaling, forward")
        return logits

    def _on_gradient(self, tensor: Tensor, part: str) -> None:
        """Close a part of the backward pass when the gradient of a tensor is complete."""
        if tensor.requires_grad:
            tensor.register_hook(lambda _: self.watch.lap(part))

    def _reached(self, _: Tensor) -> None:
        """Close what comes before a click's upscaling: the loss, or the decoder of the click after it."""
        self.watch.lap("mask decoder, backward" if self._loss_passed else "loss, backward")
        self._loss_passed = True
