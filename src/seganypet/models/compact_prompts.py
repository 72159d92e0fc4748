"""Prompt encoder of the compact network: clicks as tokens and maps, corners as tokens, the previous mask as a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seganypet.models.checks import check_labels
from seganypet.models.compact_boxes import check_corners
from seganypet.models.compact_connected import CONNECTED_CHANNELS, connected_maps
from seganypet.models.compact_layers import space_to_depth

if TYPE_CHECKING:
    from seganypet.models.compact import CompactEmbedding

# Reach of the distance maps, in patch voxels: the click itself, and the neighbourhood of a large organ.
_NEAR, _FAR = 6.0, 24.0
# In log(1 + SUV), so that a difference of 0.25 counts as 1/e similar.
_UPTAKE_SHARPNESS = 4.0
_FREQUENCIES = 8


class CompactPromptEncoder(nn.Module):
    """Draws clicks and the previous mask as maps, and encodes each click and each corner of a box as a token.

    Args:
        channels: Of the image embedding at 1/2, 1/4 and 1/8.
        boxes: Whether boxes are known.
        connected: Whether maps of how voxels are connected to the clicks are drawn.
    """

    def __init__(
        self, channels: tuple[int, int, int], *, boxes: bool = False, connected: bool = False
    ) -> None:
        super().__init__()
        self.connected = connected
        width = channels[2]
        self.position = nn.Linear(6 * _FREQUENCIES, width)
        self.label = nn.Embedding(3, width)  # negative, positive, padding
        self.feature = nn.Linear(sum(channels) + 1, width)
        self.corner = nn.Embedding(2, width) if boxes else None  # first, last

    @property
    def map_channels(self) -> int:
        """Distance maps at half resolution; uptake maps, mask and patch as space-to-depth; connection maps."""
        return 4 + 8 * 5 + (CONNECTED_CHANNELS if self.connected else 0)

    def forward(
        self, embedding: CompactEmbedding, coords: Tensor, labels: Tensor, logits: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return maps [B, map_channels, P/2, P/2, P/2] and tokens [B, N, C2].

        Args:
            embedding: From the image encoder.
            coords: [B, N, 3] in patch voxels.
            labels: 1 positive, 0 negative, -1 padding, 2 and 3 corners of a box, [B, N].
            logits: Previous prediction [B, 1, P, P, P] or None.

        Raises:
            PromptError: A label other than these, corners where boxes are not known, or that are no box.
        """
        check_labels(labels, boxes=self.corner is not None)
        if self.corner is not None:
            check_corners(coords, labels)
        patch = embedding.patch
        uptake = _sample(_smooth(patch), coords)[..., 0]
        distance = _distance_maps(coords, labels, patch.shape[-1])
        difference = _uptake_maps(patch, uptake, labels)
        known = torch.zeros_like(patch) if logits is None else torch.tanh(logits.to(patch.dtype) / 2)
        full = space_to_depth(torch.cat([difference, known, patch], dim=1))
        parts = [distance.to(full.dtype), full]
        if self.connected:
            parts.append(connected_maps(patch, uptake, coords, labels).to(full.dtype))
        maps = torch.cat(parts, dim=1).contiguous(memory_format=torch.channels_last_3d)
        return maps, self._tokens(embedding, coords, labels, uptake)

    def _tokens(self, embedding: CompactEmbedding, coords: Tensor, labels: Tensor, uptake: Tensor) -> Tensor:
        """Return one token per point: where it is, what it says, and what the image shows there."""
        size = embedding.patch.shape[-1]
        position = self.position(_fourier((coords + 0.5) / size).to(embedding.coarse.dtype))
        features = [uptake[..., None].to(embedding.coarse.dtype)]
        for scale, level in ((2, embedding.fine), (4, embedding.mid), (8, embedding.coarse)):
            features.append(_sample(level, (coords + 0.5) / scale - 0.5))
        token = position + self.feature(torch.cat(features, dim=-1))
        shown = (labels >= 0)[..., None].to(token.dtype)
        encoded: Tensor = token * shown + self._kinds(labels)
        return encoded

    def _kinds(self, labels: Tensor) -> Tensor:
        """Return what the labels stand for: negative, positive, first corner, last corner, padding."""
        if self.corner is None:
            return nn.functional.embedding(torch.where(labels < 0, 2, labels), self.label.weight)
        known = torch.cat([self.label.weight[:2], self.corner.weight, self.label.weight[2:]])
        return nn.functional.embedding(torch.where(labels < 0, 4, labels), known)


def position_features(shape: Sequence[int], project: nn.Linear, *, like: Tensor) -> Tensor:
    """Return the positional encoding of a grid's voxel centres, [1, I·J·K, C]."""
    axes = [(torch.arange(n, device=like.device) + 0.5) / n for n in shape]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    encoded: Tensor = project(_fourier(grid).to(like.dtype))
    return encoded.flatten(0, 2)[None]


def _fourier(unit: Tensor) -> Tensor:
    """Return sines and cosines of coordinates in 0..1, [..., 3] to [..., 6 F]."""
    scales = 2.0 ** torch.arange(_FREQUENCIES, device=unit.device) * (math.pi / 2)
    angles = (unit[..., None] * scales).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _sample(volume: Tensor, coords: Tensor) -> Tensor:
    """Return the nearest voxel's features at coords, [B, C, ...] and [B, N, 3] to [B, N, C]."""
    sizes = torch.tensor(volume.shape[2:], device=coords.device)
    i, j, k = torch.minimum(coords.round().long().clamp(min=0), sizes - 1).unbind(-1)
    batch = torch.arange(len(volume), device=coords.device)[:, None].expand_as(i)
    return volume[batch, :, i, j, k]


def _smooth(patch: Tensor) -> Tensor:
    """Return 3×3×3 means, so that one noisy voxel does not stand for the target's uptake."""
    return nn.functional.avg_pool3d(patch, 3, stride=1, padding=1, count_include_pad=False)


def _distance_maps(coords: Tensor, labels: Tensor, size: int) -> Tensor:
    """Return [B, 4, P/2, P/2, P/2]: nearness to positive clicks (near, far) and to negative ones (near, far)."""
    axis = torch.arange(size // 2, device=coords.device) * 2 + 0.5  # half-resolution centres, in patch voxels
    maps = []
    for label in (1, 0):
        squared = torch.full(
            (len(coords), size // 2, size // 2, size // 2), float("inf"), device=coords.device
        )
        for n in range(coords.shape[1]):
            di, dj, dk = ((axis - coords[:, n, a, None]) ** 2 for a in range(3))
            here = di[:, :, None, None] + dj[:, None, :, None] + dk[:, None, None, :]
            chosen = (labels[:, n] == label)[:, None, None, None]
            squared = torch.where(chosen, torch.minimum(squared, here), squared)
        distance = squared.sqrt()
        maps += [(1 - distance / _NEAR).clamp(min=0), torch.exp(-distance / _FAR)]
    return torch.stack(maps, dim=1)


def _uptake_maps(patch: Tensor, uptake: Tensor, labels: Tensor) -> Tensor:
    """Return [B, 3, P, P, P]: signed difference to the positive clicks' mean uptake, and likeness to each kind."""
    maps = []
    for label in (1, 0):
        nearest = torch.full_like(patch, float("inf"))
        for n in range(uptake.shape[1]):
            here = (patch - uptake[:, n, None, None, None, None]).abs()
            chosen = (labels[:, n] == label)[:, None, None, None, None]
            nearest = torch.where(chosen, torch.minimum(nearest, here), nearest)
        maps.append(torch.exp(-_UPTAKE_SHARPNESS * nearest))
    positive = (labels == 1).to(uptake.dtype)
    count = positive.sum(1)
    mean = (uptake * positive).sum(1) / count.clamp(min=1)
    signed = (patch - mean[:, None, None, None, None]) * (count > 0).to(patch.dtype)[
        :, None, None, None, None
    ]
    return torch.cat([signed, *maps], dim=1)
